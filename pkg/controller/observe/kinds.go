// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ObjectOf is the route object of an entry of the inventory.
func ObjectOf(m v1alpha1.ManagedObject) mesh.Object {
	return mesh.Object{
		Resource: schema.GroupResource{Group: m.Group, Resource: m.Resource}, Kind: m.Kind,
		Namespace: m.Namespace, Name: m.Name, Rules: m.Rules,
	}
}

// RemovalOf is the Route with which an object of the inventory is given back: to
// the Service that is stable now, where Services have swapped roles since it was
// listed.
func RemovalOf(ro *v1alpha1.Rollout, m v1alpha1.ManagedObject, total int32) mesh.Route {
	if c := ro.Spec.Strategy.Canary; c != nil {
		if stable, canary := c.RoleServices(ro.Status.Canary.StablePingPong); m.StableService == canary && m.CanaryService == stable {
			m.StableService, m.CanaryService = stable, canary
		}
	}
	r := mesh.Route{
		Stable: m.StableService, Canary: m.CanaryService, Total: total, Reserved: m.ManagedRoutes,
		Objects: []mesh.Object{ObjectOf(m)},
	}
	r.Rollout.Namespace, r.Rollout.Name = ro.Namespace, ro.Name
	return r
}

// Listed reports whether an object is in the inventory. No hand touches one
// that is not: the inventory is written first.
func Listed(ro *v1alpha1.Rollout, m v1alpha1.ManagedObject) bool {
	return slices.ContainsFunc(ro.Status.Managed, func(l v1alpha1.ManagedObject) bool {
		return l.Router == m.Router && l.Resource == m.Resource && l.Group == m.Group && l.Namespace == m.Namespace && l.Name == m.Name
	})
}
