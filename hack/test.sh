#!/usr/bin/env bash
# Runs the unit tests, stories and a first simulation, then the tests on a real
# API server. With the race detector where there is a C compiler.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

race=()
if command -v "${CC:-gcc}" >/dev/null; then
  race=(-race)
else
  echo "no C compiler: without the race detector"
fi
go test "${race[@]}" ./cmd/... ./pkg/...
hack/e2e.sh
