// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/controller/plan"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestRestartWithinTheBudget: no more pods go at a time than maxUnavailable
// allows to be missing, those of stable first, and a scale-down in the same pass
// counts too (failure-modes 16).
func TestRestartWithinTheBudget(t *testing.T) {
	t.Parallel()
	const half = "maxUnavailable: 2, steps: [{setWeight: 50}, {pause: {}}]"
	at := moment{canary: half, index: 1, replicas: 10, stable: 10, current: 5, weight: 50}
	for name, c := range map[string]struct {
		moment
		change func(*plan.Snapshot)
		want   string
	}{
		"two at a time, of stable first": {at, func(*plan.Snapshot) {}, "2 of s, 0 of n"},
		"one is missing already":         {at, func(s *plan.Snapshot) { s.Pods[0].Ready = false }, "1 of s, 0 of n"},
		"one is on its way already":      {at, func(s *plan.Snapshot) { s.Pods[0].Terminating = true }, "1 of s, 0 of n"},
		"stable is done": {at, func(s *plan.Snapshot) {
			for i := range 10 {
				s.Pods[i].Created = s.Now
			}
		}, "0 of s, 2 of n"},
		"the last one that is ready stays": {
			moment{canary: "maxUnavailable: 2, steps: [{setWeight: 20}, {pause: {}}]", index: 1, replicas: 10, stable: 10, current: 2, weight: 20},
			func(s *plan.Snapshot) {
				for i := range 10 {
					s.Pods[i].Created = s.Now
				}
			}, "0 of s, 1 of n",
		},
		"it is not time yet": {at, func(s *plan.Snapshot) { s.Rollout.Spec.RestartAt = &metav1.Time{Time: s.Now.Add(time.Hour)} }, "0 of s, 0 of n"},
		"stable shrinks in the same pass": {
			moment{canary: "dynamicStableScale: true, " + half, index: 1, replicas: 10, stable: 10, current: 5, weight: 50},
			func(*plan.Snapshot) {}, "0 of s, 0 of n",
		},
		"without routing all pods are one budget": {
			moment{canary: half, index: 1, replicas: 10, stable: 5, current: 5},
			func(s *plan.Snapshot) { unrouted(s); s.Pods[9].Ready = false }, "1 of s, 0 of n",
		},
		"without routing the other side shrinks": {
			moment{canary: "maxUnavailable: 2, steps: [{setWeight: 20}]", replicas: 10, stable: 8, current: 5},
			unrouted, "0 of s, 0 of n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.snapshot(t)
			s.Rollout.Spec.RestartAt = &metav1.Time{Time: s.Now.Add(-time.Minute)}
			for _, r := range s.Revisions {
				for i := range r.Spec {
					s.Pods = append(s.Pods, plan.Pod{Name: fmt.Sprint(r.Hash, i), Hash: r.Hash, Created: s.Now.Add(-time.Hour), Ready: true})
				}
			}
			c.change(&s)
			count := map[byte]int{}
			for _, name := range plan.For(s).Evict {
				count[name[0]]++
			}
			if got := fmt.Sprintf("%d of s, %d of n", count['s'], count['n']); got != c.want {
				t.Errorf("evicted %s, want %s", got, c.want)
			}
		})
	}
}

// unrouted takes the data plane and the Services away.
func unrouted(s *plan.Snapshot) {
	canary := s.Rollout.Spec.Strategy.Canary
	canary.TrafficRouting, canary.StableService, canary.CanaryService = nil, "", ""
	s.Traffic, s.Slots = nil, nil
}
