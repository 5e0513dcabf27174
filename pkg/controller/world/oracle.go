// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
)

// The oracle is a second, naive planner: what sizes and weights a rollout comes
// to that is paused at a step while everything is ready and nothing fails. It is
// written from the tables of the wire contract (2.9) and the edge cases, and
// knows nothing of how they are reached.

// Oracle says what differs from what it expects, "" for nothing. Where a rollout
// does not rest at a step it expects nothing.
func (w *World) Oracle() string {
	t, ok := state{api: w.API, objects: w.API.objects}.truth()
	if !ok || !t.restsAtStep() {
		return ""
	}
	stable, canary, weight := t.expected()
	if !t.routed {
		stable, canary = t.expectedPair()
	}
	switch have := t.size(t.current()); {
	case t.ro.Status.BlockedOn != nil && t.ro.Status.BlockedOn.Gate == plan.GateStable:
		return "ORACLE: stable is said to be unavailable"
	case have != canary:
		return fmt.Sprintf("ORACLE: the canary has %d pods, not %d", have, canary)
	case t.size(t.stableHash()) != stable:
		return fmt.Sprintf("ORACLE: stable has %d pods, not %d", t.size(t.stableHash()), stable)
	case t.routed && t.weight[t.canary] != weight:
		return fmt.Sprintf("ORACLE: the canary has weight %d, not %d", t.weight[t.canary], weight)
	}
	return ""
}

// restsAtStep: a valid rollout waits at a pause for its user, and its user for
// nothing else, as would be the next repair of a route that somebody kept reverting.
func (t truth) restsAtStep() bool {
	st := t.ro.Status
	contended := st.BlockedOn != nil && st.BlockedOn.Gate == plan.GateContended
	return !contended && t.pausedAtStep() && !st.PromoteFull && !t.ro.Spec.Paused && t.desired > 0 &&
		st.StableRS != "" && !t.atStable() && st.Phase == v1alpha1.RolloutPhasePaused && t.sets[t.current()] != nil
}

// expected sizes and weight with traffic routing: 2.9.1, 2.9.2 and edge cases 3
// and 5.
func (t truth) expected() (stable, canary, weight int32) {
	weight = t.lastWeight()
	canary = t.need(weight)
	pods, said, before := t.words()
	switch {
	case said && before:
		canary = pods
	case said:
		canary = max(canary, pods)
	}
	if weight > 0 || len(t.routesAt(t.index())) > 0 {
		canary = max(canary, 1)
	}
	scale, asWeight := t.scaleWeight()
	if !said || asWeight || t.spec.DynamicStableScale {
		canary = t.floored(canary)
	}
	stable = t.desired
	if t.spec.DynamicStableScale {
		beside := weight
		if said && asWeight {
			beside = min(weight, scale)
		}
		stable = t.floored(t.need(t.total - beside))
	}
	if t.spec.Prewarm {
		canary = max(canary, t.next())
	}
	return stable, canary, weight
}

// next is what the next step that needs pods asks for.
func (t truth) next() int32 {
	later := t
	later.ro = t.ro.DeepCopy()
	for i := t.index() + 1; ; i++ {
		if i >= len(t.spec.Steps) {
			return t.desired
		}
		if s := t.spec.Steps[i]; s.SetWeight != nil || s.SetCanaryScale != nil {
			index := int32(i)
			later.ro.Status.CurrentStepIndex = &index
			later.spec = later.spec.DeepCopy()
			later.spec.Prewarm = false
			_, canary, _ := later.expected()
			return canary
		}
	}
}

// floored keeps at least minPodsPerReplicaSet of D.
func (t truth) floored(pods int32) int32 {
	if least := t.spec.MinPodsPerReplicaSet; least != nil && pods > 0 {
		return max(pods, min(*least, t.desired))
	}
	return pods
}

// scaleWeight is the weight that the last setCanaryScale gives; ok is false where
// that is a number.
func (t truth) scaleWeight() (weight int32, ok bool) {
	for _, s := range t.spec.Steps[:t.index()+1] {
		if scale := s.SetCanaryScale; scale != nil {
			weight, ok = 0, scale.Replicas == nil
			if scale.Weight != nil {
				weight = *scale.Weight
			}
		}
	}
	return weight, ok
}

// expectedPair is the pods of both sides without traffic routing: the vectors of
// 2.9.3, and with role Services the last pod of stable, if nobody has taken that
// away, which stays until its Service is re-pointed unless maxSurge 0 leaves no
// other way (edge case 20).
func (t truth) expectedPair() (stable, canary int32) {
	stable, canary = t.nearestPair()
	if t.selects[t.stable] == t.stableHash() && t.ro.Spec.MaxSurge() > 0 && t.size(t.stableHash()) > 0 {
		stable = max(stable, 1)
	}
	return stable, canary
}

// nearestPair is, of the candidates of 2.9.3, step A, the one whose share is
// nearest to the weight.
func (t truth) nearestPair() (stable, canary int32) {
	weight, d := t.lastWeight(), t.desired
	zero := weight == 0 || weight == 100 || d == 1 && t.ro.Spec.MaxSurge() == 0
	floor, ceil := weight*d/100, (weight*d+99)/100
	type candidate struct{ canary, sum int32 }
	var all []candidate
	tied := func(n int32) bool { return n*weight%100 == 50 }
	if ceil < d || zero {
		all = append(all, candidate{ceil, d})
	}
	if !tied(d) && (floor != 0 || zero) {
		all = append(all, candidate{floor, d})
	}
	if t.ro.Spec.MaxSurge() > 0 {
		all = append(all, candidate{ceil, d + 1})
		if !tied(d+1) && (floor != 0 || zero) {
			all = append(all, candidate{floor, d + 1})
		}
	}
	best, miss := candidate{0, d}, -1.0
	for _, c := range all {
		off := float64(c.canary)*100/float64(c.sum) - float64(weight)
		if off < 0 {
			off = -off
		}
		if miss < 0 || off < miss-1e-9 {
			best, miss = c, off
		}
	}
	return best.sum - best.canary, best.canary
}
