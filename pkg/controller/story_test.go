// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/controller/world"

	"github.com/cockroachdb/datadriven"
)

// TestStories runs every story: the whole controller in virtual time. The
// expected output is written by go test -rewrite, and reviewed.
//
// A story begins with one of two verbs: shop deploys the Services, the route
// and a Rollout with the steps given, and makes v1 healthy; first leaves out
// the last part. mesh=istio, service or none tells it on another data plane.
//
// What all of them together have seen is the diagram of docs/state-machine.md.
func TestStories(t *testing.T) {
	t.Parallel()
	var passages []world.Passage
	told := 0
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		w := world.New()
		w.OnPass = func(p world.Passage) { passages = append(passages, p) }
		told++
		datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string {
			args := map[string]string{}
			for _, a := range d.CmdArgs {
				args[a.Key] = strings.Join(a.Vals, ",")
			}
			return w.Do(d.Cmd, args, d.Input)
		})
	})
	if files, err := filepath.Glob("testdata/stories/*.txt"); err != nil || told == len(files) {
		checkStateMachine(t, passages)
	}
}
