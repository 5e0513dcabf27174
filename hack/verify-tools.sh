#!/usr/bin/env bash
# Says whether our own tools pass their tests.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go -C hack/tools vet ./...
go -C hack/tools test ./...
