// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The caches hold only what decisions depend on. What is stripped here is
// never written back: every write is a patch.

func stripRollout(obj any) (any, error) {
	if ro, ok := obj.(*v1alpha1.Rollout); ok {
		ro.ManagedFields = nil
		delete(ro.Annotations, v1alpha1.LastAppliedAnnotation)
	}
	return obj, nil
}

func stripReplicaSet(obj any) (any, error) {
	if rs, ok := obj.(*appsv1.ReplicaSet); ok {
		rs.ManagedFields = nil
		observe.StripTemplate(rs)
	}
	return obj, nil
}

// stripWorkload makes one type of all kinds.
func stripWorkload(obj any) (any, error) {
	if w := observe.WorkloadOf(obj); w != nil {
		return w, nil
	}
	return obj, nil
}

func stripServing(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Service:
		o.ManagedFields = nil
		o.Spec = corev1.ServiceSpec{Selector: o.Spec.Selector}
		o.Status = corev1.ServiceStatus{}
	case *discoveryv1.EndpointSlice:
		o.ManagedFields, o.Ports = nil, nil
		o.Labels = map[string]string{discoveryv1.LabelServiceName: o.Labels[discoveryv1.LabelServiceName]}
		for i := range o.Endpoints {
			e := &o.Endpoints[i]
			*e = discoveryv1.Endpoint{Conditions: e.Conditions, TargetRef: podOf(e.TargetRef)}
		}
	}
	return obj, nil
}

func podOf(ref *corev1.ObjectReference) *corev1.ObjectReference {
	if ref == nil {
		return nil
	}
	return &corev1.ObjectReference{Name: ref.Name}
}

// stripRoute keeps who wrote, without what.
func stripRoute(obj any) (any, error) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		fields := u.GetManagedFields()
		for i := range fields {
			fields[i] = metav1.ManagedFieldsEntry{Manager: fields[i].Manager, Time: fields[i].Time, Subresource: fields[i].Subresource, Operation: fields[i].Operation}
		}
		u.SetManagedFields(fields)
	}
	return obj, nil
}
