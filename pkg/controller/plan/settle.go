// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// recorded reports whether status.canary.weights describes what is observed;
// only then does its Since count.
func (v *view) recorded(t traffic) bool {
	w := v.status.Canary.Weights
	return w != nil && w.Since != nil && sameWeights(w, v.weights(t))
}

// sameWeights compares all but Since and Pods.
func sameWeights(a, b *v1alpha1.TrafficWeights) bool {
	return a.Canary == b.Canary && a.Stable == b.Stable && sameBool(a.Verified, b.Verified)
}

func sameBool(a, b *bool) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// weights is what was observed, as status tells it.
func (v *view) weights(t traffic) *v1alpha1.TrafficWeights {
	return &v1alpha1.TrafficWeights{
		Canary:   v.destination(mesh.Canary, t.canary),
		Stable:   v.destination(mesh.Stable, t.stable),
		Verified: v.verified(t),
	}
}

func (v *view) destination(role mesh.Role, weight int32) v1alpha1.WeightDestination {
	slot := v.Slots[role]
	return v1alpha1.WeightDestination{Weight: weight, ServiceName: slot.Service, PodTemplateHash: slot.Hash}
}

// verified is nil where no Kind can acknowledge.
func (v *view) verified(t traffic) *bool {
	if !v.canAck() && t.all {
		return nil
	}
	return &t.acked
}

func (v *view) canAck() bool {
	return slices.ContainsFunc(v.Traffic, func(o mesh.Observed) bool { return o.Best == mesh.Acked })
}

// settles is how long the observed weight has yet to stand, 0 or less once it
// has settled. It means something only while it is recorded.
func (v *view) settles(t traffic) time.Duration {
	wait := v.Settings.SettleAcked
	if !t.acked || slices.ContainsFunc(v.Traffic, func(o mesh.Observed) bool { return o.Best < mesh.Acked }) {
		wait = v.Settings.SettleUnacked
	}
	w := v.status.Canary.Weights
	if w == nil || w.Since == nil {
		return wait
	}
	return wait - v.Now.Sub(w.Since.Time)
}

// ackOverdue reports whether acknowledgement has been waited for long enough
// to go on without.
func (v *view) ackOverdue() bool {
	w := v.status.Canary.Weights
	return v.Settings.AckTimeout > 0 && w != nil && w.Since != nil && v.Now.Sub(w.Since.Time) >= v.Settings.AckTimeout
}
