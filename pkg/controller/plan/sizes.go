// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// allowSizes decides the size of each revision that the rule has an aim for.
func (v *view) allowSizes(t target, o *orders) {
	for i := range v.Revisions {
		r := &v.Revisions[i]
		a, ok := t.aims[r.Hash]
		if !ok || r.Stale {
			continue
		}
		set := v.settleAim(r, a, o)
		set.Size = v.bounded(r, set.Size)
		if set.Size < r.Spec {
			set.Size = v.allowShrink(r, set.Size, t, o)
			set.Shrinks = set.Size < r.Spec
		}
		set.FilledFor = v.filledFor(r, set.Size, t)
		set.MinReadySeconds = r.MinReadySeconds
		if len(v.Invalid) == 0 {
			set.MinReadySeconds = v.Rollout.Spec.MinReadySeconds
		}
		if v.changes(r, set) {
			o.sets[r.Hash] = set
		}
	}
}

// settleAim turns an aim with a delay into a size: the revision keeps its pods
// until it has carried nothing for so long, and longer behind a drain gate.
func (v *view) settleAim(r *Revision, a aim, o *orders) Set {
	switch {
	case a.delay == nil:
		return Set{Size: a.size}
	case r.Spec == 0 || *a.delay == 0 && v.canary.DrainGate == nil:
		return Set{}
	case !v.idle(r):
		return Set{Size: r.Spec}
	case r.Deadline == nil:
		due := v.Now.Add(*a.delay).Truncate(time.Second)
		return Set{Size: r.Spec, Deadline: &due}
	case r.Deadline.After(v.Now):
		return Set{Size: r.Spec, Deadline: r.Deadline}
	default:
		return v.drained(r, o)
	}
}

// drained is what a drain gate leaves of r, whose delay is over.
func (v *view) drained(r *Revision, o *orders) Set {
	gate := v.canary.DrainGate
	if gate == nil || !v.Now.Before(drainDue(r, gate)) {
		return Set{}
	}
	keep := r.Spec
	if r.KeepPods != nil {
		keep = min(r.Spec, max(0, *r.KeepPods))
	}
	if keep == 0 {
		return Set{}
	}
	o.block(GateDrain, "ReplicaSet "+r.Name, keep, 0)
	return Set{Size: keep, Deadline: r.Deadline}
}

// drainDue is when a drain gate gives up on r, which has a deadline.
func drainDue(r *Revision, gate *v1alpha1.DrainGate) time.Time {
	return r.Deadline.Add(time.Duration(gate.TimeoutSeconds) * time.Second)
}

// bounded keeps n, where the user wants that, from starting more pods at a
// time than maxSurge.
func (v *view) bounded(r *Revision, size int32) int32 {
	if !v.canary.BoundedScaleUp || !v.routed || !v.isCurrent(r) || v.atStable() || size <= r.Spec {
		return size
	}
	return min(size, max(r.Spec, available(r)+max(1, v.budget.Surge)))
}

// idle reports whether r serves nothing: it carries no weight that needs pods,
// and no managed route can reach it.
func (v *view) idle(r *Revision) bool {
	return v.need(v.carriedBy(r)) == 0 && !v.reachedByRoute(r)
}

// reachedByRoute reports whether a managed route may target r: C selects it,
// and there is one or it cannot be known that there is none.
func (v *view) reachedByRoute(r *Revision) bool {
	return v.routed && v.Slots[mesh.Canary].Hash == r.Hash && (!v.seen.all || len(v.seen.managed) > 0)
}

// allowShrink is invariant 3: a revision keeps what its weight needs, and a
// pod for a managed route.
func (v *view) allowShrink(r *Revision, size int32, t target, o *orders) int32 {
	keep := v.need(v.carriedBy(r))
	if v.isCurrent(r) && v.Slots[mesh.Stable].Hash != r.Hash && t.enough > 0 && v.seen.settled && v.seen.canary <= t.weight {
		keep = min(keep, t.enough) // the user's own words say what is enough
	}
	if v.desired > 0 && v.reachedByRoute(r) {
		keep = max(keep, 1)
	}
	if !v.routed && v.lastEndpoint(r, t) {
		keep = max(keep, 1)
	}
	if keep = min(keep, r.Spec); keep > size {
		if v.seen.canary == 0 || v.seen.settled || !v.routed {
			o.block(GateWeight, "ReplicaSet "+r.Name, r.Spec, size)
		} else {
			v.blockOnSettle("ReplicaSet "+r.Name, v.seen.canary, o)
		}
		return keep
	}
	return size
}

// lastEndpoint reports whether the last pod of r is the only one behind a
// role Service that is about to be re-pointed. Where maxSurge 0 leaves no room
// for another pod it has to go all the same.
func (v *view) lastEndpoint(r *Revision, t target) bool {
	if !v.selected(r) || v.desired == 0 || v.isCurrent(r) {
		return false
	}
	noOtherWay := v.budget.Surge == 0 && v.current != nil && available(v.current) < v.desired && t.rule != "Aborted"
	return !noOtherWay
}

// filledFor notes the D for which n has all its pods once it is to carry
// everything. The note stays while D grows, and is void once n is to carry
// less.
func (v *view) filledFor(r *Revision, size int32, t target) int32 {
	promoting := v.routed && v.isCurrent(r) && (t.rule == "Promote" || t.rule == "PromoteFull")
	switch {
	case promoting && size == r.Spec && size >= v.desired && available(r) >= v.canary.Enough(v.desired):
		return v.desired
	case promoting:
		return min(r.FilledFor, size)
	case size != r.Spec:
		return 0
	default:
		return r.FilledFor
	}
}

// changes reports whether set differs from what r has.
func (v *view) changes(r *Revision, set Set) bool {
	sameDeadline := (set.Deadline == nil) == (r.Deadline == nil) && (set.Deadline == nil || set.Deadline.Equal(*r.Deadline))
	return set.Size != r.Spec || !sameDeadline || set.FilledFor != r.FilledFor || set.MinReadySeconds != r.MinReadySeconds
}
