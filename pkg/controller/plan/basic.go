// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"github.com/sluice-rollouts/sluice/pkg/replicaset"
)

// sizeWithoutRouting replaces the sizes of a target where pods are the weight:
// both sides then move together, within maxSurge and maxUnavailable.
func (v *view) sizeWithoutRouting(t *target) {
	n := v.current
	if t.rule == "FirstDeploy" {
		n = v.revision(v.Template)
	}
	switch {
	case t.rule == "FirstDeploy" && v.status.StableRS == "" && len(v.Revisions) <= 1:
		return // nothing to make room for
	case n == nil, t.rule == "Collision":
		t.aims = nil
		return
	case t.rule == "Held" && v.shrunk(n):
		t.weight = replicaset.Carries(n.Spec, n.Spec+v.stable.Spec, v.total) // each keeps its share
	case t.rule == "NewRevision", t.rule == "Held", v.paused() && t.rule != "Aborted":
		t.aims = v.stableAlone(n)
		return
	}
	weight := t.weight
	if t.rule == "FirstDeploy" || v.atStable() {
		weight = v.total
	}
	goal := v.goalPair(weight, n)
	t.size = goal.Canary
	if s := v.stableApartFrom(n); s != nil && goal.Canary == 0 && v.desired > 0 {
		t.canary = s.Hash // C leaves n before its last pod goes
	}
	others, sum := v.others(n)
	next := replicaset.Step(v.desired, goal, v.budget, side(v.stableApartFrom(n)), side(n), sum)
	t.aims = map[string]aim{n.Hash: {size: next.Canary}}
	if s := v.stableApartFrom(n); s != nil {
		t.aims[s.Hash] = aim{size: next.Stable}
		if next.Canary == 0 && goal.Canary > 0 && v.third() != nil {
			t.canary = s.Hash // C leaves a third revision, so that its last pod makes room for n
		}
	}
	for i, size := range replicaset.Drain(sides(others), v.availableInAll(), v.desired-v.budget.Unavailable) {
		if !others[i].Lagging { // whether its pods are broken is not known
			t.aims[others[i].Hash] = aim{size: size}
		}
	}
	if v.atStable() {
		v.delay(t, others)
	}
}

// shrunk: D has fallen below the pods that stable and n are to have together.
func (v *view) shrunk(n *Revision) bool {
	s := v.stableApartFrom(n)
	return s != nil && n.Spec > 0 && s.Spec+n.Spec > v.desired+v.budget.Surge
}

// waitForSizes: while it is not known what became of a write of ours to a
// ReplicaSet, nobody can tell how many more pods there may be.
func (v *view) waitForSizes(t *target) {
	for _, r := range v.Revisions {
		if r.Stale {
			t.aims, t.waiting = nil, &Blocked{GateObservation, "ReplicaSet " + r.Name, "unknown", "an observation of its size"}
		}
	}
}

// stableAlone lets stable follow D while all others stay as they are: it makes
// up for what they lack of D, and gives back what it has beyond D.
func (v *view) stableAlone(n *Revision) map[string]aim {
	s := v.stable
	if s == nil {
		return nil
	}
	_, rest := v.others(n)
	if s.Hash != n.Hash {
		rest += n.Spec
	}
	return map[string]aim{s.Hash: {size: max(min(s.Spec, v.desired), v.desired-rest)}}
}

// delay lets old revisions of a finished rollout wait where the user asked
// for it. Validation refuses such a delay without routing for now, but status
// may still hold one that another controller accepted.
func (v *view) delay(t *target, others []*Revision) {
	if d := v.Rollout.Spec.ScaleDownDelay(); d > 0 {
		for _, o := range others {
			t.aims[o.Hash] = aim{delay: &d}
		}
	}
}

// goalPair is the pods of each side that the weight comes to.
func (v *view) goalPair(weight int32, n *Revision) replicaset.Pair {
	if v.stableApartFrom(n) == nil {
		return replicaset.Pair{Canary: v.desired}
	}
	return replicaset.Target(v.desired, weight, v.total, v.budget.Surge)
}

// stableApartFrom is the stable revision, nil if it is n.
func (v *view) stableApartFrom(n *Revision) *Revision {
	if v.stable == nil || v.stable.Hash == n.Hash {
		return nil
	}
	return v.stable
}

// others are the revisions that are neither stable nor n, newest first, with
// the sum of their specs.
func (v *view) others(n *Revision) (others []*Revision, spec int32) {
	for i := len(v.Revisions) - 1; i >= 0; i-- {
		r := &v.Revisions[i]
		if r.Hash == n.Hash || (v.stable != nil && r.Hash == v.stable.Hash) {
			continue
		}
		others = append(others, r)
		spec += r.Spec
	}
	return others, spec
}

func side(r *Revision) replicaset.Side {
	if r == nil {
		return replicaset.Side{}
	}
	return replicaset.Side{Spec: r.Spec, Available: available(r)}
}

func sides(rs []*Revision) []replicaset.Side {
	out := make([]replicaset.Side, len(rs))
	for i, r := range rs {
		out[i] = side(r)
	}
	return out
}
