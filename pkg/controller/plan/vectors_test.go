// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// moment is a routed rollout that has settled where it is.
type moment struct {
	// canary is the strategy beside its Services and its routing; max is the
	// total weight, 0 for 100.
	canary string
	max    int32
	// replicas is D, index the current step.
	replicas int32
	index    int32
	// stable and current are the pods of s and n, all of them available.
	stable, current int32
	// weight that C is seen to carry.
	weight             int32
	abort, promoteFull bool
}

// snapshot of the moment: S selects s, C selects n.
func (m moment) snapshot(t *testing.T) plan.Snapshot {
	t.Helper()
	ro := &v1alpha1.Rollout{}
	text := "metadata: {name: web, namespace: shop, generation: 1}\nspec: {strategy: {canary: {" + m.canary + "}}}\n"
	if err := yaml.UnmarshalStrict([]byte(text), ro); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	c := ro.Spec.Strategy.Canary
	c.StableService, c.CanaryService, c.TrafficRouting = "stable", "canary", &v1alpha1.RolloutTrafficRouting{}
	total := int32(100)
	if m.max > 0 {
		total, c.TrafficRouting.MaxTrafficWeight = m.max, &m.max
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	since := metav1.NewMicroTime(now.Add(-time.Hour))
	ro.Spec.Replicas = &m.replicas
	ro.Status = v1alpha1.RolloutStatus{
		ObservedGeneration: "1", StableRS: "s", CurrentPodHash: "n", CurrentStepHash: "steps", CurrentStepIndex: &m.index,
		Abort: m.abort, PromoteFull: m.promoteFull,
	}
	ro.Status.Canary.Weights = &v1alpha1.TrafficWeights{
		Canary: v1alpha1.WeightDestination{Weight: m.weight, ServiceName: "canary", PodTemplateHash: "n"},
		Stable: v1alpha1.WeightDestination{Weight: total - m.weight, ServiceName: "stable", PodTemplateHash: "s"},
		Since:  &since, EditionSince: &since,
	}
	revision := func(hash string, number int64, pods int32) plan.Revision {
		return plan.Revision{Name: "web-" + hash, Hash: hash, Number: number, Spec: pods, Replicas: pods, Ready: pods, Available: pods}
	}
	s := plan.Snapshot{
		Now: now, Rollout: ro, Template: "n", StepHash: "steps",
		Revisions: []plan.Revision{revision("s", 1, m.stable), revision("n", 2, m.current)},
		Slots: map[mesh.Role]plan.Slot{
			mesh.Stable: {Service: "stable", Hash: "s", Owner: "web", Ready: m.stable, Endpoints: m.stable},
			mesh.Canary: {Service: "canary", Hash: "n", Owner: "web", Ready: m.current, Endpoints: m.current},
		},
		Traffic: []mesh.Observed{{Kind: "test", Best: mesh.Accepted, Level: mesh.Accepted, Stable: total - m.weight, Canary: m.weight}},
	}
	ro.Status.Canary.Weights.Edition = plan.For(s).Status.Canary.Weights.Edition
	return s
}

// sizes that the plan gives to n and s.
func (m moment) sizes(t *testing.T) string {
	t.Helper()
	p := plan.For(m.snapshot(t))
	current, stable := m.current, m.stable
	if set, ok := p.Sets["n"]; ok {
		current = set.Size
	}
	if set, ok := p.Sets["s"]; ok {
		stable = set.Size
	}
	return fmt.Sprint(current, ", ", stable)
}

// TestSizesWithRouting is the table of wire contract 2.9.2. The vectors of an
// abort with dynamicStableScale are not binding: there stable is scaled up at
// once, and the canary keeps what its weight needs. Shows compatibility 3.
func TestSizesWithRouting(t *testing.T) {
	t.Parallel()
	step := func(weight int) string { return fmt.Sprintf("steps: [{setWeight: %d}]", weight) }
	for _, c := range []struct {
		moment
		want string
	}{
		{moment{canary: step(0), replicas: 10, stable: 10}, "0, 10"},
		{moment{canary: step(10), replicas: 10, stable: 10}, "1, 10"},
		{moment{canary: step(20), replicas: 10, stable: 10}, "2, 10"},
		{moment{canary: step(25), replicas: 10, stable: 10}, "3, 10"},
		{moment{canary: step(33), replicas: 10, stable: 10}, "4, 10"},
		{moment{canary: step(99), replicas: 10, stable: 10}, "10, 10"},
		{moment{canary: step(100), replicas: 10, stable: 10}, "10, 10"},
		{moment{canary: step(100_000_000), max: 100_000_000, replicas: 23, stable: 23}, "23, 23"},
		{moment{canary: "steps: [{setCanaryScale: {replicas: 9}}, {setWeight: 100}]", index: 1, replicas: 1, stable: 1}, "9, 1"},
		{moment{canary: "steps: [{setCanaryScale: {weight: 200}}]", replicas: 4, stable: 4}, "8, 4"},
		{moment{canary: "steps: [{setWeight: 20}, {setCanaryScale: {replicas: 9, weight: 100, matchTrafficWeight: true}}]", index: 1, replicas: 10, stable: 10}, "2, 10"},
		{moment{canary: "minPodsPerReplicaSet: 2, " + step(5), replicas: 10, stable: 10}, "2, 10"},
		{moment{canary: "minPodsPerReplicaSet: 3, steps: [{setCanaryScale: {replicas: 1}}]", replicas: 10, stable: 10}, "1, 10"},
		{moment{canary: "minPodsPerReplicaSet: 3, steps: [{setCanaryScale: {replicas: 1}}, {setWeight: 20}]", index: 1, replicas: 10, stable: 10}, "1, 10"},
		{moment{canary: "dynamicStableScale: true, minPodsPerReplicaSet: 3, steps: [{setCanaryScale: {replicas: 1}}]", replicas: 10, stable: 10}, "3, 10"},
		{moment{canary: "minPodsPerReplicaSet: 2, " + step(5), replicas: 1, stable: 1, promoteFull: true}, "1, 1"},
		{moment{canary: "abortScaleDownDelaySeconds: 0, steps: [{setCanaryScale: {replicas: 1}}]", replicas: 1, stable: 1, current: 1, abort: true}, "1, 1"},
		{moment{canary: "dynamicStableScale: true, " + step(10), replicas: 10, stable: 10, current: 1, weight: 10}, "1, 9"},
		{moment{canary: "dynamicStableScale: true, steps: [{setCanaryScale: {weight: 10}}, {setWeight: 50}]", index: 1, replicas: 10, stable: 10, current: 1, weight: 50}, "1, 9"},
		{moment{canary: "dynamicStableScale: true, steps: [{setCanaryScale: {weight: 80}}, {setWeight: 20}]", index: 1, replicas: 10, stable: 10, current: 8, weight: 20}, "8, 8"},
		{moment{canary: "dynamicStableScale: true, " + step(20), replicas: 10, stable: 9, current: 1, weight: 10}, "2, 9"},
		{moment{canary: "dynamicStableScale: true, " + step(20), replicas: 10, stable: 8, current: 2, weight: 20, abort: true}, "2, 10"},
		{moment{canary: "dynamicStableScale: true, " + step(10), replicas: 10, stable: 9, current: 1, weight: 10, abort: true}, "1, 10"},
		{moment{canary: "dynamicStableScale: true, steps: [{setWeight: 20}, {setWeight: 60}]", replicas: 10, stable: 4, current: 6, weight: 60, abort: true}, "6, 10"},
		{moment{canary: "dynamicStableScale: true, minPodsPerReplicaSet: 3, " + step(90), replicas: 10, stable: 10, current: 9, weight: 90}, "9, 3"},
		{moment{canary: "dynamicStableScale: true, minPodsPerReplicaSet: 3, " + step(100), replicas: 10, stable: 10, current: 10, weight: 100}, "10, 0"},
	} {
		if got := c.sizes(t); got != c.want {
			t.Errorf("%+v: n, s = %s, want %s", c.moment, got, c.want)
		}
	}
}

// TestWeightOfAPromotionInFull: wire contract 2.7 e. Shows compatibility 3.
func TestWeightOfAPromotionInFull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		moment
		want int32
	}{
		{moment{canary: "dynamicStableScale: true, steps: [{setWeight: 20}]", replicas: 10, stable: 8, current: 5, weight: 20, promoteFull: true}, 50},
		{moment{canary: "dynamicStableScale: true, steps: [{setWeight: 20}]", replicas: 10, stable: 8, current: 2, weight: 20, promoteFull: true}, 20},
		{moment{canary: "steps: [{setWeight: 20}]", replicas: 10, stable: 10, current: 5, weight: 20, promoteFull: true}, 20},
		{moment{canary: "steps: [{setWeight: 20}]", replicas: 10, stable: 10, current: 10, weight: 20, promoteFull: true}, 100},
		{moment{canary: "steps: [{setWeight: 200}]", max: 1000, replicas: 10, stable: 10, current: 10, weight: 200, promoteFull: true}, 1000},
	} {
		if got := plan.For(c.snapshot(t)).Route.Weight; got != c.want {
			t.Errorf("%+v: weight %d, want %d", c.moment, got, c.want)
		}
	}
}

