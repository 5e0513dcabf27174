#!/usr/bin/env bash
# Says where the documentation is behind the code: the generated tables, links,
# functions and stories that are named, gates, events and metrics; and the state
# machine, which the stories draw.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fresh="$(mktemp -d)"
trap 'rm -rf "${fresh}"' EXIT
problems="${fresh}/problems"
complain() { echo "$*" >>"${problems}"; }
touch "${problems}"

hack/update-docs.sh "${fresh}"
for page in operations.md validation.md; do
  diff -u "docs/${page}" "${fresh}/${page}" >>"${problems}" || complain "run hack/update-docs.sh"
done
told="$(go test ./pkg/controller -run '^TestStories$')" || complain "${told}"

# Links to files of the repository.
pages=(docs/*.md docs/routers/*.md CONTRIBUTING.md)
[[ ! -f README.md ]] || pages+=(README.md)
for page in "${pages[@]}"; do
  while read -r link; do
    [[ -e "$(dirname "${page}")/${link}" ]] || complain "${page}: ${link} does not exist"
  done < <(grep -oE '\]\([^)# ]+' "${page}" | sed 's/^](//' | grep -vE '^[a-z]+:' | sort -u)
done

# Functions, as `name()`.
while read -r name; do
  grep -rqE "^func (\([^)]*\) )?${name}(\[[^]]*\])?\(" --include='*.go' pkg cmd || complain "docs: there is no function ${name}"
done < <(grep -ohE '`[A-Za-z]+\(\)`' docs/architecture.md docs/invariants.md CONTRIBUTING.md | tr -d '`()' | sort -u)

# Stories, in the list after the word.
while read -r story; do
  [[ -f "pkg/controller/testdata/stories/${story}.txt" ]] || complain "docs/invariants.md: there is no story ${story}"
done < <(tr '\n' ' ' <docs/invariants.md | grep -oE '(story|stories)( +`[a-z-]+`,?( and)?)+' | grep -oE '`[a-z-]+`' | tr -d '`' | sort -u)

# named WHAT: each line of stdin stands in backquotes in docs/operations.md.
named() {
  while read -r name; do
    grep -qF "\`${name}\`" docs/operations.md || complain "docs/operations.md: ${1} ${name} is missing"
  done
}
grep -oE '^[[:space:]]*Gate[A-Za-z]+[[:space:]]+= "[A-Za-z]+"' pkg/controller/plan/safety.go | grep -oE '"[A-Za-z]+"' | tr -d '"' | named gate
for constant in $(grep -rohE 'v1alpha1\.Event[A-Za-z]+' --include='*.go' pkg/controller | sed 's/v1alpha1\.//' | sort -u); do
  sed -nE "s/^[[:space:]]*${constant}[[:space:]]+= \"(.*)\"/\1/p" pkg/apis/rollouts/v1alpha1/keys.go
done | named event
grep -ohE '"(rollout|sluice|controller|argo)_[a-z0-9_]+[a-z0-9]"' pkg/controller/metrics/*.go | tr -d '"' | sort -u | named metric

if [[ -s "${problems}" ]]; then
  cat "${problems}" >&2
  exit 1
fi
