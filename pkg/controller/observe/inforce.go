// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"slices"
	"strconv"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	"k8s.io/client-go/tools/cache"
)

// inForce keeps what carries the traffic where a spec is not in order: the Services
// and the route objects, where it names none of them any more, the total of the
// weights, and a number of replicas. A typo, or another strategy, takes away nothing
// that is served. What was in force tell the inventory, the annotation on a route that
// is not at rest, and the stable ReplicaSet.
func (o *Observer) inForce(ctx context.Context, s *plan.Snapshot) {
	if len(s.Invalid)+len(s.Refs) == 0 || s.Rollout.Status.StableRS == "" {
		return
	}
	ro := *s.Rollout
	changed := o.replicasInForce(&ro)
	routes, others := o.routesInForce(&ro)
	if at := slices.IndexFunc(ro.Status.Managed, isRoute); at >= 0 {
		roles := rolesListed(&ro)
		canary := canaryInForce(&ro, ro.Status.Managed[at], roles)
		if total := o.totalInForce(&ro, ro.Status.Managed[at]); total > 0 {
			canary.TrafficRouting.MaxTrafficWeight = &total
		}
		changed = changed || !roles || others || canary.TotalWeight() != plan.Total(&ro)
		ro.Spec.Strategy.Canary = canary
	}
	if !changed {
		return
	}
	refs := s.Refs // of what the spec names
	s.Rollout, s.Traffic = &ro, nil
	o.slots(s)
	o.traffic(ctx, s, routes)
	s.Refs = refs
}

func isRoute(m v1alpha1.ManagedObject) bool { return m.Router != "" }

// replicasInForce replaces a number of replicas that there cannot be.
func (o *Observer) replicasInForce(ro *v1alpha1.Rollout) (changed bool) {
	if ro.Spec.Desired() >= 0 {
		return false
	}
	for _, rs := range o.Caches.Sets.ByIndex(byOwner, string(ro.UID)) {
		n, err := strconv.ParseInt(rs.Annotations[v1alpha1.DesiredReplicasAnnotation], 10, 32)
		if replicas := int32(n); err == nil && rs.Labels[replicaset.HashLabel] == ro.Status.StableRS {
			ro.Spec.Replicas = &replicas
			return true
		}
	}
	return false
}

// totalInForce is the total of the weights on a route object of the inventory, 0 where
// that is not told.
func (o *Observer) totalInForce(ro *v1alpha1.Rollout, entry v1alpha1.ManagedObject) int32 {
	object := ObjectOf(entry)
	routes := o.Caches.Routes(object.Resource)
	if routes == nil {
		return 0
	}
	obj, found, _ := routes.Fresh.Get(cache.NewObjectName(object.Namespace, object.Name))
	if !found {
		return 0
	}
	left, _ := kit.Leftover(obj, cache.MetaObjectToName(ro).String(), object)
	return left.Total
}

// canaryInForce is the strategy of a rollout, with what an entry of the inventory
// tells of its Services, unless it names them itself, and of its routing.
func canaryInForce(ro *v1alpha1.Rollout, entry v1alpha1.ManagedObject, roles bool) *v1alpha1.CanaryStrategy {
	canary, routing := v1alpha1.CanaryStrategy{}, v1alpha1.RolloutTrafficRouting{}
	if c := ro.Spec.Strategy.Canary; c != nil {
		canary = *c
	}
	if !roles {
		canary.StableService, canary.CanaryService, canary.PingPong = entry.StableService, entry.CanaryService, nil
	}
	if canary.TrafficRouting != nil {
		routing = *canary.TrafficRouting
	} else {
		for _, name := range entry.ManagedRoutes {
			routing.ManagedRoutes = append(routing.ManagedRoutes, v1alpha1.ManagedRoute{Name: name})
		}
	}
	canary.TrafficRouting = &routing
	return &canary
}

// rolesListed reports whether the spec names both Services from the inventory.
func rolesListed(ro *v1alpha1.Rollout) bool {
	names := serviceNames(ro)
	return len(names) == 2 && names[0] != names[1] && !slices.ContainsFunc(names, func(name string) bool {
		return !Listed(ro, plan.ManagedService(ro.Namespace, name))
	})
}

// routesInForce has the route objects of a Kind: those that the spec names, or the
// inventory's where it names none of these, for the Kind or at all. others reports
// whether there are any such.
func (o *Observer) routesInForce(ro *v1alpha1.Rollout) (routes configured, others bool) {
	spec, listed, kept := specified(ro), map[string][]mesh.Object{}, map[string]bool{}
	for _, kind := range o.Kinds {
		for _, m := range ro.Status.Managed {
			if m.Router == kind.Name {
				listed[kind.Name] = append(listed[kind.Name], ObjectOf(m))
			}
		}
		objects, _, _ := spec(kind)
		if slices.ContainsFunc(objects, func(o mesh.Object) bool { return Listed(ro, plan.ManagedRoute(ro, kind.Name, o)) }) {
			kept[kind.Name] = true
		}
	}
	inventory := func(kind mesh.Kind) bool {
		_, used, err := spec(kind)
		return len(listed[kind.Name]) > 0 && !kept[kind.Name] && (used || err != nil || len(kept) == 0)
	}
	routes = func(kind mesh.Kind) ([]mesh.Object, bool, error) {
		if inventory(kind) {
			return listed[kind.Name], true, nil
		}
		return spec(kind)
	}
	return routes, slices.ContainsFunc(o.Kinds, inventory)
}

// configured has the route objects of a Kind.
type configured func(mesh.Kind) (objects []mesh.Object, used bool, err error)

// specified are those that the spec of a rollout names.
func specified(ro *v1alpha1.Rollout) configured {
	return func(kind mesh.Kind) ([]mesh.Object, bool, error) { return validation.Configured(ro, kind) }
}
