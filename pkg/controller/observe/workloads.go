// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"maps"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// Workload is an object of any kind that spec.workloadRef may name, with what
// of it decisions depend on.
type Workload struct {
	// ObjectMeta has the identity, the version and the generation only.
	metav1.ObjectMeta
	Kind     string
	Template corev1.PodTemplateSpec
	// Selector of a PodTemplate is what its own labels say.
	Selector *metav1.LabelSelector
	// Size is spec.replicas, 0 for a PodTemplate.
	Size int32
}

// WorkloadOf is what decisions depend on of obj, nil if it is of no kind that
// can be referred to. A Workload is itself.
func WorkloadOf(obj any) *Workload {
	switch o := obj.(type) {
	case *Workload:
		return o
	case *appsv1.Deployment:
		return workload(v1alpha1.WorkloadDeployment, &o.ObjectMeta, o.Spec.Template, o.Spec.Selector, o.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return workload(v1alpha1.WorkloadReplicaSet, &o.ObjectMeta, o.Spec.Template, o.Spec.Selector, o.Spec.Replicas)
	case *corev1.PodTemplate:
		return workload(v1alpha1.WorkloadPodTemplate, &o.ObjectMeta, o.Template, &metav1.LabelSelector{MatchLabels: o.Template.Labels}, new(int32))
	default:
		return nil
	}
}

func workload(kind string, meta *metav1.ObjectMeta, template corev1.PodTemplateSpec, selector *metav1.LabelSelector, replicas *int32) *Workload {
	w := &Workload{Kind: kind, Template: template, Selector: selector, Size: 1}
	w.Namespace, w.Name, w.UID, w.ResourceVersion, w.Generation = meta.Namespace, meta.Name, meta.UID, meta.ResourceVersion, meta.Generation
	if replicas != nil {
		w.Size = *replicas
	}
	return w
}

// Place is where workloads are watched together: one kind in one namespace.
type Place struct{ Kind, Namespace string }

// PlaceOf is where the workload of a Rollout is; found is false where it names
// none that there can be.
func PlaceOf(ro *v1alpha1.Rollout) (place Place, found bool) {
	ref := ro.Spec.WorkloadRef
	if ref == nil || !ref.Supported() {
		return Place{}, false
	}
	return Place{Kind: ref.Kind, Namespace: ro.Namespace}, true
}

// key in the index of Rollouts by their workload; a name of "" stands for all
// workloads of the place.
func (p Place) key(name string) string { return p.Kind + "/" + p.Namespace + "/" + name }

// workloadKeys of a Rollout: the workload that it names, and its place.
func workloadKeys(ro *v1alpha1.Rollout) []string {
	place, found := PlaceOf(ro)
	if !found {
		return nil
	}
	return []string{place.key(""), place.key(ro.Spec.WorkloadRef.Name)}
}

// RolloutsOfWorkload lists the rollouts that name a workload.
func (c *Caches) RolloutsOfWorkload(w *Workload) []cache.ObjectName {
	return c.keys(byWorkload, Place{Kind: w.Kind, Namespace: w.Namespace}.key(w.Name))
}

// RolloutsOfPlace lists the rollouts that name any workload of a place.
func (c *Caches) RolloutsOfPlace(p Place) []cache.ObjectName { return c.keys(byWorkload, p.key("")) }

// Follow adds the workloads of a place once they have been read.
func (c *Caches) Follow(p Place, indexer loop.Cache) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.workloads[p] = loop.NewFresh[*Workload](indexer)
}

// Unfollow forgets the workloads of a place.
func (c *Caches) Unfollow(p Place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.workloads, p)
}

// Workloads of a place, nil while they have not been read.
func (c *Caches) Workloads(p Place) *loop.Fresh[*Workload] {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.workloads[p]
}

// resolve puts the template and the selector of the workload that the Rollout
// refers to where they would stand without a reference. It is the only place
// that does, and what every decision is made on; the Rollout in the cache, and
// on the API server, stays as its user wrote it.
func (o *Observer) resolve(s *plan.Snapshot) {
	ref := s.Rollout.Spec.WorkloadRef
	if ref == nil {
		return
	}
	key := cache.NewObjectName(s.Rollout.Namespace, ref.Name)
	s.Workload = &plan.Workload{Object: ref.Kind + " " + key.String()}
	resolved := *s.Rollout // its parts are shared, and read-only
	s.Rollout = &resolved
	seen, stale := o.workload(s, key)
	if seen == nil {
		if resolved.Spec.Selector == nil {
			resolved.Spec.Selector = o.lastSelector(&resolved)
		}
		return
	}
	s.Workload.Known, s.Workload.Stale = true, stale
	s.Workload.Generation, s.Workload.Size = seen.Generation, seen.Size
	resolved.Spec.Template = seen.Template
	if resolved.Spec.Selector == nil {
		resolved.Spec.Selector = o.shared(&resolved, seen.Selector)
	}
	s.Refer("spec.workloadRef", s.Workload.Object, validation.Workload(&resolved.Spec))
}

// workload as seen, nil where it is missing or not read yet.
func (o *Observer) workload(s *plan.Snapshot, key cache.ObjectName) (seen *Workload, stale bool) {
	place, supported := PlaceOf(s.Rollout)
	if !supported {
		return nil, false // validation has said so
	}
	workloads := o.Caches.Workloads(place)
	if workloads == nil {
		s.Workload.Unread = true
		return nil, false
	}
	seen, found, stale := workloads.Get(key)
	if !found {
		s.Refer("spec.workloadRef", s.Workload.Object, validation.Absent)
		return nil, stale
	}
	return seen, stale
}

// lastSelector is the one that the pods of a Rollout were made with, nil while
// there are none: the workload that it came from may be gone.
func (o *Observer) lastSelector(ro *v1alpha1.Rollout) *metav1.LabelSelector {
	for _, rs := range o.Caches.Sets.ByIndex(byOwner, string(ro.UID)) {
		if rs.Spec.Selector != nil {
			selector := *rs.Spec.Selector
			selector.MatchLabels = maps.Clone(selector.MatchLabels)
			delete(selector.MatchLabels, replicaset.HashLabel)
			return o.shared(ro, &selector)
		}
	}
	return nil
}

// shared is what all ReplicaSets of a Rollout have of a selector, so that it selects
// the pods of every version: the labels of a PodTemplate may change from one to the
// next. Where they share nothing it stays as it is.
func (o *Observer) shared(ro *v1alpha1.Rollout, selector *metav1.LabelSelector) *metav1.LabelSelector {
	if selector == nil {
		return nil
	}
	labels := maps.Clone(selector.MatchLabels)
	for _, rs := range o.Caches.Sets.ByIndex(byOwner, string(ro.UID)) {
		if of := rs.Spec.Selector; of != nil {
			maps.DeleteFunc(labels, func(key, value string) bool { return of.MatchLabels[key] != value })
		}
	}
	if len(labels) == 0 {
		return selector
	}
	return &metav1.LabelSelector{MatchLabels: labels, MatchExpressions: selector.MatchExpressions}
}
