#!/usr/bin/env bash
# Tries random rollouts with faults on the whole controller. SEED repeats one,
# N says how many (100 by default). A breach prints itself as a story.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

args=(-rapid.checks="${N:-100}")
[ -z "${SEED:-}" ] || args+=(-rapid.seed="${SEED}")
go test ./pkg/controller -run TestSimulation -count=1 -timeout 0 "${args[@]}"
