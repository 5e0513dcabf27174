#!/usr/bin/env bash
# Says whether the one-file installations are what update-manifests.sh makes.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fresh="$(mktemp -d)"
trap 'rm -rf "${fresh}"' EXIT
hack/update-manifests.sh "${fresh}"
for file in install.yaml namespace-install.yaml; do
  diff -u "manifests/${file}" "${fresh}/${file}" || { echo "run hack/update-manifests.sh" >&2; exit 1; }
done
