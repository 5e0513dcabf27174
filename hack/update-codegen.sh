#!/usr/bin/env bash
# Generates deepcopy functions, the clientset with its fakes, listers, informers
# and apply configurations from pkg/apis.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

module=github.com/sluice-rollouts/sluice
go -C hack/tools mod download k8s.io/code-generator
source "$(go -C hack/tools list -m -f "{{.Dir}}" k8s.io/code-generator)/kube_codegen.sh"

kube::codegen::gen_helpers --boilerplate hack/boilerplate.go.txt pkg/apis
kube::codegen::gen_register --boilerplate hack/boilerplate.go.txt pkg/apis
kube::codegen::gen_client --with-watch --with-applyconfig \
  --boilerplate hack/boilerplate.go.txt \
  --output-dir pkg/client --output-pkg "${module}/pkg/client" \
  pkg/apis
