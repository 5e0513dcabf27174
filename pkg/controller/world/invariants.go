// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// patience is T: a write may rest on a state that is no older than this.
const patience = 2 * time.Second

// state is what the API server held from a time on. The objects are shared and
// never change.
type state struct {
	at      time.Time
	api     *API
	objects map[schema.GroupVersionResource]map[cache.ObjectName]*unstructured.Unstructured
}

// remember adds the state of now to the history, and drops what no write can
// rest on any more.
func (w *World) remember() {
	objects := map[schema.GroupVersionResource]map[cache.ObjectName]*unstructured.Unstructured{}
	for resource, byKey := range w.API.objects {
		objects[resource] = maps.Clone(byKey)
	}
	now := w.Clock.Now()
	for len(w.history) > 1 && now.Sub(w.history[1].at) > patience {
		w.history = w.history[1:]
	}
	w.history = append(w.history, state{at: now, api: w.API, objects: objects})
}

// judge compares one write of the controller with the invariants. It breaks
// one only where no state that it may rest on allows it.
func (w *World) judge(write Write) {
	var breaches []string
	until := w.Clock.Now()
	for i := len(w.history) - 1; i >= 0; i-- {
		found := w.check(w.history[i], until, write)
		until = w.history[i].at
		if len(found) == 0 {
			breaches = nil
			break
		}
		if breaches == nil {
			breaches = found
		}
	}
	w.Breaches = append(w.Breaches, breaches...)
	w.history = nil
}

// truth is one state read in the plainest way, independent of the routers and
// the planner.
type truth struct {
	at             time.Time // of the write's decision, at the latest
	ro             *v1alpha1.Rollout
	stable, canary string // Services
	desired        int32
	sets           map[string]*appsv1.ReplicaSet // by hash
	selects        map[string]string             // Service -> hash
	ready          map[string]int32              // Service -> ready endpoints of its hash
	weight         map[string]int32              // Service -> percent, the highest over all rules
	managed        bool
}

func (s state) rollout() *v1alpha1.Rollout {
	if obj := s.objects[rolloutsResource][Key]; obj != nil {
		return s.api.rollout(obj)
	}
	return nil
}

func (s state) truth() (truth, bool) {
	ro := s.rollout()
	if ro == nil || ro.Spec.Strategy.Canary == nil {
		return truth{}, false
	}
	stable, canary := ro.Spec.Strategy.Canary.RoleServices(ro.Status.Canary.StablePingPong)
	t := truth{
		ro: ro, stable: stable, canary: canary,
		desired: ro.Spec.Desired(), sets: map[string]*appsv1.ReplicaSet{},
		selects: map[string]string{}, ready: map[string]int32{}, weight: map[string]int32{},
	}
	for _, rs := range s.owned() {
		t.sets[rs.Labels[replicaset.HashLabel]] = rs
	}
	for _, name := range []string{t.stable, t.canary} {
		if stored := s.objects[servicesResource][cache.NewObjectName(Namespace, name)]; stored != nil {
			t.selects[name] = s.api.service(stored).Spec.Selector[replicaset.HashLabel]
			t.ready[name] = s.readyBehind(name, t.sets[t.selects[name]])
		}
	}
	for resource, objects := range s.objects {
		for _, obj := range objects {
			if isRoute(resource) {
				t.read(obj)
			}
		}
	}
	return t, true
}

func (s state) readyBehind(service string, rs *appsv1.ReplicaSet) int32 {
	obj := s.objects[slicesResource][cache.NewObjectName(Namespace, service+"-1")]
	if obj == nil || rs == nil {
		return 0
	}
	n := int32(0)
	for _, e := range s.api.slice(obj).Endpoints {
		if strings.HasPrefix(e.TargetRef.Name, rs.Name+"-") {
			n++
		}
	}
	return n
}

