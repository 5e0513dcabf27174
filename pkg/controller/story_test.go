// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/controller/world"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
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
	var mu sync.Mutex
	var passages []world.Passage
	told := 0
	t.Cleanup(func() { // the stories are told in parallel, and go on when this function has returned
		if files, err := filepath.Glob("testdata/stories/*.txt"); err != nil || told == len(files) {
			checkStateMachine(t, passages)
		}
	})
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		told++ // one after the other until here
		t.Parallel()
		w := world.New()
		w.OnPass = func(p world.Passage) {
			mu.Lock()
			defer mu.Unlock()
			passages = append(passages, p)
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			args := map[string]string{}
			for _, a := range d.CmdArgs {
				args[a.Key] = strings.Join(a.Vals, ",")
			}
			shown := w.Do(d.Cmd, args, d.Input)
			checkFaults(t, w)
			return shown
		})
	})
}

// checkFaults, edge case 25: what the hands have met may be told by a plan, and
// changes nothing of what it does.
func checkFaults(t *testing.T, w *world.World) {
	t.Helper()
	if w.Rollout() == nil {
		return
	}
	s, without, found, err := w.Controller.Desk.Plan(t.Context(), world.Key)
	if err != nil || !found {
		return // nothing can be planned now
	}
	s.Faults = []plan.Fault{
		{Hand: "slots", Object: "Service shop/canary", Message: "refused", Since: s.Now},
		{Hand: "rollout", Message: "exceeded quota", Reason: v1alpha1.EventReplicaSetCreateError, Since: s.Now},
		{Hand: "traffic-gatewayAPI", Object: "gatewayAPI", Contended: "somebody", Since: s.Now},
	}
	with := plan.For(s)
	for _, p := range []*plan.Plan{&without, &with} {
		p.Status, p.Events, p.Finished, p.After = v1alpha1.RolloutStatus{}, nil, nil, 0
	}
	if diff := cmp.Diff(without, with); diff != "" {
		t.Errorf("a fault changes what is done (-without +with):\n%s", diff)
	}
}
