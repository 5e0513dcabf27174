// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"
)

// Gates, as status.blockedOn names them.
const (
	GateReference   = "Reference"             // the spec, or an object that it names, is not in order
	GateObservation = "Observation"           // what the data plane carries is not known
	GateSelector    = "Selector"              // the canary Service selects another revision
	GateCapacity    = "Capacity"              // too few available pods for the weight
	GateEndpoints   = "Endpoints"             // too few ready endpoints behind the Service
	GateWeight      = "Weight"                // weight or a managed route has yet to be gone
	GateSettle      = "Settle"                // it is gone, but not for long enough
	GateAdoption    = "Adoption"              // a Service without a hash waits for all pods
	GateAck         = "Acknowledged"          // the data plane has not confirmed the route, or refuses it
	GateRoute       = "Route"                 // the objects do not yet say what the step asks
	GateReplicas    = "Replicas"              // the pods of a step are not there yet
	GateContended   = "RouteContended"        // somebody else keeps reverting the weights
	GateRamp        = "AbortRamp"             // the weight is taken back in parts, and the next is not due
	GateDrain       = "Drain"                 // an old revision has not been said to be drained
	GateWorkload    = "ReplicasBelowWorkload" // spec.replicas is less than the workload has that is taken over from
	GateFailure     = "Failure"               // a write fails, and is tried again
	GateStable      = "StableUnavailable"     // no stable pod is available while another revision is being released
)

// Blocked is why less is done than wanted.
type Blocked struct{ Gate, Object, Have, Want string }

// orders is what of a target may be done now.
type orders struct {
	sets  map[string]Set
	slots map[mesh.Role]string
	route *mesh.Route
	// workload is the size of the referenced Deployment, nil for as it is.
	workload *int32
	blocked  []Blocked
}

func (o *orders) block(gate, object string, have, want any) {
	o.blocked = append(o.blocked, Blocked{gate, object, fmt.Sprint(have), fmt.Sprint(want)})
}

// allow lets a target through the gates.
func allow(v *view, t target) orders {
	o := orders{sets: map[string]Set{}, slots: map[mesh.Role]string{}}
	if !v.mayAdvance() {
		v.blockOnReference(&o)
	}
	for _, f := range v.Faults {
		if f.Contended != "" && !v.seen.matches {
			o.block(GateContended, f.Object, "reverted by "+f.Contended, "the weights of the step")
		}
	}
	if v.routed && v.stableDead() && !v.atStable() {
		o.block(GateStable, "ReplicaSet "+v.stable.Name, 0, max(1, v.desired-v.budget.Unavailable))
	}
	if t.waiting != nil {
		o.blocked = append(o.blocked, *t.waiting)
	}
	stable, canary := orders{slots: o.slots}, orders{slots: o.slots}
	v.allowSlot(mesh.Stable, t, &stable)
	v.allowSlot(mesh.Canary, t, &canary)
	v.allowRoute(t, &o)
	nameSelector(o.blocked, canary.blocked)
	o.blocked = slices.Concat(o.blocked, stable.blocked, canary.blocked)
	v.allowSizes(t, &o)
	v.allowWorkload(&o)
	v.blockOnFailure(&o)
	return o
}

// blockOnFailure names what fails, where no gate says what is lacking for it.
func (v *view) blockOnFailure(o *orders) {
	for _, f := range v.Faults {
		if f.Reason != "" {
			o.block(GateFailure, "Rollout "+v.Rollout.Name, f.Message, "no error")
		}
	}
}

// nameSelector: where C's selector has to move first, what keeps that from
// being moved is what blocks.
func nameSelector(blocked, flips []Blocked) {
	if len(flips) == 0 {
		return
	}
	for i := range blocked {
		if blocked[i].Gate == GateSelector {
			blocked[i] = flips[len(flips)-1]
		}
	}
}

func (v *view) blockOnReference(o *orders) {
	for _, problem := range v.Invalid {
		o.block(GateReference, "Rollout "+v.Rollout.Name, problem, "a valid spec")
	}
	for _, ref := range v.Refs {
		o.block(GateReference, ref.Object, ref.Problem, ref.Field)
	}
	if v.Going {
		o.block(GateReference, "ReplicaSet "+replicaset.Name(v.Rollout.Name, v.Template), "being deleted", "it gone, to make it again")
	}
	if v.Untried != "" {
		o.block(GateReference, "Rollout "+v.Rollout.Name, cmp.Or(v.refusal(), "spec.template, untried"), "the API server's word on it")
	}
	if v.Workload != nil && v.Workload.Unread {
		o.block(GateReference, v.Workload.Object, "not been read", "spec.workloadRef")
	}
}

