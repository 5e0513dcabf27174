// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reportDuration keeps the record of how long the last update took. It begins
// with a new revision, or with a retry, and ends with whatever comes of it.
// finished is the record that this pass closes, nil for none: one that a newer
// revision takes the place of is told of here alone.
func (v *view) reportDuration(st *v1alpha1.RolloutStatus, pos position) (finished *v1alpha1.RolloutDuration) {
	d := v.status.Duration.DeepCopy()
	running := d != nil && d.FinishedAt == nil
	now := metav1.NewTime(v.Now)
	switch {
	case pos.reset && v.atStable() && v.Template == v.stable.Hash:
		return nil // only the steps were edited, at rest
	case pos.reset:
		if running {
			finished = d.DeepCopy()
			v.finish(finished, v1alpha1.CompletionSuperseded)
		}
		st.Duration = &v1alpha1.RolloutDuration{RolloutStartedAt: &now}
		return finished
	case !running && d != nil && d.CompletionStatus == v1alpha1.CompletionAborted && !st.Abort && !v.atStable():
		st.Duration = &v1alpha1.RolloutDuration{RolloutStartedAt: &now}
		return nil
	case !running:
		return nil
	}
	v.countPause(d, st)
	st.Duration = d
	if how := v.completion(st, pos); how != "" {
		v.finish(d, how)
		return d
	}
	return nil
}

// completion is how the update has ended, "" while it goes on. One to a
// revision that was stable all along, as the first one of a Rollout is, ends
// when all its pods are available and have all the traffic.
func (v *view) completion(st *v1alpha1.RolloutStatus, pos position) string {
	n := v.current
	switch {
	case st.Abort:
		return v1alpha1.CompletionAborted
	case v.atStable() && (available(n) < v.desired || !v.trafficAtRest()):
		return ""
	case v.atStable() && v.number() > 1:
		return v1alpha1.CompletionFastRolledBack
	case v.atStable():
		return v1alpha1.CompletionPromoted
	case !pos.promoted || n == nil || v.stable == nil:
		return ""
	case v.withinWindow(n):
		return v1alpha1.CompletionFastRolledBack
	case v.promoteFull():
		return v1alpha1.CompletionFastPromoted
	case n.Created.Before(v.stable.Created):
		return v1alpha1.CompletionRolledBack
	default:
		return v1alpha1.CompletionPromoted
	}
}

// countPause adds up how long somebody had to be waited for: at a pause
// without an end, or since spec.paused.
func (v *view) countPause(d *v1alpha1.RolloutDuration, st *v1alpha1.RolloutStatus) {
	waits := v.paused()
	for _, c := range st.PauseConditions {
		waits = waits || c.Reason != v1alpha1.PauseReasonCanaryPauseStep || !v.timedPause(st)
	}
	switch {
	case waits && d.ManualPauseStartedAt == nil:
		now := metav1.NewTime(v.Now)
		d.ManualPauseStartedAt = &now
	case !waits:
		v.endPause(d)
	}
}

// timedPause reports whether the step that st stands at ends by itself.
func (v *view) timedPause(st *v1alpha1.RolloutStatus) bool {
	i := int(deref(st.CurrentStepIndex))
	if i >= len(v.steps) || v.steps[i].Pause == nil {
		return false
	}
	_, timed := v.steps[i].Pause.Length()
	return timed
}

// endPause counts whole seconds on the clock, as the stored times do, so that
// many short pauses add up.
func (v *view) endPause(d *v1alpha1.RolloutDuration) {
	if d.ManualPauseStartedAt == nil {
		return
	}
	total := v.Now.Unix() - d.ManualPauseStartedAt.Unix()
	if d.TotalManualPauseDurationSeconds != nil {
		total += *d.TotalManualPauseDurationSeconds
	}
	d.TotalManualPauseDurationSeconds, d.ManualPauseStartedAt = &total, nil
}

func (v *view) finish(d *v1alpha1.RolloutDuration, how string) {
	v.endPause(d)
	now := metav1.NewTime(v.Now)
	d.FinishedAt, d.CompletionStatus = &now, how
}
