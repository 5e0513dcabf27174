#!/usr/bin/env bash
# Says which files and functions are too long.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go -C hack/tools build -o ../../bin/ ./sizes
bin/sizes .
