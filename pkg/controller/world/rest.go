// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"time"

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
	if wrong := t.misplaced(); wrong != "" {
		return wrong
	}
	if t.restarts() {
		return "the pods are not restarted"
	}
	switch st := t.ro.Status; {
	case t.unadopted():
		// a Service without a hash waits for a pod to be adopted for
	case !st.Abort && st.Phase != v1alpha1.RolloutPhaseHealthy:
		return "the rollout is " + string(st.Phase)
	case st.Abort && st.Phase != v1alpha1.RolloutPhaseDegraded:
		return "the aborted rollout is " + string(st.Phase)
	}
	return ""
}

// misplaced says what traffic or pods are not with stable alone, "" for none.
func (t truth) misplaced() string {
	current := t.stableHash()
	switch {
	case len(t.managed) > 0:
		return "a managed route is left"
	case t.routed && (t.weight[t.canary] > 0 || t.weight[t.stable] != t.total):
		return fmt.Sprintf("weights are %v", t.weight)
	case !t.rests(t.stable), t.spec.PingPong == nil && !t.rests(t.canary):
		return fmt.Sprintf("Services select %v, stable is %s", t.selects, current)
	}
	for hash, rs := range t.sets {
		kept := t.routed && t.ro.Status.Abort && hash == t.current()
		if hash == current && *rs.Spec.Replicas != t.desired || hash != current && *rs.Spec.Replicas != 0 && !kept {
			return fmt.Sprintf("%s has %d pods", rs.Name, *rs.Spec.Replicas)
		}
	}
	return ""
}

// Silence is the last part of invariant 13: what does not advance, and names no
// gate that blocks it, "" for nothing. It is asked once nothing more is written.
func (w *World) Silence() string {
	t, ok := state{api: w.API, objects: w.API.objects}.truth()
	if !ok || t.ro.Status.BlockedOn != nil || t.waitsForUser() {
		return ""
	}
	if t.restarts() && t.ro.Spec.RestartAt.Time.Before(w.Clock.Now()) {
		return "INV-13: pods are not restarted, and nothing says what blocks it"
	}
	if t.delayed(w.Clock.Now()) {
		return ""
	}
	if (t.atStable() || t.ro.Status.Abort) && t.misplaced() == "" {
		return "" // all that is lacking is what pods do by themselves
	}
	return fmt.Sprintf("INV-13: the rollout is %s (%s), and nothing says what blocks it", t.ro.Status.Phase, t.ro.Status.Message)
}

// Stranded is what invariant 2 says of weight that is there already: none stays
// with a canary that has no pod while there is one behind the other Service, "" for
// none. It is asked once nothing more is written.
func (w *World) Stranded() string {
	t, ok := state{api: w.API, objects: w.API.objects}.truth()
	if !ok || !t.routed || t.desired == 0 || t.selects[t.stable] == t.selects[t.canary] {
		return ""
	}
	pods, taker := min(t.available(t.selects[t.canary]), t.ready[t.canary]), min(t.available(t.selects[t.stable]), t.ready[t.stable])
	if weight := t.weight[t.canary]; weight > 0 && pods == 0 && taker > 0 {
		return fmt.Sprintf("INV-2: the canary keeps weight %d without a pod, the stable Service has %d", weight, taker)
	}
	return ""
}

// restarts: a restart is asked for, and not told to be done.
func (t truth) restarts() bool {
	at, done := t.ro.Spec.RestartAt, t.ro.Status.RestartedAt
	return at != nil && (done == nil || done.Before(at))
}

// delayed: the delay of a revision is not over, nor what a drain gate adds to it.
func (t truth) delayed(now time.Time) bool {
	if gate := t.spec.DrainGate; gate != nil {
		now = now.Add(-time.Duration(gate.TimeoutSeconds) * time.Second)
	}
	for _, rs := range t.sets {
		if due, err := time.Parse(time.RFC3339, rs.Annotations[v1alpha1.ScaleDownDeadlineAnnotation]); err == nil && due.After(now) {
			return true
		}
	}
	return false
}

// waitsForUser: spec.paused is set, or the step is a pause without an end.
func (t truth) waitsForUser() bool {
	return t.ro.Spec.Paused && !t.ro.Status.Abort || t.pausedAtStep()
}

// pausedAtStep: the rollout is in a pause that has no end.
func (t truth) pausedAtStep() bool {
	if t.ro.Status.Abort || t.index() >= len(t.spec.Steps) || len(t.ro.Status.PauseConditions) == 0 {
		return false
	}
	pause := t.spec.Steps[t.index()].Pause
	return pause != nil && pause.Duration == nil
}

// rests: a Service, if there is one, selects stable, or waits for it to have a
// pod.
func (t truth) rests(service string) bool {
	return service == "" || t.selects[service] == t.stableHash() || t.waits(service)
}

// waits: there are to be no pods, and a Service without a hash has those of
// somebody else.
func (t truth) waits(service string) bool {
	return t.desired == 0 && t.selects[service] == "" && t.endpoints[service] > 0
}

// unadopted: a Service waits to be adopted.
func (t truth) unadopted() bool { return slices.ContainsFunc(t.services(), t.waits) }
