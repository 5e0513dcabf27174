// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"maps"
	"slices"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"
)

// rule is one state of a rollout: when it is in it, and what it then wants.
type rule struct {
	name string
	when func(*view) bool
	want func(*view) target
}

// rules is the state machine. The first rule whose when holds decides; the
// last one always does. docs/state-machine.md is made of this list and of what
// is said of each function in it.
var rules = []rule{
	{"Collision", (*view).collides, wantNothing},
	{"Roles", (*view).rolesLost, wantNothing},
	{"FirstDeploy", (*view).firstDeploy, wantFirstDeploy},
	{"NewRevision", (*view).newRevision, wantNewRevision},
	{"Misrouted", (*view).misrouted, wantMisrouted},
	{"Aborted", (*view).aborted, wantAborted},
	{"Returning", (*view).returning, wantReturning},
	{"AtRest", (*view).atStable, wantAtRest},
	{"Superseded", (*view).superseded, wantSuperseded},
	{"Held", (*view).held, wantHeld},
	{"Paused", (*view).paused, wantPaused},
	{"PromoteFull", (*view).promoteFull, wantPromote},
	{"Step", (*view).inSteps, wantStep},
	{"Promote", (*view).past, wantPromote},
}

func want(v *view) target {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.when(v) })
	t := rules[i].want(v)
	t.rule = rules[i].name
	if !v.routed {
		v.sizeWithoutRouting(&t)
		v.waitForSizes(&t)
	}
	return t
}

// target is what a rule wants. Nothing of it is done before it has passed the
// gates.
type target struct {
	rule string
	// weight of the canary.
	weight int32
	// enough pods of n for weight.
	enough int32
	// through: both Services select the same revision, and weight moves freely
	// between them. taker is the revision that S may take weight for, nil for
	// the stable one.
	through bool
	taker   *Revision
	managed []mesh.Managed
	// aims by hash; a revision without one stays as it is.
	aims map[string]aim
	// canary is the revision that C should select, "" for as it is.
	canary string
	// silent: the route objects are left alone for this pass.
	silent bool
	// waiting: what the rule itself waits for, nil for nothing.
	waiting *Blocked
	// size that n should have for the step, or the promotion, to be done.
	size int32
}

// aim is the size that a revision should come to. With a delay it keeps its
// size until it has carried nothing for that long, and then goes to 0.
type aim struct {
	size  int32
	delay *time.Duration
}

// collides: the hash of the template is that of another ReplicaSet.
func (v *view) collides() bool { return v.Taken }

// rolesLost: status does not say which of two Services that swap roles is
// stable, and by the weights it is not the one that it is taken for.
func (v *view) rolesLost() bool {
	return v.swaps() && v.status.Canary.StablePingPong == "" && v.seen.all && v.seen.canary > v.seen.stable
}

// firstDeploy: no revision is stable yet, or its ReplicaSet is gone.
func (v *view) firstDeploy() bool { return v.stable == nil }

// newRevision: template or steps are not those that status was written for,
// and spec and references are in order.
func (v *view) newRevision() bool {
	return v.mayAdvance() && (v.outdated() || v.current == nil)
}

// misrouted: S carries weight for a revision that is not the stable one, as
// somebody has re-pointed it. While stable is dead a newer revision need not wait
// for that.
func (v *view) misrouted() bool {
	s := v.Slots[mesh.Stable]
	return v.routed && v.desired > 0 && s.Endpoints > 0 && v.revision(s.Hash) != nil && !v.stableHolds() && v.seen.stable > 0 &&
		(v.atStable() || !v.stableDead())
}

// aborted: status.abort is set, and n is not s.
func (v *view) aborted() bool { return v.status.Abort && !v.atStable() }

// returning: n is s, but C still carries something, a managed route exists, or
// S or C does not select s.
func (v *view) returning() bool {
	if !v.atStable() {
		return false
	}
	for role, slot := range v.Slots {
		if slot.Hash != v.stable.Hash && (role == mesh.Stable || v.restOfCanary() != "") {
			return true
		}
	}
	return v.routed && (!v.seen.all || v.seen.canary > 0 || len(v.seen.managed) > 0)
}

