#!/usr/bin/env bash
# Runs the unit tests, stories and a first simulation, then the tests on a real
# API server. With the race detector where there is a C compiler, but for what
# runs in virtual time: one goroutine does all of that, and it would take five
# times as long.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

race=()
if command -v "${CC:-gcc}" >/dev/null; then
  race=(-race)
else
  echo "no C compiler: without the race detector"
fi
virtual='^Test(Stories|Proofs|Simulation|TakeOver|InvalidSpecs|MemoryIsFlat|AFailure.*)$'
go test "${race[@]}" -skip "${virtual}" ./cmd/... ./pkg/...
go test -run "${virtual}" ./pkg/controller
hack/e2e.sh
