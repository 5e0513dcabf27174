// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Absent is what is wrong with an object that is named and is not there.
const Absent = "does not exist; create it"

// Reference is an object that a Rollout names.
type Reference struct {
	Role mesh.Role
	// Field of the spec that names it.
	Field, Name string
}

// RoleServices are the Services that ro names for its roles, stable first.
func RoleServices(ro *v1alpha1.Rollout) []Reference {
	canary := ro.Spec.Strategy.Canary
	if canary == nil {
		return nil
	}
	stable, other := canary.RoleServices(ro.Status.Canary.StablePingPong)
	stableField, otherField := "stableService", "canaryService"
	if canary.PingPong != nil {
		stableField, otherField = "pingPong", "pingPong"
	}
	var named []Reference
	for _, r := range []Reference{
		{mesh.Stable, "spec.strategy.canary." + stableField, stable},
		{mesh.Canary, "spec.strategy.canary." + otherField, other},
	} {
		if r.Name != "" {
			named = append(named, r)
		}
	}
	return named
}

// Service says why a Service cannot play a role of ro, "" if it can; nil is
// one that does not exist. The template of ro is the one that its pods have,
// be it from a workload: wire contract 2.15, 22 to 24.
func Service(ro *v1alpha1.Rollout, service *corev1.Service) string {
	if service == nil {
		return Absent
	}
	if owner := service.Annotations[v1alpha1.ManagedByAnnotation]; owner != "" && owner != ro.Name {
		return fmt.Sprintf("belongs to Rollout %q; name another Service, or remove its annotation %s", owner, v1alpha1.ManagedByAnnotation)
	}
	for _, key := range slices.Sorted(maps.Keys(service.Spec.Selector)) {
		value := service.Spec.Selector[key]
		if labels := ro.Spec.Template.Labels; key != replicaset.HashLabel && len(labels) > 0 && labels[key] != value {
			return fmt.Sprintf("selects %s=%s, which spec.template.metadata.labels does not have; correct one of both", key, value)
		}
		for _, role := range []mesh.Role{mesh.Stable, mesh.Canary} {
			if injected, ok := ephemeral(ro, role).Labels[key]; ok && injected != value {
				return fmt.Sprintf("selects %s=%s, and spec.strategy.canary.%sMetadata.labels makes it %s; name another label there", key, value, role, injected)
			}
		}
	}
	return ""
}

// ephemeral is the metadata that the spec gives to the pods of a role.
func ephemeral(ro *v1alpha1.Rollout, role mesh.Role) v1alpha1.PodTemplateMetadata {
	canary := ro.Spec.Strategy.Canary
	switch {
	case canary != nil && role == mesh.Stable && canary.StableMetadata != nil:
		return *canary.StableMetadata
	case canary != nil && role == mesh.Canary && canary.CanaryMetadata != nil:
		return *canary.CanaryMetadata
	default:
		return v1alpha1.PodTemplateMetadata{}
	}
}

// RouteObject says why an object, as it was observed, cannot carry the route
// of a rollout, "" if it can: wire contract 2.15, 27.
func RouteObject(state mesh.State) string {
	switch {
	case state.Missing:
		return Absent
	case state.Fault != "":
		return "cannot carry the route: " + state.Fault
	default:
		return ""
	}
}

// Workload says why the pods of a workload cannot be those of a Rollout with
// its template and the selector that there then is, "" if they can.
func Workload(spec *v1alpha1.RolloutSpec) string {
	selector, err := metav1.LabelSelectorAsSelector(spec.Selector)
	switch {
	case err != nil:
		return "" // a rule has said so
	case selector.Empty():
		return "has a template without labels to select its pods by; add some, or set spec.selector"
	case !selector.Matches(labels.Set(spec.Template.Labels)):
		return "has a template whose labels spec.selector does not match; correct one of both"
	default:
		return ""
	}
}
