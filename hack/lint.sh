#!/usr/bin/env bash
# Checks style, and looks for suspicious code, as .golangci.yml says. With
# --fix it mends what it can, formatting above all. The linter is built from
# source the first time, in about a minute. $MODULES says which of our modules
# (hack/playground is another one, and needs its many dependencies).
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="${PWD}"

go -C hack/tools build -o ../../bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
failed=0
for module in ${MODULES:-. hack/tools}; do
  echo "module ${module}"
  (cd "${module}" && "${root}/bin/golangci-lint" run --allow-parallel-runners --config "${root}/.golangci.yml" --max-issues-per-linter 0 --max-same-issues 0 "$@" ./...) || failed=1
done
exit "${failed}"
