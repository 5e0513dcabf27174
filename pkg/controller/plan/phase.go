// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import "github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

// phase sums status up in a word and a message, as clients show it. The first
// that holds, in the order of wire contract 2.13.
func (v *view) phase(st *v1alpha1.RolloutStatus) (v1alpha1.RolloutPhase, string) {
	if c := condition(st, v1alpha1.InvalidSpec); c != nil {
		return v1alpha1.RolloutPhaseDegraded, string(v1alpha1.InvalidSpec) + ": " + c.Message
	}
	if c := condition(st, v1alpha1.RolloutProgressing); c != nil &&
		(c.Reason == v1alpha1.ReasonRolloutAborted || c.Reason == v1alpha1.ReasonProgressDeadlineExceeded) {
		return v1alpha1.RolloutPhaseDegraded, c.Reason + ": " + c.Message
	}
	if v.paused() {
		return v1alpha1.RolloutPhasePaused, "manually paused"
	}
	if len(st.PauseConditions) > 0 {
		return v1alpha1.RolloutPhasePaused, string(st.PauseConditions[0].Reason)
	}
	if message := v.inProgress(st); message != "" {
		return v1alpha1.RolloutPhaseProgressing, message
	}
	return v1alpha1.RolloutPhaseHealthy, ""
}

// inProgress says what a rollout that is neither stopped nor healthy waits
// for.
func (v *view) inProgress(st *v1alpha1.RolloutStatus) string {
	switch at := v.Rollout.Spec.RestartAt; {
	case RestartDue(v.Rollout, v.Now) && (st.RestartedAt == nil || st.RestartedAt.Before(at)):
		return "rollout is restarting"
	case st.UpdatedReplicas < v.desired:
		return "more replicas need to be updated"
	case st.AvailableReplicas < st.UpdatedReplicas:
		return "updated replicas are still becoming available"
	case !v.routed && st.Replicas > st.UpdatedReplicas:
		return "old replicas are pending termination"
	case st.StableRS == "" || st.StableRS != st.CurrentPodHash:
		return "waiting for all steps to complete"
	case !v.trafficAtRest():
		return "waiting for traffic to return to stable"
	default:
		return ""
	}
}
