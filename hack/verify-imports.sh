#!/usr/bin/env bash
# Says whether imports go downwards only, and whether what has to be pure is:
#
#   controller -> rollout, scale, slots, traffic -> plan -> replicaset, mesh, apis
#
# Tests are free to import what they test with.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Which of our packages a package may import, below pkg/. The first row that
# matches holds; a package without a row has no place yet, and needs one.
layers() {
  cat <<'END'
^client/                              ^(client|apis/rollouts/v1alpha1)
^apis/rollouts/v1alpha1$              ^$
^apis/rollouts/validation$            ^(apis/rollouts/v1alpha1|mesh|replicaset)$
^apis/rollouts/validation/validationtest$ ^apis/rollouts/validation$
^replicaset$                          ^$
^mesh$                                ^$
^mesh/kit$                            ^mesh$
^mesh/(all|meshtest)$                 ^mesh(/.*)?$
^mesh/[^/]+$                          ^mesh(/kit)?$
^controller/plan$                     ^(replicaset|mesh|apis/rollouts/v1alpha1)$
^controller/loop$                     ^mesh$
^controller/metrics$                  ^(controller/loop|apis/rollouts/v1alpha1)$
^controller/observe$                  ^(controller/(loop|plan)|apis/rollouts/(v1alpha1|validation)|mesh|mesh/kit|replicaset)$
^controller/(rollout|scale|slots|traffic)$ ^(controller/(loop|observe|plan)|apis/rollouts/(v1alpha1|validation)|client/clientset/versioned|mesh|mesh/kit|replicaset)$
^controller/world$                    .
^controller$                          ^(controller/(loop|observe|plan|rollout|scale|slots|traffic)|apis/rollouts/v1alpha1|client/.*|mesh|replicaset)$
^lint$                                ^(controller/plan|apis/rollouts/(v1alpha1|validation)|mesh)$
^cmd/                                 ^(controller(/(plan|metrics))?|client/.*|lint|mesh/all)$
END
}

# Packages that see no cluster, no log and no clock, and files of others that
# do not either.
pure_packages='^(replicaset|mesh|controller/plan|apis/rollouts/validation|lint)$'
pure_files=(pkg/mesh/*/render.go)
for package in replicaset mesh controller/plan apis/rollouts/validation lint; do
  pure_files+=(pkg/"${package}"/*.go)
done
impure='^k8s[.]io/(client-go|klog|utils/clock)'

module="$(go list -m)"
breaches="$(
  go list -f '{{range .Imports}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}' ./pkg/... ./cmd/... |
    sed -E "s,(^| )${module}/(pkg/)?,\1@,g" |
    awk -v pure="${pure_packages}" -v impure="${impure}" '
      NR == FNR { if (NF == 2) { layer[++rows] = $1; may[rows] = $2 }; next }
      !/^@/ { next }
      { who = substr($1, 2); what = $2; ours = sub(/^@/, "", what) }
      ours {
        for (row = 1; row <= rows && who !~ layer[row]; row++);
        if (row > rows) print who ": has no place among the layers of hack/verify-imports.sh"
        else if (what !~ may[row]) print who ": must not import " what
      }
      ours && what ~ /^controller\/world$/ { print who ": must not import what tests are made with" }
      !ours && who ~ pure && what ~ impure { print who ": is pure, and must not import " what }
    ' <(layers) -
  for file in "${pure_files[@]}"; do
    [[ "${file}" != *_test.go ]] || continue
    grep -HnE '(^|[^A-Za-z.])time\.(Now|Since|Until|Sleep|After|Tick|NewTimer|NewTicker)\(|"k8s\.io/(client-go|klog|utils/clock)' "${file}" |
      sed 's/$/   <- is pure: no clock, cluster or log/' || true
  done
)"
if [[ -n "${breaches}" ]]; then
  sort -u <<<"${breaches}" >&2
  exit 1
fi