// read adds what one route object sends where.
func (t *truth) read(obj *unstructured.Unstructured) {
	rules, _, _ := unstructured.NestedSlice(obj.Object, "spec", "rules")
	http, _, _ := unstructured.NestedSlice(obj.Object, "spec", "http")
	for _, r := range append(rules, http...) {
		rule, _ := r.(map[string]any)
		name, _ := rule["name"].(string)
		if name == "preview" || name == "shadow" {
			t.managed = true
			continue
		}
		weights, sum := map[string]int64{}, int64(0)
		for _, b := range append(list(rule["backendRefs"]), list(rule["route"])...) {
			service, _ := b["name"].(string)
			if d, ok := b["destination"].(map[string]any); ok {
				service, _, _ = strings.Cut(d["host"].(string), ".")
			}
			weight, written := b["weight"].(int64)
			if f, ok := b["weight"].(float64); ok {
				weight, written = int64(f), true
			}
			if !written && rule["backendRefs"] != nil {
				weight = 1
			}
			weights[service] += weight
			sum += weight
		}
		for service, weight := range weights {
			if sum > 0 {
				t.weight[service] = max(t.weight[service], int32((weight*100+sum-1)/sum))
			}
		}
	}
}

func list(v any) []map[string]any {
	var all []map[string]any
	items, _ := v.([]any)
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func (t truth) available(hash string) int32 {
	rs := t.sets[hash]
	if rs == nil || rs.Status.ObservedGeneration < rs.Generation {
		return 0
	}
	return min(*rs.Spec.Replicas, rs.Status.AvailableReplicas)
}

func (t truth) need(weight int32) int32 { return replicaset.Need(weight, t.desired, 100) }

// check gives what a write breaks if it rests on a state as it was until then.
func (w *World) check(s state, until time.Time, write Write) []string {
	var breaches []string
	breach := func(format string, args ...any) {
		breaches = append(breaches, fmt.Sprintf("%s %s: ", write.Resource.Resource, write.Key.Name)+fmt.Sprintf(format, args...))
	}
	w.checkMigration(s, until, write, breach)
	t, ok := s.truth()
	if !ok {
		return breaches
	}
	t.at = until
	if t.ro.Spec.Strategy.Canary.TrafficRouting == nil {
		t.checkLastEndpoint(write, breach)
		return breaches
	}
	switch write.Resource {
	case servicesResource:
		w.checkFlip(t, write, breach)
	case setsResource:
		w.checkShrink(t, write, breach)
	case rolloutsResource:
		w.checkStep(t, write, breach)
	case deploymentsResource:
	case podsResource:
		w.checkPod(t, write, breach)
	default:
		w.checkWeights(t, write, breach)
	}
	return breaches
}

type breachFunc func(format string, args ...any)

// checkFlip is invariant 1.
func (w *World) checkFlip(t truth, write Write, breach breachFunc) {
	name := write.Key.Name
	old := t.selects[name]
	hash, _, _ := unstructured.NestedString(write.After.Object, "spec", "selector", replicaset.HashLabel)
	if hash == old || hash == "" {
		return
	}
	weight := w.lately(name, t.at)
	switch {
	case weight == 0 && (name != t.canary || !t.managed):
	case old == "" && t.available(hash) >= max(1, *t.sets[hash].Spec.Replicas, t.need(weight)):
	case name == t.stable && old != "" && (t.ready[name] == 0 || t.sets[old] == nil):
	case name == t.canary && t.available(t.ro.Status.StableRS) == 0 && t.available(hash) >= t.need(weight):
	default:
		breach("INV-1: selector %q -> %q under weight %d, managed routes %v", old, hash, weight, t.managed)
	}
}

// checkShrink is invariant 3.
func (w *World) checkShrink(t truth, write Write, breach breachFunc) {
	if write.Before == nil || write.After == nil {
		return
	}
	before, _, _ := unstructured.NestedInt64(write.Before.Object, "spec", "replicas")
	after, _, _ := unstructured.NestedInt64(write.After.Object, "spec", "replicas")
	if after >= before {
		return
	}
	hash := write.Before.GetLabels()[replicaset.HashLabel]
	var weight int32
	for _, service := range []string{t.stable, t.canary} {
		if t.selects[service] == hash {
			weight += w.lately(service, t.at)
		}
	}
	keep := t.need(min(weight, 100))
	if t.explicitScale() && hash == t.ro.Status.CurrentPodHash {
		keep = min(keep, 1)
	}
	if t.managed && t.selects[t.canary] == hash && t.desired > 0 {
		keep = max(keep, 1)
	}
	if int32(after) < keep {
		breach("INV-3: %d -> %d pods, weight %d needs %d", before, after, weight, keep)
	}
}

// explicitScale: the steps say themselves how many pods are enough.
func (t truth) explicitScale() bool {
	for _, s := range t.ro.Spec.Strategy.Canary.Steps {
		if s.SetCanaryScale != nil {
			return true
		}
	}
	return false
}

// checkStep is invariant 13: a setWeight step is done when the route carries
// its weight, and not before.
func (w *World) checkStep(t truth, write Write, breach breachFunc) {
	if write.Before == nil || write.After == nil || t.desired == 0 {
		return
	}
	before, after := w.API.rollout(write.Before).Status, w.API.rollout(write.After).Status
	if before.CurrentStepIndex == nil || after.CurrentStepIndex == nil || after.StableRS == after.CurrentPodHash ||
		after.PromoteFull || before.CurrentPodHash != after.CurrentPodHash || *after.CurrentStepIndex != *before.CurrentStepIndex+1 {
		return
	}
	steps := t.ro.Spec.Strategy.Canary.Steps
	if i := int(*before.CurrentStepIndex); i < len(steps) && steps[i].SetWeight != nil && t.weight[t.canary] != t.percent(*steps[i].SetWeight) {
		breach("INV-13: setWeight %d done with weight %d", *steps[i].SetWeight, t.weight[t.canary])
	}
}

// percent that a weight of the total comes to, rounded up.
func (t truth) percent(weight int32) int32 {
	total := int64(t.ro.Spec.Strategy.Canary.TotalWeight())
	return int32((int64(weight)*100 + total - 1) / total)
}

// checkWeights is invariants 2 and 5.
func (w *World) checkWeights(t truth, write Write, breach breachFunc) {
	if write.After == nil {
		return
	}
	next := truth{weight: map[string]int32{}}
	next.read(write.After)
	before := truth{weight: map[string]int32{}}
	if write.Before != nil {
		before.read(write.Before)
	}
	if sum := next.weight[t.stable] + next.weight[t.canary]; sum < 100 || sum > 101 {
		breach("INV-5: weights %v", next.weight)
	}
	for _, service := range []string{t.stable, t.canary} {
		weight := next.weight[service]
		if weight <= before.weight[service] || t.selects[t.stable] == t.selects[t.canary] || weight <= t.weight[service] {
			continue
		}
		pods := min(t.available(t.selects[service]), t.ready[service])
		need := t.ro.Spec.Strategy.Canary.Enough(t.need(weight))
		other := t.canary
		if service == t.stable {
			need = min(need, max(1, t.desired-t.ro.Spec.MaxUnavailable()))
		} else {
			other = t.stable
		}
		if t.explicitScale() && service == t.canary || weight == 100 && service == t.canary {
			need = min(need, max(1, t.filledFor()))
		}
		otherPods := min(t.available(t.selects[other]), t.ready[other])
		switch {
		case pods >= need, t.desired == 0:
		case otherPods == 0 && pods > 0:
		case otherPods+pods > 0 && otherPods < t.need(t.weight[other]) && int64(weight) <= (int64(pods)*100+int64(pods+otherPods)-1)/int64(pods+otherPods)+1:
		default:
			breach("INV-2: %s %d -> %d with %d of %d pods", service, before.weight[service], weight, pods, need)
		}
	}
}

// filledFor is the smallest number of pods that the user, or a smaller D
// before, made enough for everything.
func (t truth) filledFor() int32 {
	if t.explicitScale() {
		return 1
	}
	rs := t.sets[t.selects[t.canary]]
	if rs == nil {
		return t.desired
	}
	var n int32
	if _, err := fmt.Sscan(rs.Annotations[v1alpha1.FilledForAnnotation], &n); err == nil && n > 0 {
		return min(n, t.desired)
	}
	return t.desired
}
