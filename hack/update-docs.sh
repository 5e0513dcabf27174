#!/usr/bin/env bash
# Puts the table of flags into docs/operations.md, or into a copy of it in the
# directory that is given.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
page=operations.md
out="${1:-docs}"

flags="$(mktemp)"
trap 'rm -f "${flags}"' EXIT
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
  }' >"${flags}"

text="$(awk -v flags="${flags}" '
  /^<!-- flags -->$/ { print; while ((getline line < flags) > 0) print line; within = 1; next }
  /^<!-- \/flags -->$/ { within = 0 }
  !within { print }
' "docs/${page}")"
printf '%s\n' "${text}" >"${out}/${page}"
