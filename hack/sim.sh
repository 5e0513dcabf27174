#!/usr/bin/env bash
# Tries random rollouts with faults on the whole controller, and random states
# that another controller has left behind, on all processors. N says how many of
# each (2000 by default), SEED where to begin: the same numbers try the same ones
# on a machine with as many processors. A breach prints itself as a story.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

n="${N:-2000}" seed="${SEED:-1}" shares="$(nproc)"
out="$(mktemp -d)"
trap 'rm -rf "${out}"' EXIT
go test -c -o "${out}/sim" ./pkg/controller

cd pkg/controller
pids=() failed=0
for ((i = 0; i < shares; i++)); do
  "${out}/sim" -test.run '^Test(Simulation|TakeOver)$' -test.v -test.timeout 0 -rapid.nofailfile \
    -rapid.checks="$(((n + shares - 1) / shares))" -rapid.seed="$((seed + i))" >"${out}/${i}" 2>&1 &
  pids+=($!)
done
for ((i = 0; i < shares; i++)); do
  wait "${pids[i]}" || { failed=1; cat "${out}/${i}"; }
done
((failed == 0)) || exit 1
grep -ho '[0-9]* rollouts: .*' "${out}"/[0-9]*
echo "ok: ${n} rollouts from seed ${seed} in ${SECONDS} s"
