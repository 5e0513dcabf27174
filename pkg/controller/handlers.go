// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

// Register makes every relevant change wake the rollouts that it concerns.
// One that changes nothing that a decision depends on wakes nobody.
func (c *Controller) Register(i *Informers) error {
	return errors.Join(
		i.rollouts.handle(on(func(ro *v1alpha1.Rollout) { c.Wake(cache.MetaObjectToName(ro)) }, sameVersion)),
		i.rollouts.handle(deletions(c.tellDeleted)),
		i.sets.handle(on(c.wakeOwner, sameSet)),
		i.services.handle(on(c.wakeService, sameService)),
		i.slices.handle(on(c.wakeSlice, sameSlice)),
	)
}

// on calls wake for an object that came, went, or changed.
func on[T any](wake func(T), same func(before, after T) bool) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { wake(obj.(T)) },
		UpdateFunc: func(old, obj any) {
			if before, after := old.(T), obj.(T); !same(before, after) {
				wake(before)
				wake(after)
			}
		},
		DeleteFunc: func(obj any) {
			if last, ok := gone[T](obj); ok {
				wake(last)
			}
		},
	}
}

// gone is the last that was known of an object that went.
func gone[T any](obj any) (T, bool) {
	if unseen, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = unseen.Obj
	}
	last, ok := obj.(T)
	return last, ok
}

// deletions calls tell for an object whose deletion begins, or that went at once.
func deletions[T metav1.Object](tell func(T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(old, obj any) {
			if before, after := old.(T), obj.(T); before.GetDeletionTimestamp() == nil && after.GetDeletionTimestamp() != nil {
				tell(after)
			}
		},
		DeleteFunc: func(obj any) {
			if last, ok := gone[T](obj); ok && last.GetDeletionTimestamp() == nil {
				tell(last)
			}
		},
	}
}

func (c *Controller) tellDeleted(ro *v1alpha1.Rollout) {
	c.Desk.Tell(ro, plan.Event{Reason: v1alpha1.EventRolloutDeleted, Message: fmt.Sprintf("Rollout %s/%s deleted", ro.Namespace, ro.Name)})
}

// sameVersion never holds for a change, and not for a resync either: that is
// what a resync is for.
func sameVersion(_, _ *v1alpha1.Rollout) bool { return false }

func sameSet(a, b *appsv1.ReplicaSet) bool {
	return a.Generation == b.Generation && equality.Semantic.DeepEqual(a.Status, b.Status) &&
		equality.Semantic.DeepEqual(a.Annotations, b.Annotations) && equality.Semantic.DeepEqual(a.Labels, b.Labels) &&
		equality.Semantic.DeepEqual(a.OwnerReferences, b.OwnerReferences) && (a.DeletionTimestamp == nil) == (b.DeletionTimestamp == nil)
}

func sameService(a, b *corev1.Service) bool {
	return equality.Semantic.DeepEqual(a.Spec.Selector, b.Spec.Selector) && observe.Manager(a) == observe.Manager(b)
}

func sameSlice(a, b *discoveryv1.EndpointSlice) bool {
	return equality.Semantic.DeepEqual(a.Endpoints, b.Endpoints)
}

func sameRoute(a, b *unstructured.Unstructured) bool {
	return a.GetResourceVersion() == b.GetResourceVersion()
}

// wakeOwner wakes whose ReplicaSet it is; where nobody owns it, the one that may
// claim it.
func (c *Controller) wakeOwner(rs *appsv1.ReplicaSet) {
	if ref := metav1.GetControllerOf(rs); ref != nil && ref.Kind == "Rollout" {
		c.Wake(cache.NewObjectName(rs.Namespace, ref.Name))
	}
	if key, found := observe.Claimant(rs); found {
		c.Wake(key)
	}
}

func (c *Controller) wakeService(s *corev1.Service) {
	for _, key := range c.Caches.RolloutsOfService(cache.MetaObjectToName(s)) {
		c.Wake(key)
	}
	if name := observe.Manager(s); name != "" {
		c.Wake(cache.NewObjectName(s.Namespace, name))
	}
}

func (c *Controller) wakeSlice(s *discoveryv1.EndpointSlice) {
	for _, key := range c.Caches.RolloutsOfService(observe.ServiceOf(s)) {
		c.Wake(key)
	}
}

// wakeRoute wakes those that name the object, and those that have left
// something on it.
func (c *Controller) wakeRoute(resource mesh.Resource) func(*unstructured.Unstructured) {
	return func(obj *unstructured.Unstructured) {
		o := mesh.Object{Resource: resource.GroupResource, Namespace: obj.GetNamespace(), Name: obj.GetName()}
		for _, key := range c.Caches.RolloutsOfRoute(o) {
			c.Wake(key)
		}
		for _, editor := range observe.Editors(obj) {
			if key, err := cache.ParseObjectName(editor); err == nil {
				c.Wake(key)
			}
		}
	}
}