// allowRoute decides what the route objects carry.
func (v *view) allowRoute(t target, o *orders) {
	if !v.routed || t.silent {
		return
	}
	r := route(v.Rollout)
	r.Weight, r.Least = v.allowWeight(t, o)
	r.Managed = v.allowManaged(t, o)
	if v.leavesAlone(r, t) && !v.known(o) {
		return
	}
	o.route = &r
}

// leavesAlone reports whether r would change nothing but what is not known, which may
// carry something: that goes only where nothing is wanted, and stable carries all.
func (v *view) leavesAlone(r mesh.Route, t target) bool {
	if !v.seen.any || r.AtRest() && v.seen.canary == 0 {
		return t.weight > 0 || len(t.managed) > 0 || v.carriesThroughS(v.stable) < v.total
	}
	return false
}

// urgent reports whether r takes weight off the canary, or off stable pods that
// do not carry it.
func (v *view) urgent(r *mesh.Route) bool {
	behindS := v.revision(v.Slots[mesh.Stable].Hash)
	return r != nil && (r.Weight < v.seen.canary || v.carriesThroughS(behindS) < v.seen.stable)
}

// allowWeight gives the canary's weight, and the least of it that stable cannot
// take. Every path to a higher weight, on either side, leads through here.
func (v *view) allowWeight(t target, o *orders) (weight, least int32) {
	seen, goal := v.seen.canary, t.weight
	carries := v.canaryCarries(t)
	if goal > seen {
		if v.allowRaise(t, goal, carries, o) {
			return goal, 0
		}
		goal = seen
	}
	return v.allowFall(t, min(goal, max(carries, 0)), carries, o)
}

// canaryCarries is the weight that the pods behind C carry. Of the current
// revision, enough pods carry all that the step asks for, and fewer their
// share of it. What they carry already they go on carrying while none is lost:
// that D rises adds nothing to it.
func (v *view) canaryCarries(t target) int32 {
	pods := v.canaryPods()
	if t.through && v.sameReady(mesh.Canary) {
		return v.total
	}
	carries := replicaset.Carries(pods, v.desired, v.total)
	if t.enough > 0 {
		carries = max(carries, min(t.weight, replicaset.Carries(pods, t.enough, t.weight)))
	}
	if w := v.status.Canary.Weights; w != nil && w.Pods > 0 {
		carries = max(carries, replicaset.Carries(pods, min(w.Pods, v.need(v.seen.canary)), v.seen.canary))
	}
	return carries
}

// canaryPods are the pods that serve what C carries.
func (v *view) canaryPods() int32 {
	slot := v.Slots[mesh.Canary]
	return min(held(v.revision(slot.Hash)), slot.Ready)
}

// allowRaise is invariant 2 for the canary: all or nothing.
func (v *view) allowRaise(t target, goal, carries int32, o *orders) bool {
	slot, n := v.Slots[mesh.Canary], v.revision(t.canary)
	if n == nil {
		n = v.current
	}
	switch {
	case !v.mayAdvance() && t.taker == nil:
		return false // named already
	case !v.known(o):
	case t.through && v.sameReady(mesh.Canary):
		return true
	case available(n) < t.enough:
		o.block(GateCapacity, "ReplicaSet "+n.Name, available(n), t.enough)
	case slot.Hash != n.Hash:
		o.block(GateSelector, "Service "+slot.Service, slot.Hash, n.Hash)
	case carries < goal:
		o.block(GateEndpoints, "Service "+slot.Service, slot.Ready, t.enough)
	default:
		return true
	}
	return false
}

