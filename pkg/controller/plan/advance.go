// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// position is where the next status says that the rollout stands.
type position struct {
	index           int
	pauses          []v1alpha1.PauseCondition
	controllerPause bool
	pausedStep      *int32
	abort           bool
	abortReason     string
	promoteFull     bool
	stable          string
	pingPong        string
	// reset: a new revision starts. promoted: n becomes stable.
	reset, promoted bool
	events          []Event
	after           time.Duration
}

func (p *position) tell(reason, format string, args ...any) {
	p.events = append(p.events, Event{Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// advance decides how far the rollout has come.
func (v *view) advance(t target, o *orders) position {
	p := position{
		index:           v.index,
		pauses:          slices.Clone(v.status.PauseConditions),
		controllerPause: v.status.ControllerPause,
		pausedStep:      v.status.Canary.PausedStep,
		abort:           v.status.Abort,
		promoteFull:     v.status.PromoteFull,
		stable:          v.status.StableRS,
		pingPong:        v.status.Canary.StablePingPong,
	}
	if p.stable == "" && v.stable != nil {
		p.stable = v.stable.Hash
	}
	if v.atStable() {
		p.abort = p.abort && v.waitsForStart() // else there is nothing to abort
	}
	if v.swaps() && v.stable != nil && v.seen.all {
		p.pingPong = cmp.Or(p.pingPong, v1alpha1.Ping) // before the weights can say otherwise
	}
	switch t.rule {
	case "Roles":
		p.pingPong = v1alpha1.Pong
	case "FirstDeploy":
		v.firstStable(&p)
	case "NewRevision":
		v.reset(&p)
	case "Aborted":
		p.index, p.promoteFull = 0, p.promoteFull && v.withinWindow(v.current) // a retry begins anew
		p.unpause()
	case "Returning", "AtRest":
		p.index, p.promoteFull = len(v.steps), false
		p.unpause()
	case "PromoteFull", "Promote":
		p.index = len(v.steps)
		p.unpause()
		v.promote(t, o, &p)
	case "Step":
		v.step(t, o, &p)
	}
	v.abortIfRefused(&p)
	return p
}

// firstStable makes the first revision stable as soon as it exists: there is
// no other that could be.
func (v *view) firstStable(p *position) {
	n := v.revision(v.Template)
	if !v.mayAdvance() {
		return
	}
	if v.outdated() {
		v.reset(p)
	}
	if n == nil {
		return
	}
	p.unpause()
	p.index = len(v.steps)
	v.makeStable(p, n)
	p.abort, p.promoteFull = false, false
	v.tellCompleted(p, n, "Initial deploy")
}

// waitsForStart reports whether an abort is meant for a revision that cannot start
// yet.
func (v *view) waitsForStart() bool {
	return v.status.AbortedAt == nil && (v.outdated() || !v.understood())
}

// makeStable makes n the stable revision, and lets Services that swap roles do
// so.
func (v *view) makeStable(p *position, n *Revision) {
	switch {
	case v.status.StableRS == "":
		p.pingPong = cmp.Or(p.pingPong, v1alpha1.Ping)
	case v.status.StableRS != n.Hash:
		p.pingPong = v1alpha1.Swapped(p.pingPong)
	}
	p.stable, p.promoted = n.Hash, true
}

func (v *view) tellCompleted(p *position, n *Revision, why string) {
	p.tell(v1alpha1.EventRolloutCompleted, "Rollout completed update to revision %d (%s): %s", v.number(), n.Hash, why)
}

// reset starts over for a new template or new steps. An abort that nobody has
// acted on yet was meant for the new revision, and stays.
func (v *view) reset(p *position) {
	if v.current == nil && !v.outdated() {
		return // the ReplicaSet was deleted by hand: made again, and on from here
	}
	p.unpause()
	p.reset, p.index, p.promoteFull = true, 0, false
	p.abort = v.status.Abort && v.status.AbortedAt == nil
	switch {
	case v.stable != nil && v.Template == v.stable.Hash:
		v.skipSteps(p, "Rollback to stable")
	case v.withinWindow(v.revision(v.Template)):
		v.skipSteps(p, "Rollback within window")
		p.promoteFull = true
	}
}

func (v *view) skipSteps(p *position, why string) {
	p.index = len(v.steps)
	if len(v.steps) > 0 {
		p.tell(v1alpha1.EventSkipSteps, "%s", why)
	}
}

// withinWindow reports whether n is an older revision that may come back at
// once: fewer than rollbackWindow.revisions are between it and the stable one.
func (v *view) withinWindow(n *Revision) bool {
	window := v.Rollout.Spec.RollbackWindow
	if window == nil || n == nil || v.stable == nil || !n.Created.Before(v.stable.Created) {
		return false
	}
	between := int32(0)
	for i := range v.Revisions {
		if c := v.Revisions[i].Created; n.Created.Before(c) && c.Before(v.stable.Created) {
			between++
		}
	}
	return between < window.Revisions
}

// promote makes n stable once it is seen to carry everything.
func (v *view) promote(t target, o *orders, p *position) {
	n := v.current
	if !v.mayAdvance() {
		return
	}
	enough := t.enough
	if !v.routed {
		enough = v.canary.Enough(v.desired)
	} else if !v.routeDone(o) {
		return
	}
	if have := available(n); have < enough {
		o.block(GateReplicas, "ReplicaSet "+n.Name, have, enough)
		return
	}
	v.makeStable(p, n)
	p.promoteFull, p.abort = false, false
	why := fmt.Sprintf("Completed all %d canary steps", len(v.steps))
	switch {
	case v.withinWindow(n):
		why = "Rollback within window"
	case v.promoteFull():
		why = "Full promotion requested"
	}
	v.tellCompleted(p, n, why)
}

// routeDone reports whether the objects are seen to be what the position asks
// for, and lead to the current revision alone: a Service that was never adopted
// may have had its weight all along.
func (v *view) routeDone(o *orders) bool {
	goal, slot := Goal(v.Rollout), v.Slots[mesh.Canary]
	switch {
	case goal.Weight > 0 && slot.Hash != v.current.Hash:
		o.block(GateSelector, "Service "+slot.Service, slot.Hash, v.current.Hash)
	case !v.seen.matches:
		object, weight := v.unmatched()
		o.block(GateRoute, object, inWords(weight, v.seen.managed), inWords(goal.Weight, names(goal.Managed)))
	case !v.seen.final, v.denied():
		name, message := v.unacked()
		o.block(GateAck, name, message, "an acknowledgement of the route")
	case v.refused() != nil: // taken back
	default:
		return true
	}
	return false
}

// inWords is what a route carries, as status.blockedOn has it.
func inWords(weight int32, managed []string) string {
	return strings.Join(append([]string{fmt.Sprint(weight)}, managed...), ", ")
}

func names(managed []mesh.Managed) []string {
	var all []string
	for _, m := range managed {
		all = append(all, m.Name)
	}
	return all
}

// unmatched names the first object that is not what it should be, with the
// weight that it has.
func (v *view) unmatched() (object string, weight int32) {
	for _, kind := range v.Traffic {
		for _, s := range kind.Objects {
			if !s.Matches {
				return s.Object.String(), s.Canary
			}
		}
	}
	return v.unknownKind(), v.seen.canary
}

// step goes on past the current step once that is done, and into a pause that
// follows in the same write.
func (v *view) step(t target, o *orders, p *position) {
	if !v.mayAdvance() {
		return
	}
	v.dropForeignPause(p)
	if !v.done(t, o, p) {
		return
	}
	p.tell(v1alpha1.EventRolloutStepCompleted, "Rollout step %d/%d completed (%s)", p.index+1, len(v.steps), kindOfStep(v.steps[p.index]))
	p.index++
	p.unpause()
	if p.index < len(v.steps) && v.steps[p.index].Pause != nil {
		v.pause(p)
	}
}

// done reports whether the current step has had its effect.
func (v *view) done(t target, o *orders, p *position) bool {
	s := v.steps[p.index]
	switch {
	case s.Pause != nil:
		return v.pause(p)
	case s.SetWeight != nil, s.SetHeaderRoute != nil, s.SetMirrorRoute != nil:
		return v.sized(t, o) && (!v.routed || v.routeDone(o))
	case s.SetCanaryScale != nil:
		return v.sized(t, o) && v.known(o)
	default:
		return false // refused by validation
	}
}

// sized reports whether all revisions have the pods that the step asks for. A
// pending shrink does not hold the step, except where pods are the weight.
func (v *view) sized(t target, o *orders) bool {
	n := v.current
	if have, enough := available(n), v.canary.Enough(t.size); have < enough {
		o.block(GateReplicas, "ReplicaSet "+n.Name, have, enough)
		return false
	}
	if v.routed && v.canary.DynamicStableScale {
		return true // stable has what its weight needs
	}
	if v.routed {
		if v.stable.Spec < v.desired {
			o.block(GateReplicas, "ReplicaSet "+v.stable.Name, v.stable.Spec, v.desired)
		}
		return v.stable.Spec >= v.desired
	}
	return v.balanced(t, o)
}

// balanced reports whether, without routing, the numbers of pods are the
// weight.
func (v *view) balanced(t target, o *orders) bool {
	goal := v.goalPair(t.weight, v.current)
	others, _ := v.others(v.current)
	for _, other := range others {
		if have := held(other); have > 0 {
			o.block(GateReplicas, "ReplicaSet "+other.Name, have, 0)
			return false
		}
	}
	s, n := v.stable, v.current
	if v.canary.ReplicaProgressThreshold != nil {
		goal.Stable = t.aims[s.Hash].size // what there is room for while n lacks pods
	}
	if goal.Stable == 0 && s.Spec == 1 && v.lastEndpoint(s, t) {
		goal.Stable = 1 // until S is re-pointed, which follows
	}
	if s.Spec != goal.Stable || s.Replicas != goal.Stable {
		o.block(GateReplicas, "ReplicaSet "+s.Name, s.Replicas, goal.Stable)
		return false
	}
	if n.Spec != goal.Canary {
		o.block(GateReplicas, "ReplicaSet "+n.Name, n.Spec, goal.Canary)
		return false
	}
	return true
}

// abortIfRefused takes the rollout back where a data plane that served all that
// was there before refuses what we wrote, or a part of it, if there is a stable
// revision to go back to.
func (v *view) abortIfRefused(p *position) {
	if s := v.refused(); s != nil && v.stable != nil && !p.abort && !p.reset && !p.promoted {
		p.abort = true
		p.abortReason = fmt.Sprintf("%s: %s: %s", s.Object, s.Caused.Parent, s.Caused.Message)
	}
}

func kindOfStep(s v1alpha1.CanaryStep) string {
	switch {
	case s.Pause != nil:
		return "pause"
	case s.SetCanaryScale != nil:
		return "setCanaryScale"
	case s.SetWeight != nil:
		return fmt.Sprintf("setWeight: %d", *s.SetWeight)
	case s.SetHeaderRoute != nil:
		return "setHeaderRoute: " + s.SetHeaderRoute.Name
	case s.SetMirrorRoute != nil:
		return "setMirrorRoute: " + s.SetMirrorRoute.Name
	default:
		return "unknown"
	}
}

// number of the current revision: one more than any other, unless it is the
// newest already.
func (v *view) number() int64 {
	n := v.revision(v.Template)
	var highest int64
	for i := range v.Revisions {
		if r := &v.Revisions[i]; n == nil || r.Hash != n.Hash {
			highest = max(highest, r.Number)
		}
	}
	if n != nil && n.Number > highest {
		return n.Number
	}
	return highest + 1
}
