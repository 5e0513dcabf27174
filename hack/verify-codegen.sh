#!/usr/bin/env bash
# Says whether the generated code is what update-codegen.sh makes, on a copy.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

copy="$(mktemp -d)"
trap 'rm -rf "${copy}"' EXIT
mkdir -p "${copy}/hack/tools"
cp go.mod go.sum "${copy}"
cp hack/update-codegen.sh hack/boilerplate.go.txt "${copy}/hack"
cp hack/tools/go.mod hack/tools/go.sum "${copy}/hack/tools"
cp -R pkg "${copy}"

log="${copy}/log"
"${copy}/hack/update-codegen.sh" >"${log}" 2>&1 || { cat "${log}" >&2; exit 1; }
diff -ru pkg "${copy}/pkg" || { echo "run hack/update-codegen.sh" >&2; exit 1; }
