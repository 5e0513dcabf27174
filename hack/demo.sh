#!/usr/bin/env bash
# Builds all that a release with real traffic needs, plays one and checks it. KEEP=1
# leaves it running until Ctrl-C. Arguments go to "playground demo".
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hack/playground/build.sh traefik sluice-controller
keep=()
case ${KEEP:-} in "" | 0 | false) ;; *) keep=(--keep) ;; esac
exec "${BUILD:-build/playground}/playground" demo --source . "${keep[@]}" "$@"
