// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
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
	v.blockOnKept(t, o)
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
		if !v.seen.settled {
			v.blockOnSettle("ReplicaSet "+r.Name, v.seen.canary, o)
		}
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
	if gate == nil || !v.Now.Before(drainDue(*r.Deadline, gate)) {
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

// drainDue is when a drain gate gives up on a revision with that deadline.
func drainDue(deadline time.Time, gate *v1alpha1.DrainGate) time.Time {
	return deadline.Add(time.Duration(gate.TimeoutSeconds) * time.Second)
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

// reachedByRoute reports whether a managed route targets r. Where it cannot be
// known that there is none, r carries everything already.
func (v *view) reachedByRoute(r *Revision) bool {
	return v.routed && v.Slots[mesh.Canary].Hash == r.Hash && len(v.seen.managed) > 0
}

// allowShrink is invariant 3: a revision keeps what its weight needs, and a
// pod for a managed route; and invariant 15: while a revision serves that a newer
// one has replaced, no more than maxUnavailable of D pods are lacking in all.
func (v *view) allowShrink(r *Revision, size int32, t target, o *orders) int32 {
	keep := v.need(v.carriedBy(r))
	if v.isCurrent(r) && t.enough > 0 && v.carriedBy(r) <= t.weight {
		keep = min(keep, t.enough) // the user's own words say what is enough
	}
	if v.desired > 0 && v.reachedByRoute(r) {
		keep = max(keep, 1)
	}
	if !v.routed && v.lastEndpoint(r, t) {
		keep = max(keep, 1)
	}
	if v.servesThird() {
		keep = max(keep, v.desired-v.budget.Unavailable-v.availableInAll()+v.given(o)+available(r))
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

// given are the available pods that revisions before have been allowed to give.
func (v *view) given(o *orders) int32 {
	var sum int32
	for hash, set := range o.sets {
		if set.Shrinks {
			sum += max(0, available(v.revision(hash))-set.Size)
		}
	}
	return sum
}

// lastEndpoint reports whether the last pod of r may be the only one behind a
// role Service. Where that is about to be re-pointed, and maxSurge 0 leaves no
// room for another pod, it has to go all the same.
func (v *view) lastEndpoint(r *Revision, t target) bool {
	switch {
	case v.desired > 0 && available(r) > 0 && v.newlyPointed(r):
		return true
	case !v.selected(r) || v.desired == 0:
		return false
	case v.isCurrent(r):
		return t.canary == r.Hash || v.budget.Surge > 0 || available(v.stable) > 0
	default:
		noOtherWay := v.budget.Surge == 0 && v.current != nil && available(v.current) < v.desired && t.rule != "Aborted"
		return !noOtherWay
	}
}

// newlyPointed reports whether a Service selects another revision than r, and lists
// none of its pods yet.
func (v *view) newlyPointed(r *Revision) bool {
	for _, slot := range v.Slots {
		if other := v.revision(slot.Hash); other != nil && other.Hash != r.Hash && available(other) > 0 && slot.Endpoints > 0 && slot.Ready == 0 {
			return true
		}
	}
	return false
}

// filledFor notes the D for which n has all its pods once it is to carry
// everything. The note stays while D grows, until that is over: S has it all, or
// n is to carry less.
func (v *view) filledFor(r *Revision, size int32, t target) int32 {
	promoting := t.rule == "Promote" || t.rule == "PromoteFull"
	switch {
	case !v.routed || !v.isCurrent(r) || !promoting && t.rule != "Returning":
		return 0
	case promoting && size == r.Spec && size >= v.desired && available(r) >= v.canary.Enough(v.desired):
		return v.desired
	default:
		return min(r.FilledFor, size)
	}
}

// blockOnKept says why, without routing, an old revision keeps pods though all
// is to be stable's: too few others are available.
func (v *view) blockOnKept(t target, o *orders) {
	if v.routed || t.rule != "Aborted" && (t.rule != "AtRest" && t.rule != "Returning" || v.paused()) {
		return
	}
	for hash, a := range t.aims {
		if hash != v.stable.Hash && a.size > 0 {
			o.block(GateCapacity, "ReplicaSet "+v.stable.Name, available(v.stable), v.desired)
			return
		}
	}
}

// changes reports whether set differs from what r has.
func (v *view) changes(r *Revision, set Set) bool {
	sameDeadline := (set.Deadline == nil) == (r.Deadline == nil) && (set.Deadline == nil || set.Deadline.Equal(*r.Deadline))
	return set.Size != r.Spec || !sameDeadline || set.FilledFor != r.FilledFor || set.MinReadySeconds != r.MinReadySeconds
}

// givesWay reports whether the user wants the Deployment that the rollout takes
// over from to go down now: to 0 once the rollout is healthy, or, where that is
// to happen progressively, from its first revision's first pod on.
func (v *view) givesWay() bool {
	ref := v.Rollout.Spec.WorkloadRef
	if v.Workload == nil || v.Workload.Size == 0 || ref.Kind != v1alpha1.WorkloadDeployment || !v.atStable() || v.outdated() {
		return false
	}
	first, healthy := v.number() == 1, v.status.Phase == v1alpha1.RolloutPhaseHealthy
	switch ref.ScaleDown {
	case v1alpha1.ScaleDownProgressively:
		return first || healthy
	case v1alpha1.ScaleDownOnSuccess:
		return first && healthy
	default:
		return false
	}
}

// allowWorkload lets that Deployment go down by as many pods as the rollout has
// taken over: both together never have fewer than before.
func (v *view) allowWorkload(o *orders) {
	w := v.Workload
	if !v.givesWay() || !v.mayAdvance() || v.paused() || w.Stale {
		return
	}
	taken := v.takenOver()
	size := max(0, v.desired-taken)
	switch {
	case !v.known(o):
	case v.desired < w.Size:
		v.blockOnWorkload(o)
	case size >= w.Size:
		o.block(GateCapacity, "ReplicaSet "+v.stable.Name, taken, v.desired)
	case v.takesOver() > 0:
		o.block(GateSettle, w.Object, fmt.Sprintf("size %d", w.Size), fmt.Sprintf("%d, once the pods in their place have settled", size))
	default:
		o.workload = &size
	}
}

// blockOnWorkload: with so few pods of the rollout there would be fewer than
// before.
func (v *view) blockOnWorkload(o *orders) {
	o.block(GateWorkload, "Rollout "+v.Rollout.Name, fmt.Sprintf("spec.replicas %d", v.desired), fmt.Sprintf("%d, the size of %s", v.Workload.Size, v.Workload.Object))
}

// takenOver are the pods of s that are available and ready behind every role
// Service that the Deployment's pods are behind, as far as status has told of
// them.
func (v *view) takenOver() int32 {
	taken := min(available(v.stable), v.status.AvailableReplicas)
	for _, slot := range v.Slots {
		if slot.Hash == "" || slot.Hash == v.stable.Hash {
			taken = min(taken, slot.Ready)
		}
	}
	return taken
}

// takesOver is how long the pods that were last told of have yet to stand,
// until whoever sends requests has heard of them: 0 or less once they have.
// Nobody acknowledges endpoints. The time is kept in whole seconds, rounded down.
func (v *view) takesOver() time.Duration {
	c := condition(v.status, v1alpha1.RolloutProgressing)
	if c == nil {
		return v.Settings.SettleUnacked
	}
	return c.LastUpdateTime.Add(time.Second + v.Settings.SettleUnacked).Sub(v.Now)
}
