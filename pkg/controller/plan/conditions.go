// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reportConditions brings the conditions up to date and gives the events that
// tell of them. Types, reasons and messages are those of wire contract 2.13.
func (v *view) reportConditions(st *v1alpha1.RolloutStatus, t target, pos position) []Event {
	var events []Event
	healthy := v.healthy(st) && v.refusal() == ""
	completed := st.StableRS != "" && st.StableRS == st.CurrentPodHash
	wasCompleted := conditionTrue(v.status, v1alpha1.RolloutCompleted)
	paused := v.paused() || len(st.PauseConditions) > 0

	v.reportInvalid(st)
	v.set(st, v1alpha1.RolloutAvailable, st.AvailableReplicas >= v.desired, v1alpha1.ReasonAvailable,
		"Rollout has minimum availability", "Rollout does not have minimum availability")
	v.set(st, v1alpha1.RolloutPaused, paused, v1alpha1.ReasonPaused, "Rollout is paused", "Rollout is not paused")
	v.set(st, v1alpha1.RolloutCompleted, completed, v1alpha1.ReasonCompleted, "RolloutCompleted", "RolloutCompleted")
	if healthy && !paused || condition(st, v1alpha1.RolloutHealthy) != nil {
		v.set(st, v1alpha1.RolloutHealthy, healthy && !paused, v1alpha1.ReasonHealthy, "Rollout is healthy", "Rollout is not healthy")
	}
	if wasCompleted && !completed {
		events = append(events, Event{Reason: v1alpha1.EventRolloutNotCompleted, Message: fmt.Sprintf("Rollout not completed, started update to revision %d (%s)", v.number(), st.CurrentPodHash)})
	}
	v.reportReplicaFailure(st)
	if st.CurrentPodHash == "" {
		return events // no revision has started
	}
	return append(events, v.reportProgress(st, t, pos, healthy)...)
}

// reportInvalid says what is wrong with the spec or with what it names, all
// of it at once. What was wrong is taken back once it is known that nothing is.
func (v *view) reportInvalid(st *v1alpha1.RolloutStatus) {
	problems := slices.Clone(v.Invalid)
	for _, r := range v.Refs {
		problems = append(problems, fmt.Sprintf("%s: %s %s", r.Field, r.Object, r.Problem))
	}
	for _, f := range v.Faults {
		named := slices.ContainsFunc(v.Refs, func(r Ref) bool { return r.Object == f.Object })
		if f.Reason == "" && f.Contended == "" && !named {
			problems = append(problems, f.Message)
		}
	}
	switch {
	case len(problems) > 0:
		message := fmt.Sprintf("The Rollout %q is invalid: %s", v.Rollout.Name, strings.Join(problems, "; "))
		v.put(st, v1alpha1.InvalidSpec, corev1.ConditionTrue, v1alpha1.ReasonInvalidSpec, message)
	case v.understood():
		st.Conditions = slices.DeleteFunc(st.Conditions, func(c v1alpha1.RolloutCondition) bool { return c.Type == v1alpha1.InvalidSpec })
	}
}

func (v *view) reportReplicaFailure(st *v1alpha1.RolloutStatus) {
	for i := range v.Revisions {
		if r := v.Revisions[i]; r.Failure != nil {
			v.put(st, v1alpha1.RolloutReplicaFailure, corev1.ConditionTrue, r.Failure.Reason, r.Failure.Message)
			return
		}
	}
	st.Conditions = slices.DeleteFunc(st.Conditions, func(c v1alpha1.RolloutCondition) bool { return c.Type == v1alpha1.RolloutReplicaFailure })
}

// healthy: everything is promoted, counted and back at rest.
func (v *view) healthy(st *v1alpha1.RolloutStatus) bool {
	index := st.CurrentStepIndex
	return (index == nil || int(*index) == len(v.steps)) && st.StableRS != "" && st.StableRS == st.CurrentPodHash &&
		!v.outdated() && v.trafficAtRest() &&
		st.Replicas == v.desired && st.UpdatedReplicas == v.desired && st.AvailableReplicas == v.desired
}

// trafficAtRest reports whether all traffic is seen to go through S to the
// stable revision.
func (v *view) trafficAtRest() bool {
	return !v.routed || v.seen.canary == 0 && len(v.seen.managed) == 0 && v.stableHolds()
}

