#!/usr/bin/env bash
# Runs test/e2e on the API server of the playground: the built controller, under
# the rights that it ships with. The first time the playground is built, which
# takes some ten minutes; after that the tests take five. Arguments go to
# "go test", such as -run TestUpdate -v. SEED= repeats a run of the chaos tests.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build="${BUILD:-build/playground}"
[[ ${build} == /* ]] || build="${PWD}/${build}"

hack/playground/build.sh
CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...
export SLUICE_E2E_PLAYGROUND="${build}"
export SLUICE_E2E_CONTROLLER="${PWD}/bin/sluice-controller"
# Tests wait most of the time, so that many of them fit on few cores. The race
# detector looks at the tests alone: the controller is another process.
race=()
if command -v "${CC:-gcc}" >/dev/null; then
  race=(-race)
fi
go test "${race[@]}" ./test/e2e/... -count=1 -parallel 16 -timeout 20m "$@"