// TestEnoughPods: wire contract 2.10.
func TestEnoughPods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		threshold  string
		pods, want int32
	}{
		{"", 10, 10},
		{"replicaProgressThreshold: {type: Percent, value: 90}", 10, 9},
		{"replicaProgressThreshold: {type: Percent, value: 90}", 3, 3},
		{"replicaProgressThreshold: {type: Percent, value: 50}", 3, 2},
		{"replicaProgressThreshold: {type: Percent, value: 0}", 3, 1},
		{"replicaProgressThreshold: {type: Percent, value: 150}", 3, 3},
		{"replicaProgressThreshold: {type: Percent, value: -1}", 3, 3},
		{"replicaProgressThreshold: {type: Pods, value: 2}", 5, 2},
		{"replicaProgressThreshold: {type: Pods, value: 9}", 5, 5},
		{"replicaProgressThreshold: {type: Pods, value: 0}", 5, 1},
		{"replicaProgressThreshold: {type: Pods, value: 2}", 0, 0},
		{"replicaProgressThreshold: {type: Percent, value: 100}", 2_000_000_000, 2_000_000_000},
	} {
		ro := moment{canary: c.threshold}.snapshot(t).Rollout
		if got := ro.Spec.Strategy.Canary.Enough(c.pods); got != c.want {
			t.Errorf("%s: %d of %d, want %d", c.threshold, got, c.pods, c.want)
		}
	}
}
