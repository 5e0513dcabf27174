// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// weighing is what a data plane serves from a time on: what its object says,
// and where it acknowledges, what it last acknowledged too.
type weighing struct {
	at time.Time
	// asked is when the generation was written that the data plane is to
	// acknowledge.
	asked        time.Time
	version      int64
	says, serves *unstructured.Unstructured
	// ours, or the neighbour's.
	ours, neighbour bool
}

// settleOf is how long a weight of a data plane must have stood: Istio does
// not acknowledge.
func settleOf(resource schema.GroupVersionResource) time.Duration {
	if resource.Resource == "virtualservices" {
		return settleUnacked
	}
	return settleAcked
}

// weigh notes what a route object that was written carries.
func (w *World) weigh(write Write) {
	if !isRoute(write.Resource) {
		return
	}
	o := object{write.Resource, write.Key}
	all := w.weighings[o]
	now := weighing{at: w.Clock.Now(), version: w.API.version, says: write.After, ours: write.Ours, neighbour: w.neighbourly}
	now.serves, now.asked = now.says, now.at
	if write.After != nil && len(all) > 0 {
		last := all[len(all)-1]
		if !acknowledged(write.After) {
			now.serves = last.serves
		}
		if write.Before != nil && write.After.GetGeneration() == write.Before.GetGeneration() {
			now.asked = last.asked
		}
	}
	w.weighings[o] = append(all, now)
}

// after: a write is none that the decision could know of.
func (m moment) after(version int64, ours bool) bool {
	return !ours && (version >= m.over || m.unseen[version])
}

// caused: what a data plane refuses, or refused until lately, is about an edit of
// ours.
func (w *World) caused(t truth) bool {
	for o, all := range w.weighings {
		for i, one := range all {
			until := w.Clock.Now()
			if i < len(all)-1 {
				until = all[i+1].at
			}
			suspect := func(parent string) bool { return suspected(all[:i+1], parent) }
			if t.names(o) && t.at.Sub(until) <= patience && slices.ContainsFunc(refusing(one.says), suspect) {
				return true
			}
		}
	}
	return false
}

// suspected: an edit of ours is among those, all of them of Rollouts, that were made
// since a parent served what was there. It had nothing against what was there before.
// Whether it has served that edit for a moment nobody remembers.
func suspected(all []weighing, parent string) bool {
	for i := len(all) - 1; i > 0; i-- {
		before, edit := all[i-1].says, all[i]
		switch {
		case before == nil || edit.says == nil:
			return false
		case before.GetGeneration() == edit.says.GetGeneration(): // an answer
		case !edit.ours && !edit.neighbour:
			return false
		case edit.ours && !slices.Contains(refusing(before), parent):
			return true
		case serves(before, parent):
			return false
		}
	}
	return false
}

// lately is w(x) of the invariants: the highest weight of a Service in the
// settle time that ends at the decision.
func (w *World) lately(service string, t truth) int32 {
	var highest int32
	w.during(t, func(c carried) { highest = max(highest, c.weight[service]) })
	return highest
}

// managedLately: there was a managed route in the settle time that ends at the
// decision.
func (w *World) managedLately(t truth) bool {
	there := false
	w.during(t, func(c carried) { there = there || len(c.managed) > 0 })
	return there
}

// unserved: at the decision the data plane of a route that acknowledges has yet
// to do so. After --ack-timeout it need not, unless it refuses all of it.
func (w *World) unserved(t truth) bool {
	for o, all := range w.weighings {
		if !t.names(o) {
			continue
		}
		for _, one := range slices.Backward(all) {
			if t.after(one.version, one.ours) {
				continue
			}
			overdue := w.ackTimeout > 0 && t.at.Sub(one.asked) >= w.ackTimeout
			if one.says != nil && !acknowledged(one.says) && (!overdue || denied(one.says)) {
				return true
			}
			break
		}
	}
	return false
}

// during tells of all that was carried in the settle time that ends at the
// decision, and of what we have written since. What the spec no longer names is its
// user's, but for what leads to the canary still, or has yet to be given back, and
// nobody waits for an answer about that.
func (w *World) during(t truth, heard func(carried)) {
	for o, all := range w.weighings {
		tell, named := heard, !t.routed || t.names(o)
		if !named {
			last := w.API.carried(all[len(all)-1].says, t.total)
			if !listed(t.ro.Status.Managed, o) && last.weight[t.canary] == 0 && len(last.managed) == 0 {
				continue
			}
			tell = func(c carried) {
				heard(carried{weight: map[string]int32{t.canary: c.weight[t.canary]}, managed: c.managed})
			}
		}
		from := t.at.Add(-settleOf(o.resource))
		for _, one := range slices.Backward(all) {
			if t.after(one.version, one.ours) {
				continue
			}
			tell(w.API.carried(one.says, t.total))
			if named && (w.ackTimeout == 0 || t.at.Sub(one.asked) < w.ackTimeout) { // after that silence is consent
				tell(w.API.carried(one.serves, t.total))
			}
			if !one.at.After(from) {
				break
			}
		}
	}
}
