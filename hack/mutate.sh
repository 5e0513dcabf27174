#!/usr/bin/env bash
# Switches off one gate of the planner at a time, and lets the simulation find
# out. N says how many rollouts it may take (2000 by default).
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go -C hack/tools build -o ../../bin/ ./mutate
bin/mutate . build/mutate hack/mutations.txt "${N:-2000}" "$@"
