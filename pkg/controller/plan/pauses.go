// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pause enters the pause at p.index, or reports that it is over: its time has
// passed, or the user has taken the condition away that we had put there.
func (v *view) pause(p *position) bool {
	at := slices.IndexFunc(p.pauses, func(c v1alpha1.PauseCondition) bool { return c.Reason == v1alpha1.PauseReasonCanaryPauseStep })
	if at < 0 && p.controllerPause {
		p.tell(v1alpha1.EventRolloutResumed, "Rollout is resumed")
		return true
	}
	start := v.Now
	if at >= 0 {
		start = p.pauses[at].StartTime.Time
	} else {
		index := int32(p.index)
		p.pauses = append(p.pauses, v1alpha1.PauseCondition{Reason: v1alpha1.PauseReasonCanaryPauseStep, StartTime: metav1.NewTime(v.Now)})
		p.controllerPause, p.pausedStep = true, &index
		p.tell(v1alpha1.EventRolloutPaused, "Rollout is paused (%s)", v1alpha1.PauseReasonCanaryPauseStep)
	}
	duration, timed := v.steps[p.index].Pause.Length()
	if !timed {
		return false
	}
	if left := start.Add(duration).Sub(v.Now); left > 0 {
		p.after = left
		return false
	}
	return at >= 0
}

// dropForeignPause drops the pause condition of another step: the index was
// moved by a client while that one was waited for.
func (v *view) dropForeignPause(p *position) {
	if p.pausedStep != nil && int(*p.pausedStep) != p.index || v.steps[p.index].Pause == nil {
		p.unpause()
	}
}

func (p *position) unpause() { p.pauses, p.controllerPause, p.pausedStep = nil, false, nil }
