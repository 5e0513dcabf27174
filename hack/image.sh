#!/usr/bin/env bash
# Builds an OCI image archive of the controller for Linux on amd64 and arm64,
# without a container engine: $OUT, build/sluice.tar by default. $PLATFORMS says
# for what, and $IMAGE how the image is named. A commit always makes the same
# bytes.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out="${OUT:-build/sluice.tar}"
name="${IMAGE:-sluice-controller:dev}"

version="$(git describe --tags --always --dirty 2>/dev/null || echo unknown)"
revision="$(git rev-parse HEAD 2>/dev/null || echo unknown)"
created="$(git log -1 --format=%cI 2>/dev/null || echo 1980-01-01T00:00:00Z)"

mkdir -p "$(dirname "${out}")"
programs=()
for platform in ${PLATFORMS:-linux/amd64 linux/arm64}; do
  program="build/image/${platform}/sluice-controller"
  echo "building ${program}"
  GOOS="${platform%/*}" GOARCH="${platform#*/}" CGO_ENABLED=0 \
    go build -trimpath -buildvcs=auto -ldflags "-s -w" -o "${program}" ./cmd/sluice-controller
  programs+=("${platform}=${program}")
done
go -C hack/tools build -o ../../bin/ ./image
digest="$(bin/image --name "${name}" --version "${version}" --revision "${revision}" --created "${created}" --out "${out}" "${programs[@]}")"

cat <<END
${out} has ${name} (${version})
digest ${digest}

Load it with one of
  kind load image-archive ${out}
  ctr --namespace k8s.io images import --all-platforms ${out}
  docker load --input ${out}
END
