// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

// Editors lists the rollouts whose route on obj is not at rest.
func Editors(obj *unstructured.Unstructured) []string { return kit.Editors(obj) }

// revisions of a rollout, oldest number first.
func (o *Observer) revisions(ro *v1alpha1.Rollout) []plan.Revision {
	var revisions []plan.Revision
	for _, rs := range o.Caches.Sets.ByIndex(byOwner, string(ro.UID)) {
		if rs.DeletionTimestamp == nil {
			revisions = append(revisions, o.revision(rs))
		}
	}
	slices.SortFunc(revisions, func(a, b plan.Revision) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return revisions
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

// roleService is a role with the Service that plays it.
type roleService struct {
	role        mesh.Role
	field, name string
}

func roleServices(ro *v1alpha1.Rollout) []roleService {
	canary := ro.Spec.Strategy.Canary
	if canary == nil {
		return nil
	}
	stable, other := canary.RoleServices(ro.Status.Canary.StablePingPong)
	stableField, otherField := "stableService", "canaryService"
	if canary.PingPong != nil {
		stableField, otherField = "pingPong", "pingPong"
	}
	var named []roleService
	for _, r := range []roleService{
		{mesh.Stable, "spec.strategy.canary." + stableField, stable},
		{mesh.Canary, "spec.strategy.canary." + otherField, other},
	} {
		if r.name != "" {
			named = append(named, r)
		}
	}
	return named
}

func serviceNames(ro *v1alpha1.Rollout) []string {
	var names []string
	for _, r := range roleServices(ro) {
		names = append(names, r.name)
	}
	return names
}

// slots reads the role Services, and names what is wrong with them.
func (o *Observer) slots(s *plan.Snapshot) {
	s.Slots = map[mesh.Role]plan.Slot{}
	for _, r := range roleServices(s.Rollout) {
		key := cache.NewObjectName(s.Rollout.Namespace, r.name)
		service, found, stale := o.Caches.Services.Get(key)
		slot := plan.Slot{Service: r.name, Missing: !found, Stale: stale}
		ref := plan.Ref{Field: r.field, Object: "Service " + key.String()}
		if !found {
			ref.Problem = "does not exist; create it"
			s.Refs = append(s.Refs, ref)
			s.Slots[r.role] = slot
			continue
		}
		slot.Hash, slot.Owner = service.Spec.Selector[replicaset.HashLabel], Manager(service)
		slot.Ready, slot.Endpoints = o.endpoints(key, s.Revisions, slot.Hash)
		s.Slots[r.role] = slot
		if ref.Problem = mismatch(service, s.Rollout); ref.Problem != "" {
			s.Refs = append(s.Refs, ref)
		}
	}
}

// mismatch says why a Service cannot play a role of the rollout, "" if it can.
func mismatch(service *corev1.Service, ro *v1alpha1.Rollout) string {
	if owner := Manager(service); owner != "" && owner != ro.Name {
		return fmt.Sprintf("belongs to Rollout %q; name another Service, or remove its annotation %s", owner, v1alpha1.ManagedByAnnotation)
	}
	for key, value := range service.Spec.Selector {
		if labels := ro.Spec.Template.Labels; key != replicaset.HashLabel && len(labels) > 0 && labels[key] != value {
			return fmt.Sprintf("selects %s=%s, which spec.template.metadata.labels does not have; correct one of both", key, value)
		}
		for _, role := range []mesh.Role{mesh.Stable, mesh.Canary} {
			if injected, ok := plan.Ephemeral(ro, role).Labels[key]; ok && injected != value {
				return fmt.Sprintf("selects %s=%s, and spec.strategy.canary.%sMetadata.labels makes it %s; name another label there", key, value, role, injected)
			}
		}
	}
	return ""
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