// superseded: what goes through C does not go to n, but to a revision that n
// has replaced mid-way, be that s.
func (v *view) superseded() bool {
	hash := v.Slots[mesh.Canary].Hash
	if !v.routed || v.current == nil || hash == "" || hash == v.current.Hash {
		return false
	}
	return !v.seen.all || v.seen.canary > 0 || len(v.seen.managed) > 0
}

// servesThird: C carries something for a revision that is neither n nor s.
func (v *view) servesThird() bool {
	r := v.third()
	return r != nil && !v.idle(r)
}

// held: template or steps differ, and spec or references are not in order.
func (v *view) held() bool { return v.current == nil || (!v.mayAdvance() && v.outdated()) }

// paused: spec.paused is set.
func (v *view) paused() bool { return v.Rollout.Spec.Paused }

// promoteFull: status.promoteFull is set.
func (v *view) promoteFull() bool { return v.status.PromoteFull }

// inSteps: a step is left.
func (v *view) inSteps() bool { return v.index < len(v.steps) }

// past: no step is left.
func (v *view) past() bool { return true }

func (v *view) isCurrent(r *Revision) bool { return v.current != nil && v.current.Hash == r.Hash }

// wantFirstDeploy brings up the only version there is; traffic stays where it
// is.
func wantFirstDeploy(v *view) target {
	t := target{aims: map[string]aim{}}
	if n := v.revision(v.Template); n != nil {
		t.aims[n.Hash] = aim{size: v.desired}
	}
	return t
}

// wantNothing leaves everything as it is until status says how to go on.
func wantNothing(*view) target { return target{silent: true} }

// wantNewRevision only makes the new revision known: its pods, and all that
// follows, come with the next rule.
func wantNewRevision(v *view) target {
	return target{silent: true, aims: v.frozen(v.seen.canary)}
}

// wantMisrouted takes all weight off S, so that it can be re-pointed: through a
// C that selects the same revision, or stable. A C that selects neither gives
// up its own first, to a revision that gets the pods for it.
func wantMisrouted(v *view) target {
	s, c := v.Slots[mesh.Stable], v.Slots[mesh.Canary]
	r := v.revision(s.Hash)
	t := target{canary: v.stable.Hash, aims: v.frozen(0), taker: r, through: c.Hash == s.Hash}
	t.aims[r.Hash] = aim{size: max(r.Spec, v.desired)}
	if t.through || c.Hash == v.stable.Hash {
		t.weight, t.enough = v.total, v.desired
	}
	return t
}

// wantAborted takes the traffic back to S as far as s carries it, then C to s,
// and n down after abortScaleDownDelaySeconds, but not while C serves a third
// revision still. With a D of 0 there is nothing to keep for later.
func wantAborted(v *view) target {
	t := target{canary: v.restOfCanary(), aims: v.aims(v.Rollout.Spec.ScaleDownDelay())}
	t.weight, t.waiting = v.ramp()
	if n := v.current; n != nil {
		t.aims[n.Hash] = aim{size: n.Spec}
		if delay, down := v.Rollout.Spec.AbortScaleDownDelay(); (down || v.desired == 0) && !v.servesThird() {
			t.aims[n.Hash] = aim{delay: &delay}
		}
	}
	return t
}

// wantReturning gives everything back to S. Where S itself selects another
// revision still, as after a promotion, C has to carry everything meanwhile.
func wantReturning(v *view) target {
	t := wantAtRest(v)
	if s := v.Slots[mesh.Stable]; v.routed && v.desired > 0 && v.revision(s.Hash) != nil && !v.stableHolds() {
		t.weight, t.enough = v.total, v.filled()
	}
	return t
}

// wantAtRest keeps everything with s, and takes all others down after
// scaleDownDelaySeconds, but not while paused.
func wantAtRest(v *view) target {
	t := target{canary: v.restOfCanary(), aims: v.aims(v.Rollout.Spec.ScaleDownDelay())}
	if v.paused() {
		t.aims = v.frozen(0)
	}
	return t
}

