#!/usr/bin/env bash
# Says whether the generated manifests are what update-manifests.sh makes, and
# whether the controller may edit the objects of every data plane.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fresh="$(mktemp -d)"
trap 'rm -rf "${fresh}"' EXIT
hack/update-manifests.sh "${fresh}"
for file in install.yaml namespace-install.yaml policy/policies.yaml; do
  diff -u "manifests/${file}" "${fresh}/${file}" || { echo "run hack/update-manifests.sh" >&2; exit 1; }
done

while read -r group resource; do
  awk -v group="[${group}]" -v resource="[${resource}]" '
    $1 == "-" && $2 == "apiGroups:" { ours = $3 == group; next }
    ours && $1 == "resources:" && $2 == resource { found = 1 }
    END { exit !found }
  ' manifests/base/rules.yaml || { echo "manifests/base/rules.yaml: no rule for ${resource} of ${group}" >&2; exit 1; }
done < <(grep -rhoE --include='*.go' --exclude='*_test.go' 'GroupResource\{Group: "[a-z0-9.]+", Resource: "[a-z]+"\}' pkg/mesh | sed -E 's/.*Group: "(.*)", Resource: "(.*)"\}/\1 \2/' | sort -u)
