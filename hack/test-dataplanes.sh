#!/usr/bin/env bash
# Runs the tests that send traffic through a real data plane, and the unit tests
# of the playground. Arguments go to "go test".
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hack/playground/build.sh traefik sluice-controller
start=${SECONDS}
PLAYGROUND_BINARIES="$(cd "${BUILD:-build/playground}" && pwd)"
export PLAYGROUND_BINARIES
export CGO_ENABLED=0 # as it was built: most of it is compiled already
# One package at a time: shares are measured, and other work would disturb.
go test -C hack/playground -count=1 -p 1 -timeout 20m "$@" ./...
echo "test-dataplanes took $((SECONDS - start)) s after the build"
