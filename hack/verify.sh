#!/usr/bin/env bash
# Runs every hack/verify-*.sh, or those that are named: "hack/verify.sh imports
# sizes". Says how long each took, and at the end what failed.
set -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

names=("$@")
if [[ ${#names[@]} -eq 0 ]]; then
  for script in hack/verify-*.sh; do
    name="${script#hack/verify-}"
    names+=("${name%.sh}")
  done
fi
failed=()
for name in "${names[@]}"; do
  start=${SECONDS}
  result=ok
  "hack/verify-${name}.sh" || { result=FAILED; failed+=("${name}"); }
  echo "${name}: ${result} after $((SECONDS - start)) s"
done
if [[ ${#failed[@]} -gt 0 ]]; then
  echo "failed: ${failed[*]}" >&2
  exit 1
fi
