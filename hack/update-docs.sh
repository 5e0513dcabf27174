#!/usr/bin/env bash
# Puts the table of flags into docs/operations.md, and that of the rules into
# docs/validation.md, or into copies of them in the directory that is given.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out="${1:-docs}"

table="$(mktemp)"
trap 'rm -f "${table}"' EXIT

# put PAGE MARKER: the table comes between the two comments of that name.
put() {
  local text
  text="$(awk -v table="${table}" -v marker="$2" '
    $0 == "<!-- " marker " -->" { print; while ((getline line < table) > 0) print line; within = 1; next }
    $0 == "<!-- /" marker " -->" { within = 0 }
    !within { print }
  ' "docs/$1")"
  printf '%s\n' "${text}" >"${out}/$1"
}

# One row per flag; those of klog are not ours to explain.
env -u KUBECONFIG go run ./cmd/sluice-controller --help 2>&1 | awk '
  BEGIN { print "| Flag | Default | |"; print "|---|---|---|" }
  /^  -/ { name = substr($1, 2); value = $2; next }
  name ~ /_/ || name ~ /^(v|vmodule|alsologtostderr.*|logtostderr|stderrthreshold)$/ { next }
  /^    \t/ {
    text = $0; default_ = ""
    sub(/^[ \t]+/, "", text)
    if (match(text, / \(default .*\)$/)) {
      default_ = substr(text, RSTART + 10, RLENGTH - 11)
      gsub(/"/, "", default_); default_ = "`" default_ "`"
      text = substr(text, 1, RSTART - 1)
    }
    gsub(/</, "\\&lt;", text); gsub(/\|/, "\\|", text)
    printf "| `--%s`%s | %s | %s |\n", name, value == "" ? "" : " " value, default_, text
  }' >"${table}"
put operations.md flags

go -C hack/tools run ./policy table >"${table}"
put validation.md rules
