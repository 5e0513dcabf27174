// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// breaches says what a write breaks for a rollout if it rests on a state.
func (s state) breaches(rollout string, c change) []string {
	r, ok := s.read(rollout)
	if !ok {
		return []string{"the rollout does not exist"} // in this state; in another it does
	}
	switch after := c.after.(type) {
	case *corev1.Service:
		return r.flip(after)
	case *unstructured.Unstructured:
		return r.raise(c.before.(*unstructured.Unstructured), after)
	}
	if before, ok := c.before.(*appsv1.ReplicaSet); ok {
		size := int32(0)
		if after, ok := c.after.(*appsv1.ReplicaSet); ok {
			size = *after.Spec.Replicas
		}
		return r.shrink(before, size)
	}
	return nil
}

// flip is invariant 1: a selector is not changed while its Service carries
// anything. The exceptions have no pod to lose.
func (r reading) flip(service *corev1.Service) []string {
	x, role := r.stable, "stable"
	if service.Name == r.canary.service {
		x, role = r.canary, "canary"
	}
	to := service.Spec.Selector[hashKey]
	switch {
	case to == "" || to == x.hash:
		return nil // given back: the rollout is not what it was
	case x.weight == 0 && !x.routed:
		return nil
	case x.hash == "" && r.isFull(to) && r.available(to) >= r.need(x.weight): // narrowing
		return nil
	case role == "stable" && (x.endpoints == 0 || x.hash != "" && r.sets[x.hash] == nil): // repair
		return nil
	case role == "canary" && r.available(r.ro.Status.StableRS) == 0 && r.available(to) >= max(1, r.need(x.weight)): // dead stable
		return nil
	}
	return []string{fmt.Sprintf("invariant 1: selector of %s %q -> %q under weight %d, managed route %v", service.Name, x.hash, to, x.weight, x.routed)}
}

// isFull reports whether a revision has all its pods, and any.
func (r reading) isFull(hash string) bool {
	rs := r.sets[hash]
	return rs != nil && *rs.Spec.Replicas > 0 && r.available(hash) >= *rs.Spec.Replicas
}

// raise is invariant 2: no side gets more weight than its pods carry.
func (r reading) raise(before, after *unstructured.Unstructured) []string {
	stableBefore, canaryBefore := carried(before, r.stable.service, r.canary.service)
	stableAfter, canaryAfter := carried(after, r.stable.service, r.canary.service)
	var found []string
	if w := stableAfter.weight; w > stableBefore.weight && w > r.stable.weight && !r.carries(r.stable, r.canary, w) {
		found = append(found, r.tooMuch(r.stable, stableBefore.weight, w))
	}
	if w := canaryAfter.weight; w > canaryBefore.weight && w > r.canary.weight && !r.carries(r.canary, r.stable, w) {
		found = append(found, r.tooMuch(r.canary, canaryBefore.weight, w))
	}
	if canaryAfter.routed && !canaryBefore.routed && min(r.available(r.canary.hash), r.canary.ready) == 0 {
		found = append(found, "invariant 2: a managed route to "+r.canary.service+", which has no pod")
	}
	return found
}

func (r reading) tooMuch(x side, from, to int32) string {
	return fmt.Sprintf("invariant 2: %s %d -> %d with %d available and %d ready of %d pods",
		x.service, from, to, r.available(x.hash), x.ready, r.enough(x, to))
}

// carries reports whether x may get weight w, some of which the other side has
// now.
func (r reading) carries(x, other side, w int32) bool {
	if r.desired == 0 {
		return true
	}
	if x.hash == other.hash {
		return x.ready > 0 && x.ready >= other.ready
	}
	pods := min(r.available(x.hash), x.ready)
	others := min(r.available(other.hash), other.ready)
	switch {
	case pods >= r.enough(x, w):
		return true
	case others == 0:
		return pods > 0 // weight may always leave the dead
	default: // neither carries its share: what each has is the measure
		return others < r.need(other.weight) && w <= percent(int64(pods), int64(pods+others))
	}
}

// enough is how many pods may take w: all that it needs, but for what the user
// has said to be enough.
func (r reading) enough(x side, w int32) int32 {
	need := r.need(w)
	switch {
	case r.ro.Spec.Strategy.Canary.ReplicaProgressThreshold != nil:
		return 1
	case x.service == r.stable.service:
		return min(need, max(1, r.desired-r.maxUnavailable()))
	case r.hasOwnScale():
		return 1
	}
	if filled := r.filledFor(x.hash); w == 100 && filled > 0 {
		return min(need, filled)
	}
	return need
}

// hasOwnScale reports whether the steps say themselves how many pods are
// enough.
func (r reading) hasOwnScale() bool {
	for _, step := range r.ro.Spec.Strategy.Canary.Steps {
		if step.SetCanaryScale != nil {
			return true
		}
	}
	return false
}

// filledFor is the D for which a revision once had all its pods, 0 for none.
func (r reading) filledFor(hash string) int32 {
	rs := r.sets[hash]
	if rs == nil {
		return 0
	}
	n, err := strconv.ParseInt(rs.Annotations[filledForKey], 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// maxUnavailable pods of D; 25 percent of it where nothing is said.
func (r reading) maxUnavailable() int32 {
	limit := intstr.FromString("25%")
	if l := r.ro.Spec.Strategy.Canary.MaxUnavailable; l != nil {
		limit = *l
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&limit, int(r.desired), false)
	if err != nil {
		return 0
	}
	return int32(n)
}

// shrink is invariant 3: a revision keeps the pods that its weight needs.
func (r reading) shrink(before *appsv1.ReplicaSet, size int32) []string {
	if size >= *before.Spec.Replicas {
		return nil
	}
	hash := before.Labels[hashKey]
	var weight int32
	for _, x := range []side{r.stable, r.canary} {
		if x.hash == hash {
			weight += x.weight
		}
	}
	keep := r.need(min(weight, 100))
	if hash == r.ro.Status.CurrentPodHash && r.hasOwnScale() {
		keep = min(keep, 1)
	}
	if r.canary.hash == hash && r.canary.routed && r.desired > 0 {
		keep = max(keep, 1)
	}
	if size >= keep {
		return nil
	}
	return []string{fmt.Sprintf("invariant 3: %s %d -> %d pods, weight %d, managed route %v", before.Name, *before.Spec.Replicas, size, weight, r.canary.routed)}
}
