// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package observe turns what the caches hold into snapshots for the planner.
// It writes nothing, and sends no request but for the pods of a restart, and
// about a rollout that seems to be gone.
package observe

import (
	"sync"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// Names of the indices.
const (
	byOwner     = "owner"     // ReplicaSets by the UID of their controller
	byClaimant  = "claimant"  // ReplicaSets without a controller by the rollout that may claim them
	byManager   = "manager"   // Services by namespace/rollout of their annotation
	byService   = "service"   // Rollouts and EndpointSlices by namespace/service
	byRoute     = "route"     // Rollouts by the route objects that they name
	byWorkload  = "workload"  // Rollouts by the workload that they name
	byLeftovers = "leftovers" // route objects by the rollouts that edited them
)

// Caches are the objects that decisions depend on, with our own writes laid
// over them.
type Caches struct {
	Rollouts *loop.Fresh[*v1alpha1.Rollout]
	Sets     *loop.Fresh[*appsv1.ReplicaSet]
	Services *loop.Fresh[*corev1.Service]

	rollouts loop.Cache
	slices   loop.Cache

	mu sync.RWMutex
	// routes by resource; a resource that is not served has no entry.
	routes map[schema.GroupResource]*Routes
	// workloads by place; one that is not followed has no entry.
	workloads map[Place]*loop.Fresh[*Workload]
}

// Routes are the route objects of one resource.
type Routes struct {
	Fresh *loop.Fresh[*unstructured.Unstructured]
	// Resource in the version that is served.
	Resource schema.GroupVersionResource
}

// NewCaches reads from the indexers, which need the indices of Indexers.
func NewCaches(rollouts, sets, services, slices loop.Cache) *Caches {
	return &Caches{
		Rollouts: loop.NewFresh[*v1alpha1.Rollout](rollouts),
		Sets:     loop.NewFresh[*appsv1.ReplicaSet](sets),
		Services: loop.NewFresh[*corev1.Service](services),
		rollouts: rollouts,
		slices:   slices,
		routes:   map[schema.GroupResource]*Routes{}, workloads: map[Place]*loop.Fresh[*Workload]{},
	}
}

// Serve adds the route objects of a resource once it is served.
func (c *Caches) Serve(resource schema.GroupVersionResource, indexer loop.Cache) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.routes[resource.GroupResource()] = &Routes{
		Fresh: loop.NewFresh[*unstructured.Unstructured](indexer), Resource: resource,
	}
}

// Routes of a resource, nil if it is not served.
func (c *Caches) Routes(resource schema.GroupResource) *Routes {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.routes[resource]
}

// RolloutsOfService lists the rollouts that name a Service.
func (c *Caches) RolloutsOfService(service cache.ObjectName) []cache.ObjectName {
	return c.keys(byService, service.String())
}

// RolloutsOfRoute lists the rollouts that name a route object.
func (c *Caches) RolloutsOfRoute(o mesh.Object) []cache.ObjectName {
	return c.keys(byRoute, routeKey(o))
}

func (c *Caches) keys(index, value string) []cache.ObjectName {
	found, err := c.rollouts.IndexKeys(index, value)
	if err != nil {
		return nil
	}
	names := make([]cache.ObjectName, 0, len(found))
	for _, key := range found {
		if name, err := cache.ParseObjectName(key); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// ServicesLeftBy lists the Services that carry the annotation of a rollout.
func (c *Caches) ServicesLeftBy(rollout cache.ObjectName) []*corev1.Service {
	return c.Services.ByIndex(byManager, rollout.String())
}

// RoutesLeftBy lists the objects of a resource that a rollout has edited and
// not given back.
func (c *Caches) RoutesLeftBy(resource schema.GroupResource, rollout cache.ObjectName) []*unstructured.Unstructured {
	routes := c.Routes(resource)
	if routes == nil {
		return nil
	}
	return routes.Fresh.ByIndex(byLeftovers, rollout.String())
}

func routeKey(o mesh.Object) string {
	return o.Resource.String() + "/" + o.Namespace + "/" + o.Name
}

// Manager is the rollout that a Service's annotation names, "" for none.
func Manager(s *corev1.Service) string { return s.Annotations[v1alpha1.ManagedByAnnotation] }

// SetIndexers are the indices of ReplicaSets.
func SetIndexers() cache.Indexers {
	return cache.Indexers{
		byOwner: func(obj any) ([]string, error) {
			if ref := metav1.GetControllerOf(obj.(metav1.Object)); ref != nil && ref.Kind == "Rollout" {
				return []string{string(ref.UID)}, nil
			}
			return nil, nil
		},
		byClaimant: func(obj any) ([]string, error) {
			if rollout, found := Claimant(obj.(*appsv1.ReplicaSet)); found {
				return []string{rollout.String()}, nil
			}
			return nil, nil
		},
	}
}

// ServiceIndexers are the indices of Services.
func ServiceIndexers() cache.Indexers {
	return cache.Indexers{byManager: func(obj any) ([]string, error) {
		s := obj.(*corev1.Service)
		if name := Manager(s); name != "" {
			return []string{cache.NewObjectName(s.Namespace, name).String()}, nil
		}
		return nil, nil
	}}
}

// SliceIndexers are the indices of EndpointSlices.
func SliceIndexers() cache.Indexers {
	return cache.Indexers{byService: func(obj any) ([]string, error) {
		s := obj.(*discoveryv1.EndpointSlice)
		return []string{ServiceOf(s).String()}, nil
	}}
}

// ServiceOf is the Service that a slice belongs to.
func ServiceOf(s *discoveryv1.EndpointSlice) cache.ObjectName {
	return cache.NewObjectName(s.Namespace, s.Labels[discoveryv1.LabelServiceName])
}

// RolloutIndexers are the indices of Rollouts.
func RolloutIndexers(kinds []mesh.Kind) cache.Indexers {
	return cache.Indexers{
		byService: func(obj any) ([]string, error) {
			ro := obj.(*v1alpha1.Rollout)
			var keys []string
			for _, name := range serviceNames(ro) {
				keys = append(keys, cache.NewObjectName(ro.Namespace, name).String())
			}
			return keys, nil
		},
		byRoute: func(obj any) ([]string, error) {
			ro := obj.(*v1alpha1.Rollout)
			var keys []string
			for _, k := range kinds {
				objects, _, _ := validation.Configured(ro, k) // a mistake in it is told by the plan
				for _, o := range objects {
					keys = append(keys, routeKey(o))
				}
			}
			for _, m := range ro.Status.Managed {
				if m.Router != "" {
					keys = append(keys, routeKey(ObjectOf(m)))
				}
			}
			return keys, nil
		},
		byWorkload: func(obj any) ([]string, error) { return workloadKeys(obj.(*v1alpha1.Rollout)), nil },
	}
}

// RouteIndexers are the indices of the route objects of every Kind.
func RouteIndexers() cache.Indexers {
	return cache.Indexers{byLeftovers: func(obj any) ([]string, error) {
		return Editors(obj.(*unstructured.Unstructured)), nil
	}}
}
