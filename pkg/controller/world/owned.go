// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"reflect"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	if !listed(t.ro.Status.Managed, object{write.Resource, write.Key}) {
		breach("INV-11: touched, but not in status.managed")
	}
	if !reflect.DeepEqual(foreign(write.Before), foreign(write.After)) {
		breach("INV-11: changed what is not ours")
	}
}

// checkClaim: no ReplicaSet is claimed that is not the rollout's by its name, and none
// for a Rollout that is gone, after which it would be deleted.
func (w *World) checkClaim(s state, write Write, breach breachFunc) {
	if write.Before == nil || write.After == nil || metav1.GetControllerOf(write.Before) != nil || metav1.GetControllerOf(write.After) == nil {
		return
	}
	if write.Key.Name != replicaset.Name(Key.Name, write.Before.GetLabels()[replicaset.HashLabel]) {
		breach("INV-11: claimed, but named after another Rollout")
	}
	if ro := s.objects[rolloutsResource][Key]; ro == nil || !metav1.IsControlledBy(write.After, ro) {
		breach("INV-11: claimed for a Rollout that is gone")
	}
}

func listed(managed []v1alpha1.ManagedObject, o object) bool {
	return slices.ContainsFunc(managed, func(m v1alpha1.ManagedObject) bool {
		return m.Resource == o.resource.Resource && m.Group == o.resource.Group && m.Name == o.key.Name
	})
}

// checkListed is the end of it: what status lists it lists until the object says
// no more that we have edited it.
func (w *World) checkListed(s state, write Write, breach breachFunc) {
	if write.Before == nil || write.After == nil {
		return
	}
	before, after := w.API.rollout(write.Before).Status.Managed, w.API.rollout(write.After).Status.Managed
	for resource, objects := range s.objects {
		for key, obj := range objects {
			o, edited := object{resource, key}, strings.Contains(obj.GetAnnotations()[kit.EditorsAnnotation], Key.String())
			if isRoute(resource) && edited && listed(before, o) && !listed(after, o) {
				breach("INV-11: %s %s is dropped from status.managed, and has something of ours", resource.Resource, key.Name)
			}
		}
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
