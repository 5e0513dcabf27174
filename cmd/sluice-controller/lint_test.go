// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const valid = `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: v1}]}}
  strategy: {canary: {canaryService: web, steps: [{setWeight: 20}]}}
`

func TestRunLint(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rollout.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(valid, "20", "120", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	const unread = "-: Rollout shop/web: note: spec.strategy.canary.canaryService: Service shop/web is not among the files, and was not checked\n"
	for name, c := range map[string]struct {
		args      []string
		out, fail string
	}{
		"what is valid passes":           {[]string{"-f", "-", "--namespace=shop"}, unread, ""},
		"names of files may come last":   {[]string{"--namespace=shop", "-"}, unread, ""},
		"what is named has to be there":  {[]string{"-f", "-", "--complete"}, "-: Rollout default/web: error: spec.strategy.canary.canaryService: Service default/web does not exist; create it\n", "the controller would refuse this"},
		"what is wrong fails":            {[]string{"-f", file}, file + ": Rollout default/web: error: spec.strategy.canary.steps[0].setWeight: Invalid value: 120: must be between 0 and 100\n" + file + ": Rollout default/web: note: spec.strategy.canary.canaryService: Service default/web is not among the files, and was not checked\n", "the controller would refuse this"},
		"no file fails":                  {nil, "", "name a file with -f"},
		"a file that is not there fails": {[]string{"-f", file + "x"}, "", "open " + file + "x: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			fail := ""
			if err := runLint(t.Context(), c.args, strings.NewReader(valid), &out); err != nil {
				fail = err.Error()
			}
			if diff := cmp.Diff([]string{c.out, c.fail}, []string{out.String(), fail}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
