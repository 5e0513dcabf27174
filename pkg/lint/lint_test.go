// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/lint"
	"github.com/sluice-rollouts/sluice/pkg/mesh/all"

	"github.com/cockroachdb/datadriven"
)

// TestLint checks the manifests of testdata: "file" adds one, and "lint" checks
// all that were added since. The findings are written by go test -rewrite, and
// reviewed.
func TestLint(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var files []lint.File
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				files = append(files, lint.File{Name: d.CmdArgs[0].Key, Text: []byte(d.Input)})
				return ""
			case "lint":
				l := lint.Linter{Kinds: all.Kinds(), Namespace: "shop", Complete: d.HasArg("complete")}
				findings := l.Check(t.Context(), files...)
				files = nil
				if len(findings) == 0 {
					return "nothing\n"
				}
				var b strings.Builder
				for _, f := range findings {
					b.WriteString(f.String() + "\n")
				}
				if !lint.Failed(findings) {
					b.WriteString("passes\n")
				}
				return b.String()
			default:
				t.Fatalf("no verb %q", d.Cmd)
				return ""
			}
		})
	})
}