// wantSuperseded drains the revision that a newer one has replaced mid-way,
// before the canary Service can be re-pointed.
func wantSuperseded(v *view) target {
	t := wantStep(v)
	t.weight, t.managed = 0, nil
	t.aims[v.stable.Hash] = aim{size: v.desired}
	if v.stableDead() {
		t.aims[v.current.Hash] = aim{size: max(t.size, v.need(v.carried(mesh.Canary)))} // C comes to n as it is
	}
	if v.held() {
		t.aims[v.current.Hash] = aim{size: v.current.Spec} // what the steps asked for cannot be told
	}
	if v.paused() {
		t.aims = v.frozen(0)
	}
	return t
}

// wantHeld leaves the traffic as it is, and lets s and n follow D. What the steps
// asked for that the spec has no longer cannot be told: the routes are left alone
// then, unless weight has to fall or their pods are gone.
func wantHeld(v *view) target {
	t := target{weight: v.seen.canary, aims: v.aims(v.Rollout.Spec.ScaleDownDelay())}
	maps.Copy(t.aims, v.frozen(v.seen.canary))
	if v.desired == 0 {
		t.weight = 0
	}
	if n := v.current; n != nil {
		size := v.need(v.seen.canary)
		if v.stepsKnown() {
			_, asked, _ := v.asked(v.index)
			size, t.managed = min(size, asked), v.managed(v.index)
		}
		if v.desired > 0 {
			size = max(size, n.Spec)
		}
		t.aims[n.Hash] = aim{size: size}
	}
	t.silent = !v.stepsKnown() && v.canaryCarries(t) >= t.weight && t.weight == v.seen.canary && (v.canaryPods() > 0 || len(v.seen.managed) == 0)
	return t
}

// wantPaused freezes the steps and the pods of the canary. The weight stays
// where the steps before this one brought it, or wherever it is on its way
// from there to what this step asks; a promotion in full has no step.
func wantPaused(v *view) target {
	t := target{canary: v.current.Hash, managed: v.managed(v.index)}
	if v.promoteFull() {
		t.weight, t.aims = v.seen.canary, v.frozen(v.seen.canary)
		return t
	}
	before, _, _ := v.asked(v.index - 1)
	asked, _, enough := v.asked(v.index)
	t.weight = min(max(v.seen.canary, min(before, asked)), max(before, asked))
	t.enough = min(enough, v.need(t.weight))
	t.aims = v.frozen(t.weight)
	return t
}

// wantStep gives n the pods, the weight and the managed routes that the steps up
// to this one ask for.
func wantStep(v *view) target {
	t := target{canary: v.current.Hash, aims: v.aims(v.Rollout.Spec.ScaleDownDelay())}
	t.weight, t.size, t.enough = v.asked(v.index)
	t.managed = managedAt(v.canary, v.index)
	t.aims[v.stable.Hash] = aim{size: v.stableSize(v.givenAway(t.weight))}
	t.aims[v.current.Hash] = aim{size: v.prewarmed(t.size)}
	return t
}

// wantPromote gives the new revision all pods and then all traffic. Where
// stable has given pods away for it, it gets the traffic pod by pod.
func wantPromote(v *view) target {
	t := target{canary: v.current.Hash, aims: v.aims(v.Rollout.Spec.ScaleDownDelay())}
	t.weight, t.size = v.total, v.desired
	if v.desired == 0 {
		t.weight = 0
	}
	t.enough = v.filled()
	if v.promoteFull() && v.canary.DynamicStableScale && available(v.current) < t.enough {
		t.weight = max(v.seen.canary, replicaset.Carries(available(v.current), v.desired, v.total))
		t.enough = v.need(t.weight)
	}
	t.aims[v.stable.Hash] = aim{size: v.stableSize(t.weight)}
	t.aims[v.current.Hash] = aim{size: v.desired}
	t.managed = v.managed(len(v.steps))
	return t
}
