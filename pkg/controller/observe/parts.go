// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

// Editors lists the rollouts whose route on obj is not at rest.
func Editors(obj *unstructured.Unstructured) []string { return kit.Editors(obj) }

// revisions of a rollout, oldest number first, and the names of those that are
// being deleted.
func (o *Observer) revisions(ro *v1alpha1.Rollout) (revisions []plan.Revision, going []string) {
	for _, rs := range o.Caches.Sets.ByIndex(byOwner, string(ro.UID)) {
		if rs.DeletionTimestamp != nil {
			going = append(going, rs.Name)
			continue
		}
		revisions = append(revisions, o.revision(rs))
	}
	slices.SortFunc(revisions, func(a, b plan.Revision) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return revisions, going
}

// unclaimed names the ReplicaSets that the rollout is to claim.
func (o *Observer) unclaimed(ro *v1alpha1.Rollout) (names []string) {
	for _, rs := range o.Caches.Sets.ByIndex(byClaimant, cache.MetaObjectToName(ro).String()) {
		if Claimable(ro, rs) {
			names = append(names, rs.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Claimant is the rollout that a ReplicaSet is named after, where nobody controls
// it: a backup was restored, or a Rollout was deleted without its ReplicaSets. Labels
// alone do not tell it from one of another Rollout that has the same ones.
func Claimant(rs *appsv1.ReplicaSet) (rollout cache.ObjectName, found bool) {
	hash := rs.Labels[replicaset.HashLabel]
	name, found := strings.CutSuffix(rs.Name, replicaset.Name("", hash))
	return cache.NewObjectName(rs.Namespace, name), found && hash != "" && metav1.GetControllerOf(rs) == nil
}

// Claimable reports whether a ReplicaSet that nobody controls is the rollout's by
// its name and its selector. Where that comes from a workload it may be another from
// one revision to the next, and the name is enough.
func Claimable(ro *v1alpha1.Rollout, rs *appsv1.ReplicaSet) bool {
	claimant, found := Claimant(rs)
	if !found || claimant != cache.MetaObjectToName(ro) || rs.DeletionTimestamp != nil {
		return false
	}
	return ro.Spec.WorkloadRef != nil || ro.Spec.Selector != nil &&
		equality.Semantic.DeepEqual(rs.Spec.Selector, replicaset.Selector(ro.Spec.Selector, rs.Labels[replicaset.HashLabel]))
}

func (o *Observer) revision(rs *appsv1.ReplicaSet) plan.Revision {
	r := plan.Revision{
		Name: rs.Name, Hash: rs.Labels[replicaset.HashLabel], Created: rs.CreationTimestamp.Time,
		Spec: 1, Replicas: rs.Status.Replicas, Ready: rs.Status.ReadyReplicas, Available: rs.Status.AvailableReplicas,
		MinReadySeconds: rs.Spec.MinReadySeconds,
		Meaning:         meaningOf(rs),
		Injected:        injected(rs),
		New:             rs.Generation <= 1,
		Lagging:         rs.Status.ObservedGeneration < rs.Generation,
		Stale:           o.Caches.Sets.Stale(cache.MetaObjectToName(rs)),
	}
	r.Own = own(rs, r.Injected)
	if rs.Spec.Replicas != nil {
		r.Spec = *rs.Spec.Replicas
	}
	r.Number, _ = strconv.ParseInt(rs.Annotations[v1alpha1.RevisionAnnotation], 10, 64) // 0 where there is none
	if n, err := strconv.ParseInt(rs.Annotations[v1alpha1.FilledForAnnotation], 10, 32); err == nil {
		r.FilledFor = int32(n)
	}
	if n, err := strconv.ParseInt(rs.Annotations[v1alpha1.KeepPodsAnnotation], 10, 32); err == nil {
		keep := int32(n)
		r.KeepPods = &keep
	}
	if t, err := time.Parse(time.RFC3339, rs.Annotations[v1alpha1.ScaleDownDeadlineAnnotation]); err == nil {
		r.Deadline = &t
	}
	for _, c := range rs.Status.Conditions {
		if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
			r.Failure = &plan.Failure{Reason: c.Reason, Message: c.Message}
		}
	}
	return r
}

func serviceNames(ro *v1alpha1.Rollout) []string {
	var names []string
	for _, r := range validation.RoleServices(ro) {
		names = append(names, r.Name)
	}
	return names
}

// slots reads the role Services, and names what is wrong with them.
func (o *Observer) slots(s *plan.Snapshot) {
	s.Slots = map[mesh.Role]plan.Slot{}
	for _, r := range validation.RoleServices(s.Rollout) {
		key := cache.NewObjectName(s.Rollout.Namespace, r.Name)
		service, found, stale := o.Caches.Services.Get(key)
		slot := plan.Slot{Service: r.Name, Missing: !found, Stale: stale}
		if found {
			slot.Hash, slot.Owner = service.Spec.Selector[replicaset.HashLabel], Manager(service)
			slot.Ready, slot.Endpoints = o.endpoints(key, s.Revisions, slot.Hash)
		} else {
			service = nil
		}
		s.Slots[r.Role] = slot
		s.Refer(r.Field, "Service "+key.String(), validation.Service(s.Rollout, service))
	}
}

// endpoints counts the endpoints of a Service that are ready and not about to
// go: those whose pod belongs to the revision with that hash, or to any where
// there is no hash, and all.
func (o *Observer) endpoints(service cache.ObjectName, revisions []plan.Revision, hash string) (ready, all int32) {
	ours := func(pod string) bool {
		return slices.ContainsFunc(revisions, func(r plan.Revision) bool {
			return (hash == "" || r.Hash == hash) && replicaset.OwnsPod(r.Name, pod)
		})
	}
	listed, _ := o.Caches.slices.ByIndex(byService, service.String())
	pods := map[string]bool{}
	for _, item := range listed {
		for _, e := range item.(*discoveryv1.EndpointSlice).Endpoints {
			if e.TargetRef == nil || !serving(e.Conditions) || pods[e.TargetRef.Name] {
				continue
			}
			pods[e.TargetRef.Name] = true
			all++
			if ours(e.TargetRef.Name) {
				ready++
			}
		}
	}
	return ready, all
}

// serving: an absent ready condition means ready, by the API's definition.
func serving(c discoveryv1.EndpointConditions) bool {
	return (c.Ready == nil || *c.Ready) && (c.Terminating == nil || !*c.Terminating)
}
