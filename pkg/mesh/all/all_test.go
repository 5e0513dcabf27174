// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package all_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/all"

	"github.com/google/go-cmp/cmp"
)

// noKinds are the packages beside those of the Kinds.
var noKinds = []string{"all", "kit", "meshtest"}

// Every Kind lives in a package named as it is, in lower case; every such
// package is a Kind, runs the conformance suite and has objects to run it on.
func TestKindsConform(t *testing.T) {
	t.Parallel()
	var kinds []string
	for _, kind := range all.Kinds() {
		kinds = append(kinds, strings.ToLower(kind.Name))
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for _, entry := range entries {
		if entry.IsDir() && !slices.Contains(noKinds, entry.Name()) {
			packages = append(packages, entry.Name())
		}
	}
	slices.Sort(kinds)
	if diff := cmp.Diff(packages, kinds); diff != "" {
		t.Errorf("Kinds (-packages +listed):\n%s", diff)
	}
	for _, name := range packages {
		if !runsSuite(t, name) {
			t.Errorf("no test of %s calls meshtest.Run: add a fixture", name)
		}
		if files, err := filepath.Glob("../" + name + "/testdata/*.yaml"); err != nil || len(files) == 0 {
			t.Errorf("%s has no testdata/*.yaml: %v", name, err)
		}
	}
}

// runsSuite reports whether a test in that package calls meshtest.Run.
func runsSuite(t *testing.T, name string) bool {
	t.Helper()
	files, err := filepath.Glob("../" + name + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok || call.Sel.Name != "Run" {
				return true
			}
			x, ok := call.X.(*ast.Ident)
			found = found || ok && x.Name == "meshtest"
			return true
		})
	}
	return found
}

// What a Kind declares is complete, and no two Kinds write the same resource.
func TestKindsAreComplete(t *testing.T) {
	t.Parallel()
	owners := map[string]string{}
	for _, kind := range all.Kinds() {
		if kind.Name == "" || kind.Best == mesh.Unknown || kind.Parse == nil || kind.New == nil || len(kind.Resources) == 0 {
			t.Errorf("incomplete: %+v", kind)
		}
		for _, r := range kind.Resources {
			if r.Kind == "" || len(r.Versions) == 0 {
				t.Errorf("%s: incomplete resource %+v", kind.Name, r)
			}
			if other := owners[r.String()]; other != "" {
				t.Errorf("%s is written by %s and %s", r.GroupResource, other, kind.Name)
			}
			owners[r.String()] = kind.Name
		}
		for _, h := range kind.Features.HeaderMatch {
			if !slices.Contains([]string{"exact", "prefix", "regex"}, h) {
				t.Errorf("%s: no match kind %q", kind.Name, h)
			}
		}
		if kind.Features.MirrorPercent && !kind.Features.Mirror {
			t.Errorf("%s mirrors a share, but does not mirror", kind.Name)
		}
	}
}
