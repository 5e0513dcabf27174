#!/usr/bin/env bash
# Checks style, and looks for suspicious code, as .golangci.yml says. With
# --fix it mends what it can, formatting above all. The linter is built from
# source the first time, in about a minute.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go -C hack/tools build -o ../../bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
for module in . hack/tools; do
  (cd "${module}" && "${OLDPWD}/bin/golangci-lint" run --config "${OLDPWD}/.golangci.yml" "$@" ./...)
done