// reportProgress sets the Progressing condition, the one that clients read.
func (v *view) reportProgress(st *v1alpha1.RolloutStatus, t target, pos position, healthy bool) []Event {
	was := condition(v.status, v1alpha1.RolloutProgressing)
	reason := ""
	if was != nil {
		reason = was.Reason
	}
	put := func(status corev1.ConditionStatus, reason, format string, args ...any) {
		v.put(st, v1alpha1.RolloutProgressing, status, reason, fmt.Sprintf(format, args...))
	}
	name := v.currentName(st)
	paused := v.paused() || len(st.PauseConditions) > 0
	switch {
	case st.AbortedAt != nil && !pos.reset:
		return v.reportAbort(st, pos, reason)
	case v.refusal() != "":
		put(corev1.ConditionFalse, v1alpha1.ReasonReplicaSetCreateError, "Failed to create new replica set: %s", v.refusal())
	case v.create(t) != "", pos.reset && v.isNew(v.revision(v.Template)):
		put(corev1.ConditionTrue, v1alpha1.ReasonNewReplicaSetCreated, "Created new replica set %q", name)
		v.touch(st)
	case pos.reset:
		put(corev1.ConditionTrue, v1alpha1.ReasonFoundNewReplicaSet, "Found new replica set %q", name)
		v.touch(st)
	case reason == v1alpha1.ReasonRolloutAborted:
		put(corev1.ConditionUnknown, v1alpha1.ReasonRolloutRetry, "Retrying Rollout after abort")
	case paused && !v.atStable():
		if reason != v1alpha1.ReasonPaused {
			put(corev1.ConditionUnknown, v1alpha1.ReasonPaused, "Rollout is paused")
			return v.tellByHand(v.paused(), v1alpha1.EventRolloutPaused, "Rollout is paused (manually paused)")
		}
	case reason == v1alpha1.ReasonPaused:
		put(corev1.ConditionUnknown, v1alpha1.ReasonResumed, "Rollout is resumed")
		return v.tellByHand(!v.status.ControllerPause, v1alpha1.EventRolloutResumed, "Rollout is resumed")
	case healthy:
		put(corev1.ConditionTrue, v1alpha1.ReasonNewReplicaSetAvailable, "ReplicaSet %q has successfully progressed.", name)
		if st.AvailableReplicas > v.status.AvailableReplicas {
			v.touch(st) // a Deployment that gives way waits for pods to be known for a while
		}
	case reason == v1alpha1.ReasonNewReplicaSetAvailable && v.atStable() && st.AvailableReplicas < v.desired:
		put(corev1.ConditionTrue, v1alpha1.ReasonReplicaSetNotAvailable, "ReplicaSet %q is not available", name)
	case v.progressed(st) || was == nil || reason == v1alpha1.ReasonProgressDeadlineExceeded && v.returned(),
		reason == v1alpha1.ReasonReplicaSetCreateError && v.understood():
		put(corev1.ConditionTrue, v1alpha1.ReasonReplicaSetUpdated, "ReplicaSet %q is progressing.", name)
		v.touch(st)
	case v.mended():
		v.touch(st)
	case v.overdue(st, was):
		return v.reportTimeout(st, pos, name)
	}
	return nil
}

// refusal is why the API server lets us make no revision of the template, ""
// where it does.
func (v *view) refusal() string {
	for _, f := range v.Faults {
		if v.Untried != "" && f.Reason == v1alpha1.EventReplicaSetCreateError {
			return f.Message
		}
	}
	return ""
}

// tellByHand tells of what spec.paused has done; of pause steps the step tells.
func (v *view) tellByHand(byHand bool, reason, message string) []Event {
	if !byHand {
		return nil
	}
	return []Event{{Reason: reason, Message: message}}
}

// isNew reports whether r was made for the update that begins.
func (v *view) isNew(r *Revision) bool { return v.stable == nil || r != nil && r.New }

func (v *view) reportAbort(st *v1alpha1.RolloutStatus, pos position, reason string) []Event {
	if reason == v1alpha1.ReasonRolloutAborted {
		return nil
	}
	number := v.number()
	if v.current != nil {
		number = v.current.Number // a newer template may be waiting
	}
	message := fmt.Sprintf("Rollout aborted update to revision %d", number)
	if pos.abortReason != "" {
		message += ": " + pos.abortReason
	}
	v.put(st, v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.ReasonRolloutAborted, message)
	return []Event{{Warning: true, Reason: v1alpha1.EventRolloutAborted, Message: message}}
}

// reportTimeout says that the deadline has passed, or aborts for it where the
// user asked for that.
func (v *view) reportTimeout(st *v1alpha1.RolloutStatus, pos position, name string) []Event {
	message := fmt.Sprintf("ReplicaSet %q has timed out progressing.", name)
	if v.Rollout.Spec.ProgressDeadlineAbort && !v.atStable() && !pos.promoted {
		now := metav1.NewTime(v.Now)
		st.Abort, st.AbortedAt = true, &now
		pos.abortReason = message
		return v.reportAbort(st, pos, "")
	}
	v.put(st, v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.ReasonProgressDeadlineExceeded, message)
	return []Event{{Warning: true, Reason: v1alpha1.ReasonProgressDeadlineExceeded, Message: message}}
}

