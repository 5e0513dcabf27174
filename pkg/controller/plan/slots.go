// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// roles in the order in which they are listed.
var roles = [...]mesh.Role{mesh.Stable, mesh.Canary}

// allowSlot decides whether a Service is re-pointed now: S to the stable
// revision, C to where the rule wants it.
func (v *view) allowSlot(role mesh.Role, t target, o *orders) {
	slot, named := v.Slots[role]
	hash := t.canary
	if role == mesh.Stable && v.stable != nil {
		hash = v.stable.Hash
	}
	r := v.revision(hash)
	switch {
	case !named || slot.Missing || slot.Stale || r == nil, v.ownedByAnother(slot):
	case slot.Hash == hash && slot.Owner == v.Rollout.Name:
	case slot.Hash == hash, v.allowFlip(role, slot, r, o):
		o.slots[role] = hash
	}
}

func (v *view) ownedByAnother(slot Slot) bool {
	return slot.Owner != "" && slot.Owner != v.Rollout.Name
}

// allowFlip is invariant 1: a selector is edited only where that loses no
// pod.
func (v *view) allowFlip(role mesh.Role, slot Slot, r *Revision, o *orders) bool {
	service := "Service " + slot.Service
	if slot.Hash == "" {
		return v.adoptsNobody(role, slot, r) || v.allowAdoption(role, slot, r, o)
	}
	if available(r) == 0 && v.desired > 0 {
		o.block(GateCapacity, "ReplicaSet "+r.Name, 0, 1)
		return false
	}
	if v.repairs(role, slot) || v.rescues(role, r) {
		return true
	}
	switch {
	case !v.known(o):
	case role == mesh.Canary && len(v.seen.managed) > 0:
		o.block(GateWeight, service, "route "+v.seen.managed[0], "no managed route")
	case v.carried(role) == 0:
		return true
	case v.observed(role) > 0:
		o.block(GateWeight, service, v.observed(role), 0)
	default:
		v.blockOnSettle(service, v.observed(role), o)
	}
	return false
}

// allowAdoption narrows a Service that selects the pods of every version, and
// those of a workload that the rollout takes over from. The Service must not
// lose by it: r needs all its pods, and as many as that workload, unless nothing
// goes through the Service.
func (v *view) allowAdoption(role mesh.Role, slot Slot, r *Revision, o *orders) bool {
	full := max(1, r.Spec, v.need(v.carried(role)))
	if w := v.Workload; w != nil && (!v.routed || v.carried(role) > 0) {
		full = max(full, w.Size)
		if w.Unread {
			o.block(GateObservation, w.Object, "not been read", "its size")
			return false
		}
		if v.desired < w.Size {
			v.blockOnWorkload(o)
			return false
		}
	}
	if available(r) < full {
		o.block(GateAdoption, "Service "+slot.Service, available(r), full)
		return false
	}
	return true
}

// adoptsNobody: where there are to be no pods, and no workload to take over from
// has any, a Service without a hash and without an endpoint may select stable, as
// there will be no pod to wait for.
func (v *view) adoptsNobody(role mesh.Role, slot Slot, r *Revision) bool {
	if w := v.Workload; w != nil && (!w.Known || w.Size > 0) {
		return false
	}
	return v.desired == 0 && slot.Endpoints == 0 && v.stable != nil && r.Hash == v.stable.Hash && (role == mesh.Stable || v.carried(role) == 0)
}

// repairs: S has nothing to lose where no endpoint is ready, or where its
// hash names no revision at all.
func (v *view) repairs(role mesh.Role, slot Slot) bool {
	return role == mesh.Stable && (slot.Endpoints == 0 || v.revision(slot.Hash) == nil)
}

// rescues: while stable is dead, C may go to a newer revision under weight,
// once that one carries it. Stable itself, which is all that S may go to, has no
// pods for that.
func (v *view) rescues(role mesh.Role, r *Revision) bool {
	return v.stableDead() && v.seen.all && available(r) >= max(1, v.need(v.carried(role)))
}

// stableDead reports whether no pod of the stable revision is available.
func (v *view) stableDead() bool {
	return v.stable != nil && v.stable.Spec > 0 && v.desired > 0 && available(v.stable) == 0 && !v.stable.Lagging && !v.stable.Stale
}

// observed is the raw weight of a role.
func (v *view) observed(role mesh.Role) int32 {
	if !v.routed {
		return 0
	}
	if role == mesh.Stable {
		return v.seen.stable
	}
	return v.seen.canary
}

// blockOnSettle: weight is seen on object, but not yet for long enough.
func (v *view) blockOnSettle(object string, weight int32, o *orders) {
	if !v.seen.final {
		name, message := v.unacked()
		o.block(GateAck, name, message, "an acknowledgement of the route")
		return
	}
	o.block(GateSettle, object, fmt.Sprintf("weight %d", weight), "it settled")
}

// refused is the first object of which a data plane refuses what we wrote for the
// current step, or a part of it, nil for none. What it has served once is not what
// it refuses.
func (v *view) refused() *mesh.State {
	w := v.status.Canary.Weights
	served := w != nil && w.Edition == v.seen.edition && w.Verified != nil && *w.Verified
	if served || Goal(v.Rollout).AtRest() {
		return nil
	}
	for _, kind := range v.Traffic {
		for i := range kind.Objects {
			if s := &kind.Objects[i]; s.Matches && s.Caused != nil {
				return s
			}
		}
	}
	return nil
}

// denied reports whether a parent refuses an object as a whole. No silence of others
// makes up for that.
func (v *view) denied() bool {
	return slices.ContainsFunc(v.Traffic, func(kind mesh.Observed) bool {
		return slices.ContainsFunc(kind.Objects, func(s mesh.State) bool { return slices.ContainsFunc(s.Refused, whole) })
	})
}

func whole(c mesh.Condition) bool { return !c.Part }

// unacked names the first object that is not acknowledged, and who refuses it or has
// not answered.
func (v *view) unacked() (object, message string) {
	for _, kind := range v.Traffic {
		for _, s := range kind.Objects {
			refusal := slices.IndexFunc(s.Refused, whole)
			switch {
			case s.Level >= kind.Best:
			case refusal >= 0:
				return s.Object.String(), s.Refused[refusal].Parent + ": " + s.Refused[refusal].Message
			case s.Waiting != nil:
				return s.Object.String(), "no answer of " + s.Waiting.Parent
			default:
				return s.Object.String(), "not acknowledged"
			}
		}
	}
	return v.unknownKind(), "not acknowledged"
}
