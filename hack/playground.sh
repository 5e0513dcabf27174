#!/usr/bin/env bash
# Runs a control plane and a node with the definitions of Sluice and of the
# Gateway API, until Ctrl-C. Arguments go to "playground up"; with --traefik
# there is a data plane too.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

data_plane=()
[[ " $* " != *" --traefik "* ]] || data_plane=(traefik)
hack/playground/build.sh "${data_plane[@]}"
echo "starting it, which takes some seconds"
exec "${BUILD:-build/playground}/playground" up --text \
  --manifests manifests/crds --manifests hack/playground/crds/gateway-api "$@"
