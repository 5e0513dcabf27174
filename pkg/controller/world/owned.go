// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"reflect"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// checkOwned is invariant 11: of an object that we did not create only what is
// ours changes, and status lists it before we touch it.
func (w *World) checkOwned(t truth, write Write, breach breachFunc) {
	switch {
	case write.Before == nil:
		breach("INV-11: created")
		return
	case write.After == nil:
		breach("INV-11: deleted")
		return
	}
	listed := slices.ContainsFunc(t.ro.Status.Managed, func(m v1alpha1.ManagedObject) bool {
		return m.Resource == write.Resource.Resource && m.Group == write.Resource.Group && m.Name == write.Key.Name
	})
	if !listed {
		breach("INV-11: touched, but not in status.managed")
	}
	if !reflect.DeepEqual(foreign(write.Before), foreign(write.After)) {
		breach("INV-11: changed what is not ours")
	}
}

// foreign is an object without what is ours in it.
func foreign(obj *unstructured.Unstructured) map[string]any {
	o := obj.DeepCopy()
	for _, field := range []string{"resourceVersion", "generation", "managedFields"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	annotations := o.GetAnnotations()
	delete(annotations, kit.EditorsAnnotation)
	delete(annotations, v1alpha1.ManagedByAnnotation)
	if o.SetAnnotations(annotations); len(annotations) == 0 {
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations")
	}
	if o.GetKind() == "Service" {
		unstructured.RemoveNestedField(o.Object, "spec", "selector", replicaset.HashLabel)
		return o.Object
	}
	delete(o.Object, "status")
	spec, _ := o.Object["spec"].(map[string]any)
	delete(spec, "managed")
	if weights, ok := spec["backends"].(map[string]any); ok {
		for service := range weights {
			weights[service] = nil
		}
	}
	for _, field := range []string{"rules", "http"} {
		rules, ok := spec[field].([]any)
		if !ok {
			continue
		}
		spec[field] = slices.DeleteFunc(rules, func(r any) bool {
			name, _ := r.(map[string]any)["name"].(string)
			return slices.Contains(routeNames, name)
		})
	}
	for _, rule := range rulesOf(o) {
		for _, b := range append(list(rule["backendRefs"]), list(rule["route"])...) {
			delete(b, "weight")
		}
	}
	return o.Object
}
