#!/usr/bin/env bash
# Says whether manifests/crds is what update-crds.sh makes.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fresh="$(mktemp -d)"
trap 'rm -rf "${fresh}"' EXIT
hack/update-crds.sh "${fresh}"
diff -ruN manifests/crds "${fresh}" || { echo "run hack/update-crds.sh" >&2; exit 1; }
