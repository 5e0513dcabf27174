// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// recorded reports whether the weights in status are those that are observed;
// only then does their Since count.
func (v *view) recorded(t traffic) bool {
	w := v.status.Canary.Weights
	return w != nil && w.Since != nil && sameWeights(w, v.weights(t))
}

// settled reports whether what is observed has stood for the settle time: the
// same weights, and no edit in between that somebody has made and taken back.
func (v *view) settled(t traffic) bool {
	return t.final && v.recorded(t) && v.status.Canary.Weights.Edition == t.edition && v.settles(t) <= 0
}

// sameWeights compares what is carried, and how well that is known.
func sameWeights(a, b *v1alpha1.TrafficWeights) bool {
	return a.Canary == b.Canary && a.Stable == b.Stable && sameBool(a.Verified, b.Verified)
}

// edition of all route objects, those included that are about to be given back.
func (v *view) edition() string {
	all := fnv.New64a()
	for _, kind := range v.Traffic {
		for _, s := range kind.Objects {
			fmt.Fprintln(all, s.Object, s.Edition)
		}
	}
	for _, o := range v.Orphans {
		fmt.Fprintln(all, o.Object.Name, o.Edition)
	}
	return fmt.Sprintf("%x", all.Sum64())
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
	if !v.canAck() {
		return nil
	}
	return &t.acked
}

func (v *view) canAck() bool {
	return slices.ContainsFunc(v.Traffic, func(o mesh.Observed) bool { return o.Best == mesh.Acked })
}

// settles is how long what is observed has yet to stand, 0 or less for no
// longer. It means something only while it is in status. What the spec no longer
// names may be of a Kind that never acknowledges.
func (v *view) settles(t traffic) time.Duration {
	wait := v.Settings.SettleAcked
	if !t.acked || len(v.Orphans) > 0 || slices.ContainsFunc(v.Traffic, func(o mesh.Observed) bool { return o.Best < mesh.Acked }) {
		wait = v.Settings.SettleUnacked
	}
	return wait - v.stood()
}

// stood is how long what status tells of has stood.
func (v *view) stood() time.Duration {
	w := v.status.Canary.Weights
	if w == nil || w.Since == nil || w.EditionSince == nil {
		return 0
	}
	return min(v.Now.Sub(w.Since.Time), v.Now.Sub(w.EditionSince.Time))
}

// ackOverdue reports whether acknowledgement of what is observed has been waited
// for long enough to go on without.
func (v *view) ackOverdue(t traffic) bool {
	return v.Settings.AckTimeout > 0 && v.recorded(t) && v.status.Canary.Weights.Edition == t.edition && v.stood() >= v.Settings.AckTimeout
}
