#!/usr/bin/env bash
# Builds what the playground runs into $BUILD (build/playground by default):
# kube-apiserver, kube-controller-manager, the playground program, and what the
# arguments name: "traefik", a data plane, and "sluice-controller". The first time
# takes some ten minutes on two cores, and as long again for Traefik; after that,
# seconds.
set -o errexit -o nounset -o pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
source_dir="$root/hack/playground"
out="${BUILD:-$root/build/playground}"
[[ $out == /* ]] || out="$PWD/$out"

kubernetes=1.37.2
version=k8s.io/component-base/version
kubernetes_flags="-s -w -X $version.gitVersion=v$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=37 -X $version.gitTreeState=clean"

export CGO_ENABLED=0 # so that no C compiler is needed

child=
trap '[[ -z $child ]] || kill "$child" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

# run NAME COMMAND...: says how long it takes, and what it said if it fails.
run() {
  local name=$1 start=$SECONDS log="$out/$1.build.log"
  shift
  [[ -t 1 ]] || echo "building $name"
  "$@" >"$log" 2>&1 &
  child=$!
  while [[ -t 1 ]] && kill -0 "$child" 2>/dev/null; do
    printf '\r\033[Kbuilding %s  %d s' "$name" $((SECONDS - start))
    sleep 0.5
  done
  if ! wait "$child"; then
    child=
    [[ ! -t 1 ]] || echo
    echo "building $name failed after $((SECONDS - start)) s:" >&2
    tail -n 40 "$log" >&2
    exit 1
  fi
  child=
  rm -f "$log"
  [[ ! -t 1 ]] || printf '\r\033[K'
  echo "built $name in $((SECONDS - start)) s"
}

# program NAME MODULE PACKAGE LDFLAGS: builds it unless it was built of the very
# same modules before. Asking Go takes several seconds each for these.
program() {
  local name=$1 module=$2 package=$3 flags=$4 stamp
  stamp="$(cat "$module/go.mod" "$module/go.sum" | cksum) $(go env GOVERSION GOARCH GOAMD64 | tr '\n' ' ')$flags"
  if [[ -x $out/$name && -f $out/$name.stamp && $(<"$out/$name.stamp") == "$stamp" ]]; then
    return
  fi
  rm -f "$out/$name.stamp"
  run "$name" go build -C "$module" -mod=readonly -buildvcs=false -trimpath -ldflags "$flags" -o "$out/$name" "$package"
  echo "$stamp" >"$out/$name.stamp"
}

namespace=
[[ " $* " != *" traefik "* ]] || namespace=namespace # a data plane runs in one
"$source_dir/preflight.sh" "$out" $namespace
mkdir -p "$out"
program kube-apiserver "$source_dir" k8s.io/kubernetes/cmd/kube-apiserver "$kubernetes_flags"
program kube-controller-manager "$source_dir" k8s.io/kubernetes/cmd/kube-controller-manager "$kubernetes_flags"
for wanted in "$@"; do
  case $wanted in
    traefik) program traefik "$source_dir/traefik" github.com/traefik/traefik/v3/cmd/traefik "-s -w" ;;
    sluice-controller) run sluice-controller go build -C "$root" -trimpath -o "$out/sluice-controller" ./cmd/sluice-controller ;;
    *) echo "build.sh knows no $wanted; it can build: traefik, sluice-controller" >&2; exit 1 ;;
  esac
done
run playground go build -C "$source_dir" -mod=readonly -buildvcs=false -trimpath -o "$out/playground" ./cmd/playground