// progressed compares with the status that is stored.
func (v *view) progressed(st *v1alpha1.RolloutStatus) bool {
	was := v.status
	return st.UpdatedReplicas != was.UpdatedReplicas || st.Replicas-st.UpdatedReplicas < was.Replicas-was.UpdatedReplicas ||
		st.ReadyReplicas > was.ReadyReplicas || st.AvailableReplicas > was.AvailableReplicas ||
		st.StableRS != was.StableRS || st.CurrentStepHash != was.CurrentStepHash ||
		deref(st.CurrentStepIndex) != deref(was.CurrentStepIndex)
}

// overdue reports whether nothing has happened for longer than
// progressDeadlineSeconds, although something should have.
func (v *view) overdue(st *v1alpha1.RolloutStatus, progressing *v1alpha1.RolloutCondition) bool {
	return v.onTheClock(st) && v.Now.After(progressing.LastUpdateTime.Add(v.Rollout.Spec.ProgressDeadline()))
}

// onTheClock: not while the user, or a delay, is what is waited for, nor while
// nothing may advance, and not once all that is left to do is to take old pods
// down.
func (v *view) onTheClock(st *v1alpha1.RolloutStatus) bool {
	c := condition(st, v1alpha1.RolloutProgressing)
	if c == nil || c.Status == corev1.ConditionFalse || !v.mayAdvance() || condition(st, v1alpha1.InvalidSpec) != nil || v.paused() || len(st.PauseConditions) > 0 || c.Reason == v1alpha1.ReasonNewReplicaSetAvailable {
		return false
	}
	if v.index < len(v.steps) && v.steps[v.index].Pause != nil && !v.atStable() {
		return false
	}
	if v.returned() {
		return false
	}
	for i := range v.Revisions {
		if r := &v.Revisions[i]; r.Deadline != nil && !v.isCurrent(r) {
			return false
		}
	}
	return true
}

// mended: what may advance again was held back by the spec, or by what that
// names, when status was last written.
func (v *view) mended() bool {
	b := v.status.BlockedOn
	return v.mayAdvance() && b != nil && b.Gate == GateReference
}

// returned: all that is left to do is to take old pods down.
func (v *view) returned() bool {
	return v.atStable() && available(v.current) >= v.desired && v.trafficAtRest()
}

// progressDue is how long the rollout may yet stand still, 0 for ever.
func (v *view) progressDue(st *v1alpha1.RolloutStatus) time.Duration {
	if !v.onTheClock(st) {
		return 0
	}
	c := condition(st, v1alpha1.RolloutProgressing)
	return c.LastUpdateTime.Add(v.Rollout.Spec.ProgressDeadline()).Sub(v.Now) + time.Second
}

func (v *view) currentName(st *v1alpha1.RolloutStatus) string {
	return v.Rollout.Name + "-" + st.CurrentPodHash
}

func condition(st *v1alpha1.RolloutStatus, kind v1alpha1.RolloutConditionType) *v1alpha1.RolloutCondition {
	for i := range st.Conditions {
		if st.Conditions[i].Type == kind {
			return &st.Conditions[i]
		}
	}
	return nil
}

func conditionTrue(st *v1alpha1.RolloutStatus, kind v1alpha1.RolloutConditionType) bool {
	c := condition(st, kind)
	return c != nil && c.Status == corev1.ConditionTrue
}

func (v *view) set(st *v1alpha1.RolloutStatus, kind v1alpha1.RolloutConditionType, on bool, reason, yes, no string) {
	if on {
		v.put(st, kind, corev1.ConditionTrue, reason, yes)
	} else {
		v.put(st, kind, corev1.ConditionFalse, reason, no)
	}
}

// put sets a condition. Times move only with status and reason.
func (v *view) put(st *v1alpha1.RolloutStatus, kind v1alpha1.RolloutConditionType, status corev1.ConditionStatus, reason, message string) {
	now := metav1.NewTime(v.Now)
	c := condition(st, kind)
	if c == nil {
		st.Conditions = append(st.Conditions, v1alpha1.RolloutCondition{Type: kind})
		c = &st.Conditions[len(st.Conditions)-1]
	}
	if c.Status != status {
		c.LastTransitionTime = now
	}
	if c.Status != status || c.Reason != reason {
		c.LastUpdateTime = now
	}
	c.Status, c.Reason, c.Message = status, reason, message
}

// touch notes progress, or that a new revision begins.
func (v *view) touch(st *v1alpha1.RolloutStatus) {
	if c := condition(st, v1alpha1.RolloutProgressing); c != nil {
		c.LastUpdateTime = metav1.NewTime(v.Now)
	}
}
