// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

// resized is a write to a ReplicaSet that changes its size.
type resized struct {
	hash          string
	before, after int32
}

func resizedBy(write Write) (r resized, ok bool) {
	if write.Before == nil || write.After == nil {
		return r, false
	}
	before, _, _ := unstructured.NestedInt64(write.Before.Object, "spec", "replicas")
	after, _, _ := unstructured.NestedInt64(write.After.Object, "spec", "replicas")
	return resized{write.Before.GetLabels()[replicaset.HashLabel], int32(before), int32(after)}, before != after
}

// checkShrink is invariant 3: a revision keeps what its weight needs.
func (w *World) checkShrink(t truth, write Write, breach breachFunc) {
	r, ok := resizedBy(write)
	if !ok || r.after >= r.before || !t.routed {
		return
	}
	weight := w.carriedBy(t, r.hash)
	keep := t.need(weight)
	if pods, said, before := t.words(); said && before && r.hash == t.current() {
		keep = min(keep, max(1, pods))
	}
	if filled := w.filledFor(t); r.hash == t.current() && filled < t.desired {
		keep = min(keep, filled)
	}
	if t.selects[t.canary] == r.hash && t.desired > 0 && w.managedLately(t) {
		keep = max(keep, 1)
	}
	if r.after < keep {
		breach("INV-3: %d -> %d pods, weight %d needs %d", r.before, r.after, weight, keep)
	}
}

// carriedBy is the weight of all Services that select a revision, or may do so as
// far as the controller knows (invariant 4), at most W.
func (w *World) carriedBy(t truth, hash string) int32 {
	var weight int32
	for _, service := range t.services() {
		if !w.maySelect(t, service, hash) {
			continue
		}
		if w.unknown(t) {
			weight = t.total
		}
		weight += w.lately(service, t)
	}
	return min(weight, t.total)
}

// maySelect: a Service selects a revision, or a write of which the controller does
// not know the outcome gave it to that, or took it away.
func (w *World) maySelect(t truth, service, hash string) bool {
	actual, there := t.selects[service]
	write := w.unsure[object{servicesResource, cache.NewObjectName(Namespace, service)}]
	return there && (actual == hash || write.After != nil && (selected(write.Before) == hash || selected(write.After) == hash))
}

// checkDelay is the rest of invariant 3: the delay of a revision counts from
// when it serves nothing any more.
func (w *World) checkDelay(t truth, write Write, breach breachFunc) {
	if write.Before == nil || write.After == nil || !t.routed || t.desired == 0 {
		return
	}
	before, after := write.Before.GetAnnotations()[v1alpha1.ScaleDownDeadlineAnnotation], write.After.GetAnnotations()[v1alpha1.ScaleDownDeadlineAnnotation]
	if after == "" || after == before {
		return
	}
	hash := write.After.GetLabels()[replicaset.HashLabel]
	weight, managed := w.carriedBy(t, hash), t.selects[t.canary] == hash && w.managedLately(t)
	if weight > 0 || managed {
		breach("INV-3: the delay of %s begins under weight %d, managed routes %v", hash, weight, managed)
	}
}

// checkKept is wire contract 2.9.4: an old revision that waits for its deadline
// keeps its pods until then, unless the stable one was deleted, and it is the only one
// there is.
func (w *World) checkKept(t truth, write Write, breach breachFunc) {
	r, ok := resizedBy(write)
	if !ok || r.after >= r.before || !t.routed || t.desired == 0 || r.hash == t.current() || r.hash == t.stableHash() || t.sets[t.stableHash()] == nil {
		return
	}
	due, err := time.Parse(time.RFC3339, write.Before.GetAnnotations()[v1alpha1.ScaleDownDeadlineAnnotation])
	if err == nil && due.After(w.Clock.Now()) && t.ro.Spec.ScaleDownDelay() > 0 && t.spec.ScaleDownDelayRevisionLimit == nil {
		breach("INV-3: %s goes %s before its deadline", r.hash, due.Sub(w.Clock.Now()))
	}
}

// checkBudget is invariant 15 and, without routing, the bounds of the user:
// what is available never falls below D - maxUnavailable by our own writes, and
// there are never more than D + maxSurge pods; nor does a role Service lose its
// last ready endpoint.
func (w *World) checkBudget(t truth, write Write, breach breachFunc) {
	r, ok := resizedBy(write)
	if !ok {
		return
	}
	all := t.allHeld()
	left := all - max(0, t.available(r.hash)-r.after)
	switch {
	case r.after > r.before && t.routed:
		return
	case r.after > r.before:
		w.checkSurge(t, r, breach)
		return
	case t.routed && !w.superseding(t):
		return
	case left < all && left < t.least():
		breach("INV-15: %d -> %d pods leave %d available of %d, at least %d", r.before, r.after, left, t.desired, t.least())
	}
	if t.routed || t.ro.Spec.MaxSurge() == 0 || t.desired == 0 {
		return
	}
	for _, service := range t.services() {
		if t.selects[service] == r.hash && t.ready[service] > 0 && r.after == 0 {
			breach("edge case 20: %s loses its last ready endpoint", service)
		}
	}
}

// checkSurge: a revision that grows stays within D + maxSurge pods, but for
// what was there before.
func (w *World) checkSurge(t truth, r resized, breach breachFunc) {
	sum := r.after - r.before
	for hash := range t.sets {
		sum += t.size(hash)
	}
	if most := t.desired + t.ro.Spec.MaxSurge(); sum > most && t.stableHash() != "" {
		breach("budget: %d -> %d makes %d pods of at most %d", r.before, r.after, sum, most)
	}
}

// superseding: a revision that is neither stable nor current serves still.
func (w *World) superseding(t truth) bool {
	hash := t.selects[t.canary]
	return !t.atStable() && hash != "" && hash != t.current() && hash != t.stableHash() && t.sets[hash] != nil &&
		(w.lately(t.canary, t) > 0 || w.managedLately(t))
}
