#!/usr/bin/env bash
# Runs test/e2e on the API server of the playground.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -d test/e2e ]; then
  hack/playground/build.sh
  go build -o bin/ ./cmd/...
  go test -C test/e2e -count=1 -timeout 30m ./... "$@"
fi
