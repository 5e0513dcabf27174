#!/usr/bin/env bash
# Generates the CustomResourceDefinitions from pkg/apis into manifests/crds, or
# into the directory that is given.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out="$(realpath "${1:-manifests/crds}")"

go -C hack/tools build -o ../../bin/ sigs.k8s.io/controller-tools/cmd/controller-gen ./crds
raw="$(mktemp -d)"
trap 'rm -rf "${raw}"' EXIT
bin/controller-gen crd paths=./pkg/apis/... output:crd:dir="${raw}"
bin/crds "${raw}" "${out}"
