// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// inForce keeps the Services and the route objects that carry the traffic where a
// spec that is not in order names none of them any more: a typo in a name, or another
// strategy, takes away nothing that is served. What they were tells the inventory.
func (o *Observer) inForce(ctx context.Context, s *plan.Snapshot) {
	at := slices.IndexFunc(s.Rollout.Status.Managed, func(m v1alpha1.ManagedObject) bool { return m.Router != "" })
	if len(s.Invalid)+len(s.Refs) == 0 || at < 0 || s.Rollout.Status.StableRS == "" {
		return
	}
	rolesNamed, objectsNamed := namesListed(s)
	if rolesNamed && objectsNamed {
		return
	}
	ro, canary := *s.Rollout, v1alpha1.CanaryStrategy{}
	if c := ro.Spec.Strategy.Canary; c != nil {
		canary = *c
	}
	before := ro.Status.Managed[at]
	if !rolesNamed {
		canary.StableService, canary.CanaryService, canary.PingPong = before.StableService, before.CanaryService, nil
	}
	configured := specified(s.Rollout)
	if !objectsNamed {
		canary.TrafficRouting = routingBefore(&ro, before)
		configured = func(kind mesh.Kind) ([]mesh.Object, bool, error) {
			objects := listedObjects(&ro, kind.Name)
			return objects, len(objects) > 0, nil
		}
	}
	ro.Spec.Strategy.Canary = &canary
	refs := s.Refs // of what the spec names
	s.Rollout, s.Traffic = &ro, nil
	o.slots(s)
	o.traffic(ctx, s, configured)
	s.Refs = refs
}

// namesListed reports whether the spec names both roles, and a route object, of the
// inventory.
func namesListed(s *plan.Snapshot) (roles, objects bool) {
	ro := s.Rollout
	names := serviceNames(ro)
	roles = len(names) == 2 && !slices.ContainsFunc(names, func(name string) bool {
		return !Listed(ro, plan.ManagedService(ro.Namespace, name))
	})
	objects = slices.ContainsFunc(s.Traffic, func(t mesh.Observed) bool {
		return slices.ContainsFunc(t.Objects, func(state mesh.State) bool {
			return Listed(ro, plan.ManagedRoute(ro, t.Kind, state.Object))
		})
	})
	return roles, objects
}

// routingBefore is what the inventory tells of trafficRouting, beside the objects.
func routingBefore(ro *v1alpha1.Rollout, listed v1alpha1.ManagedObject) *v1alpha1.RolloutTrafficRouting {
	routing := &v1alpha1.RolloutTrafficRouting{}
	if w := ro.Status.Canary.Weights; w != nil {
		total := w.Stable.Weight + w.Canary.Weight
		routing.MaxTrafficWeight = &total
	}
	for _, name := range listed.ManagedRoutes {
		routing.ManagedRoutes = append(routing.ManagedRoutes, v1alpha1.ManagedRoute{Name: name})
	}
	return routing
}

// listedObjects of a Kind, as the inventory has them.
func listedObjects(ro *v1alpha1.Rollout, router string) []mesh.Object {
	var objects []mesh.Object
	for _, m := range ro.Status.Managed {
		if m.Router == router {
			objects = append(objects, ObjectOf(m))
		}
	}
	return objects
}

// specified are the route objects that the spec of a rollout names for a Kind.
func specified(ro *v1alpha1.Rollout) func(mesh.Kind) ([]mesh.Object, bool, error) {
	return func(kind mesh.Kind) ([]mesh.Object, bool, error) { return validation.Configured(ro, kind) }
}
