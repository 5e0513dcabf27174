// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"

	corev1 "k8s.io/api/core/v1"
)

// Misstated says where status does not agree with itself or with the spec, as
// clients count on (wire contract 2.4, 2.13), "" for nowhere. It is asked once
// nothing more is written. While spec or references are not in order, or a route is
// unknown, status is partly that of before.
func (w *World) Misstated() string {
	t, ok := state{api: w.API, objects: w.API.objects}.truth()
	if !ok {
		return ""
	}
	st := t.ro.Status
	if b := st.BlockedOn; b != nil && (b.Gate == plan.GateReference || b.Gate == plan.GateObservation) || st.CurrentPodHash == "" {
		return ""
	}
	paused := t.ro.Spec.Paused || len(st.PauseConditions) > 0
	for _, field := range []struct {
		name       string
		have, want bool
	}{
		{"observedGeneration is that of the spec", st.ObservedGeneration == strconv.FormatInt(t.ro.Generation, 10), true},
		{"abortedAt is set", st.AbortedAt != nil, st.Abort},
		{"Progressing says RolloutAborted", progresses(st, v1alpha1.ReasonRolloutAborted), st.Abort},
		{"Progressing says RolloutPaused", progresses(st, v1alpha1.ReasonPaused), paused && !st.Abort && !t.atStable()},
		{"controllerPause", st.ControllerPause, len(st.PauseConditions) > 0},
		{"Paused", holds(st, v1alpha1.RolloutPaused), paused},
		{"Completed", holds(st, v1alpha1.RolloutCompleted), t.atStable()},
		{"Available", holds(st, v1alpha1.RolloutAvailable), st.AvailableReplicas >= t.desired},
		{"HPAReplicas are at most D", st.HPAReplicas == min(st.Replicas, t.desired), true},
	} {
		if field.have != field.want {
			return fmt.Sprintf("STATUS: %s: %t, not %t", field.name, field.have, field.want)
		}
	}
	return ""
}

// holds reports whether a condition is true.
func holds(st v1alpha1.RolloutStatus, kind v1alpha1.RolloutConditionType) bool {
	return slices.ContainsFunc(st.Conditions, func(c v1alpha1.RolloutCondition) bool {
		return c.Type == kind && c.Status == corev1.ConditionTrue
	})
}

// progresses reports whether Progressing has that reason.
func progresses(st v1alpha1.RolloutStatus, reason string) bool {
	return slices.ContainsFunc(st.Conditions, func(c v1alpha1.RolloutCondition) bool {
		return c.Type == v1alpha1.RolloutProgressing && c.Reason == reason
	})
}
