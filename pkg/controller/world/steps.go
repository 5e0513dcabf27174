// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
)

// checkSteps is invariant 13: a step is done when its effect was seen, and not
// before. No step is done while a route is unknown (4).
func (w *World) checkSteps(t truth, write Write, breach breachFunc) {
	if write.Before == nil || write.After == nil {
		return
	}
	before, after := w.API.rollout(write.Before).Status, w.API.rollout(write.After).Status
	if !before.Abort && after.Abort && !t.ro.Spec.ProgressDeadlineAbort && !w.caused(t) {
		breach("INV-9: aborted by itself, and no data plane refuses what we wrote")
	}
	if before.StableRS != "" && after.StableRS != before.StableRS {
		w.checkPromotion(t, after, breach)
		return
	}
	if before.CurrentStepIndex == nil || after.CurrentStepIndex == nil || after.StableRS == after.CurrentPodHash || after.Abort ||
		after.PromoteFull || before.CurrentPodHash != after.CurrentPodHash || before.CurrentStepHash != after.CurrentStepHash {
		return
	}
	from, to := max(0, int(*before.CurrentStepIndex)), int(*after.CurrentStepIndex)
	for i := from; i < to && i < len(t.spec.Steps); i++ {
		if gone := t.missing(); gone != "" {
			breach("INV-13: step %d done without Service %s", i, gone)
		}
		if t.routed && w.unknown(t) && t.spec.Steps[i].Pause == nil {
			breach("INV-4: step %d done while a route is unknown", i)
		}
		if step := t.spec.Steps[i]; t.routed && step.Pause == nil && step.SetCanaryScale == nil && w.unserved(t) {
			breach("INV-13: step %d done before its route is acknowledged", i)
		}
		t.checkStep(i, before, breach)
	}
}

// checkStep: what step i asks for is there.
func (t truth) checkStep(i int, before v1alpha1.RolloutStatus, breach breachFunc) {
	step, have := t.spec.Steps[i], t.available(t.current())
	switch {
	case step.Pause != nil:
		if !over(t, step.Pause, before) {
			breach("INV-13: pause %d over before its time", i)
		}
		return
	case t.desired == 0:
		return
	}
	weight := int32(0)
	for _, s := range t.spec.Steps[:i+1] {
		if s.SetWeight != nil {
			weight = *s.SetWeight
		}
	}
	if t.routed && step.SetCanaryScale == nil && t.named != weight {
		breach("INV-13: step %d done with weight %d of %d", i, t.named, weight)
	}
	if t.routed && step.SetCanaryScale == nil && weight > 0 && t.selects[t.canary] != t.current() {
		breach("INV-13: step %d done with weight %d on the Service of %q", i, weight, t.selects[t.canary])
	}
	if wanted := t.routesAt(i); t.routed && step.SetCanaryScale == nil && !slices.Equal(t.managed, wanted) {
		breach("INV-13: step %d done with managed routes %v of %v", i, t.managed, wanted)
	}
	if scale := step.SetCanaryScale; scale != nil && t.routed {
		wanted := t.need(weight)
		switch {
		case scale.MatchTrafficWeight:
		case scale.Replicas != nil:
			wanted = *scale.Replicas
		case scale.Weight != nil:
			wanted = t.need(*scale.Weight)
		}
		if least := t.spec.Enough(wanted); have < least {
			breach("INV-13: step %d done with %d of %d pods", i, have, least)
		}
	}
}

// over: the user has taken the pause back, or its time has passed.
func over(t truth, pause *v1alpha1.RolloutPause, before v1alpha1.RolloutStatus) bool {
	at := slices.IndexFunc(before.PauseConditions, func(c v1alpha1.PauseCondition) bool { return c.Reason == v1alpha1.PauseReasonCanaryPauseStep })
	if at < 0 {
		return before.ControllerPause
	}
	length, timed := pause.Length()
	return timed && !t.at.Before(before.PauseConditions[at].StartTime.Add(length))
}

// checkPromotion: what becomes stable carries everything, and has the pods for
// it.
func (w *World) checkPromotion(t truth, after v1alpha1.RolloutStatus, breach breachFunc) {
	if t.desired == 0 || t.sets[t.stableHash()] == nil {
		return
	}
	hash := after.StableRS
	if gone := t.missing(); gone != "" {
		breach("INV-13: promoted without Service %s", gone)
	}
	if have, least := t.held(hash), max(1, t.spec.Enough(w.filledFor(t))); have < least {
		breach("INV-2: promoted with %d of %d pods", have, least)
	}
	if t.routed && (t.weight[t.canary] < t.total || t.selects[t.canary] != hash) {
		breach("INV-13: promoted with weight %d of %d on the Service of %q", t.weight[t.canary], t.total, t.selects[t.canary])
	}
	if t.routed && w.unknown(t) {
		breach("INV-4: promoted while a route is unknown")
	}
	if t.routed && w.unserved(t) {
		breach("INV-13: promoted before its route is acknowledged")
	}
}

// checkDeadline is edge case 11: while the spec or a reference is not in order, the
// update is not said to be late, as nothing could be done about that.
func (w *World) checkDeadline(write Write, breach breachFunc) {
	before, after := w.conditions(write)
	late := func(c v1alpha1.RolloutCondition) bool {
		return strings.Contains(c.Message, "has timed out progressing")
	}
	if slices.ContainsFunc(after, late) && !slices.ContainsFunc(before, late) && slices.ContainsFunc(before, saysInvalid) {
		breach("edge case 11: the deadline passes while the spec is not in order")
	}
}

// checkInvalid: that something which the spec names is gone is said for as long as
// it is.
func (w *World) checkInvalid(s state, t truth, write Write, breach breachFunc) {
	before, after := w.conditions(write)
	if len(after) == 0 || !slices.ContainsFunc(before, saysInvalid) || slices.ContainsFunc(after, saysInvalid) {
		return
	}
	if gone := t.missing(); gone != "" {
		breach("INV-13: InvalidSpec is taken back without Service %s", gone)
	}
	if ref := t.ro.Spec.WorkloadRef; ref != nil && s.workload() == nil {
		breach("INV-13: InvalidSpec is taken back without %s %s", ref.Kind, ref.Name)
	}
}

func saysInvalid(c v1alpha1.RolloutCondition) bool { return c.Type == v1alpha1.InvalidSpec }

// conditions of a Rollout before a write to it and after.
func (w *World) conditions(write Write) (before, after []v1alpha1.RolloutCondition) {
	if write.Before == nil || write.After == nil {
		return nil, nil
	}
	return w.API.rollout(write.Before).Status.Conditions, w.API.rollout(write.After).Status.Conditions
}