// allowFall brings the canary's weight down towards goal, as far as stable can
// take what the canary gives up. Where neither side carries its share, each
// gets the share of the pods that it has.
func (v *view) allowFall(t target, goal, carries int32, o *orders) (weight, least int32) {
	seen := v.seen.canary
	taker := t.taker
	if taker == nil {
		taker = v.stable
	}
	if v.canaryPods() == 0 {
		taker = v.revision(v.Slots[mesh.Stable].Hash) // whoever has a pod
	}
	least = v.total - max(v.seen.stable, v.carriesThroughS(taker))
	weight = max(goal, min(seen, least))
	if weight == goal {
		return goal, least
	}
	s := v.Slots[mesh.Stable]
	have := min(available(v.stable), s.Ready)
	if pods := v.canaryPods(); weight > carries && v.stableHolds() && s.Hash != v.Slots[mesh.Canary].Hash && have+pods > 0 {
		weight = min(weight, max(goal, int32(int64(v.total)*int64(pods)/int64(have+pods))))
	}
	if weight > goal {
		gate := GateCapacity
		if have < available(v.stable) || !v.stableHolds() {
			gate = GateEndpoints
		}
		o.block(gate, "Service "+s.Service, have, v.stableSize(goal))
	}
	return weight, least
}

// stableHolds reports whether S selects the stable revision.
func (v *view) stableHolds() bool {
	return v.stable != nil && v.Slots[mesh.Stable].Hash == v.stable.Hash
}

// sameReady reports whether a role, whose Service selects the same revision as
// the other one, has as many ready endpoints as that.
func (v *view) sameReady(role mesh.Role) bool {
	mine, other := v.Slots[role].Ready, v.Slots[mesh.Stable].Ready
	if role == mesh.Stable {
		other = v.Slots[mesh.Canary].Ready
	}
	return mine > 0 && mine >= other
}

// carriesThroughS is the weight that the pods of r carry behind S: all of it
// while no more than maxUnavailable of D are lacking of stable, or as many as the
// user's threshold leaves, and all that C has where C selects the same revision
// and S has as many ready endpoints, or where C has no pod left and S has one. It
// is 0 where S does not select r. No pods carry all of a D of 0.
func (v *view) carriesThroughS(r *Revision) int32 {
	s, c := v.Slots[mesh.Stable], v.Slots[mesh.Canary]
	switch {
	case v.desired == 0:
		return v.total
	case r == nil || s.Hash != r.Hash:
		return 0
	}
	pods := min(available(r), s.Ready)
	if s.Hash == c.Hash {
		if v.sameReady(mesh.Stable) {
			return v.total
		}
		return 0
	}
	enough := v.desired
	if v.stableHolds() {
		enough = min(enough-v.budget.Unavailable, v.canary.Enough(enough))
	}
	if pods > 0 && (pods >= enough || v.canaryPods() == 0) {
		return v.total
	}
	return replicaset.Carries(pods, v.desired, v.total)
}

// allowManaged shows managed routes only while they lead to an available pod
// of the current revision.
func (v *view) allowManaged(t target, o *orders) []mesh.Managed {
	slot, n := v.Slots[mesh.Canary], v.current
	switch {
	case len(t.managed) == 0 || n == nil || v.desired == 0:
		return nil
	case available(n) == 0 && (len(v.seen.managed) == 0 || held(n) == 0):
		o.block(GateCapacity, "ReplicaSet "+n.Name, 0, max(1, t.enough))
		return nil
	case slot.Hash != n.Hash:
		o.block(GateSelector, "Service "+slot.Service, slot.Hash, n.Hash)
		return nil
	case slot.Ready == 0:
		o.block(GateEndpoints, "Service "+slot.Service, 0, max(1, t.enough))
		return nil
	default:
		return t.managed
	}
}

// known reports whether every route is: nothing advances while one is not.
func (v *view) known(o *orders) bool {
	if !v.routed || v.seen.all {
		return true
	}
	o.block(GateObservation, v.unknownKind(), "unknown", "an observation of the route")
	return false
}

// unknownKind names the first Kind that is not known, or what the spec no longer
// names and that is not known.
func (v *view) unknownKind() string {
	for _, o := range v.Traffic {
		if o.Level == mesh.Unknown {
			return o.Kind
		}
	}
	for _, o := range v.Orphans {
		if o.Object.Router != "" && !o.Clean && o.Level == mesh.Unknown {
			return fmt.Sprintf("%s %s/%s", o.Object.Kind, o.Object.Namespace, o.Object.Name)
		}
	}
	return ""
}
