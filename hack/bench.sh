#!/usr/bin/env bash
# Measures the planner, the routers and a whole rollout.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go test ./pkg/... -run '^$' -bench . -benchmem
