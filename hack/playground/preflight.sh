#!/usr/bin/env bash
# preflight.sh [FOLDER [namespace]]: says what this machine lacks to build the
# playground into that folder and run it, all at once, and exits with 1 if there
# is anything. With "namespace" it also tries whether one can be had.
set -o errexit -o nounset -o pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
out="${1:-$root/build/playground}"

missing=()
[[ $(uname -s) == Linux ]] || missing+=("Linux: the playground uses its network namespaces; this is $(uname -s). Run it in a virtual machine.")
for tool in go git make; do
  command -v "$tool" >/dev/null || missing+=("$tool: install it, and see that it is in \$PATH.")
done

# gib PATH: what is free there, also if PATH does not exist yet.
gib() {
  local dir=$1
  while [[ ! -d $dir ]]; do dir="$(dirname "$dir")"; done
  df -Pk "$dir" | awk 'NR == 2 { print int($4 / 1048576) }'
}
# room PATH GIB WHAT
room() {
  local free
  free="$(gib "$1")"
  ((free >= $2)) || missing+=("disk space: $3 needs $2 GiB in $1, which has $free.")
}

if command -v go >/dev/null; then
  wanted="$(awk '$1 == "go" { print $2 }' "$root/hack/playground/go.mod")"
  # With GOTOOLCHAIN=auto an older Go fetches the one that go.mod asks for.
  if ! error="$(go -C "$root/hack/playground" version 2>&1)"; then
    missing+=("Go $wanted: install it from https://go.dev/dl ($error).")
  else
    if [[ ! -x $out/kube-apiserver ]]; then
      room "$(go env GOCACHE)" 6 "the build cache of Go"
      room "$(go env GOMODCACHE)" 4 "the module cache of Go"
    fi
    room "$out" 1 "what is built"
    if [[ ${2:-} == namespace ]] && ! error="$(CGO_ENABLED=0 go run -C "$root/hack/playground" ./netns/check 2>&1)"; then
      missing+=("a network namespace: ${error%$'\n'exit status 1}")
    fi
  fi
fi

if ((${#missing[@]} > 0)); then
  echo "The playground cannot run here yet. Missing:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi
