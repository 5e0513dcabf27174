// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
)

// Unrest says what is not as it should be once a rollout has come to rest, ""
// for nothing.
func (w *World) Unrest() string {
	now := state{api: w.API, objects: w.API.objects}
	t, ok := now.truth()
	if !ok {
		return "the rollout is gone"
	}
	if wrong := w.unlike(); wrong != "" {
		return wrong
	}
	current := t.ro.Status.StableRS
	switch {
	case len(t.managed) > 0:
		return "a managed route is left"
	case t.routed && (t.weight[t.canary] > 0 || t.weight[t.stable] != t.total):
		return fmt.Sprintf("weights are %v", t.weight)
	case !t.rests(t.stable), t.spec.PingPong == nil && !t.rests(t.canary):
		return fmt.Sprintf("Services select %v, stable is %s", t.selects, current)
	case t.unadopted():
		// a Service without a hash waits for a pod to be adopted for
	case !t.ro.Status.Abort && t.ro.Status.Phase != v1alpha1.RolloutPhaseHealthy:
		return "the rollout is " + string(t.ro.Status.Phase)
	case t.ro.Status.Abort && t.ro.Status.Phase != v1alpha1.RolloutPhaseDegraded:
		return "the aborted rollout is " + string(t.ro.Status.Phase)
	}
	for hash, rs := range t.sets {
		kept := t.ro.Status.Abort && hash == t.ro.Status.CurrentPodHash
		if hash == current && *rs.Spec.Replicas != t.desired || hash != current && *rs.Spec.Replicas != 0 && !kept {
			return fmt.Sprintf("%s has %d pods", rs.Name, *rs.Spec.Replicas)
		}
	}
	return ""
}

// rests: a Service, if there is one, selects stable, or with no pods nobody.
func (t truth) rests(service string) bool {
	hash := t.selects[service]
	return service == "" || hash == t.stableHash() || hash == "" && t.desired == 0
}

// unadopted: there are to be no pods, and a Service selects no revision.
func (t truth) unadopted() bool {
	return t.desired == 0 && slices.ContainsFunc(t.services(), func(name string) bool { return t.selects[name] == "" })
}
