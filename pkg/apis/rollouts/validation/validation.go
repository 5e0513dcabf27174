// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package validation says what is wrong with a Rollout, all of it at once. It
// is pure: what a data plane can do comes in as data, and what needs a cluster
// (whether a Service exists) is not judged here.
package validation

import (
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate gives every mistake in the spec of ro. kinds are the features of
// the data planes that it uses, by name.
func Validate(ro *v1alpha1.Rollout, kinds map[string]mesh.Features) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateNumbers(&ro.Spec, spec)
	errs = append(errs, validateSelector(&ro.Spec, spec)...)
	errs = append(errs, unsupported(&ro.Spec, spec)...)
	canary, blueGreen := ro.Spec.Strategy.Canary, ro.Spec.Strategy.BlueGreen
	strategy := spec.Child("strategy")
	switch {
	case canary == nil && blueGreen == nil:
		errs = append(errs, field.Required(strategy, "set canary"))
	case canary != nil && blueGreen != nil:
		errs = append(errs, field.Invalid(strategy, "canary and blueGreen", "set one of them"))
	case canary != nil:
		errs = append(errs, validateCanary(canary, ro.Spec.Desired(), kinds, strategy.Child("canary"))...)
	}
	return errs
}

func validateNumbers(s *v1alpha1.RolloutSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	atLeastZero := func(name string, n *int32) {
		if n != nil && *n < 0 {
			errs = append(errs, field.Invalid(path.Child(name), *n, "must be 0 or more"))
		}
	}
	atLeastZero("replicas", s.Replicas)
	atLeastZero("minReadySeconds", &s.MinReadySeconds)
	atLeastZero("revisionHistoryLimit", s.RevisionHistoryLimit)
	atLeastZero("progressDeadlineSeconds", s.ProgressDeadlineSeconds)
	if d := s.ProgressDeadlineSeconds; (d == nil || *d >= 0) && int32(s.ProgressDeadline().Seconds()) <= s.MinReadySeconds {
		errs = append(errs, field.Invalid(path.Child("progressDeadlineSeconds"), int32(s.ProgressDeadline().Seconds()), "must be greater than minReadySeconds"))
	}
	return errs
}

func validateSelector(s *v1alpha1.RolloutSpec, path *field.Path) field.ErrorList {
	if s.WorkloadRef != nil {
		return nil // refused as a whole, see unsupported
	}
	path = path.Child("selector")
	if s.Selector == nil {
		return field.ErrorList{field.Required(path, "set labels that the pod template has")}
	}
	selector, err := metav1.LabelSelectorAsSelector(s.Selector)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(path, metav1.FormatLabelSelector(s.Selector), err.Error())}
	case selector.Empty():
		return field.ErrorList{field.Invalid(path, "{}", "empty selector is invalid for a Rollout: set labels that the pod template has")}
	case !selector.Matches(labels.Set(s.Template.Labels)):
		return field.ErrorList{field.Invalid(field.NewPath("spec", "template", "metadata", "labels"), s.Template.Labels, "`selector` does not match template `labels`")}
	}
	return nil
}

func validateCanary(c *v1alpha1.CanaryStrategy, desired int32, kinds map[string]mesh.Features, path *field.Path) field.ErrorList {
	errs := validateBounds(c, desired, path)
	errs = append(errs, validateServices(c, kinds, path)...)
	errs = append(errs, validateExtras(c, path)...)
	tr := c.TrafficRouting
	if tr == nil {
		if c.ScaleDownDelaySeconds != nil {
			errs = append(errs, field.Invalid(path.Child("scaleDownDelaySeconds"), *c.ScaleDownDelaySeconds, "can only be set with trafficRouting; remove it"))
		}
	} else if len(kinds) == 0 {
		errs = append(errs, field.Required(path.Child("trafficRouting"), "name a data plane, istio or gatewayAPI"))
	}
	for _, delay := range []struct {
		name    string
		seconds *int32
	}{{"scaleDownDelaySeconds", c.ScaleDownDelaySeconds}, {"abortScaleDownDelaySeconds", c.AbortScaleDownDelaySeconds}} {
		if delay.seconds != nil && *delay.seconds < 0 {
			errs = append(errs, field.Invalid(path.Child(delay.name), *delay.seconds, "must be 0 or more"))
		}
	}
	for i := range c.Steps {
		errs = append(errs, validateStep(&c.Steps[i], c, kinds, path.Child("steps").Index(i))...)
	}
	return errs
}

func validateBounds(c *v1alpha1.CanaryStrategy, desired int32, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	surge, err := v1alpha1.ParseBound(c.MaxSurge, max(desired, 100), true)
	if err != nil || surge < 0 {
		errs = append(errs, field.Invalid(path.Child("maxSurge"), c.MaxSurge.String(), "must be a number or a percentage, 0 or more"))
	}
	unavailable, err := v1alpha1.ParseBound(c.MaxUnavailable, max(desired, 100), false)
	if err != nil || unavailable < 0 {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), c.MaxUnavailable.String(), "must be a number or a percentage, 0 or more"))
	}
	if c.MaxSurge != nil && c.MaxUnavailable != nil && surge == 0 && unavailable == 0 && len(errs) == 0 {
		errs = append(errs, field.Invalid(path.Child("maxSurge"), c.MaxSurge.String(), "maxSurge and maxUnavailable both can not be zero; raise one of them"))
	}
	return errs
}

func validateServices(c *v1alpha1.CanaryStrategy, kinds map[string]mesh.Features, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.CanaryService != "" && c.CanaryService == c.StableService {
		errs = append(errs, field.Invalid(path.Child("stableService"), c.StableService, "must not be the same Service as canaryService"))
	}
	if len(kinds) == 0 || c.PingPong != nil {
		return errs
	}
	if c.StableService == "" {
		errs = append(errs, field.Required(path.Child("stableService"), "traffic is split between two Services; name the stable one"))
	}
	if c.CanaryService == "" {
		errs = append(errs, field.Required(path.Child("canaryService"), "traffic is split between two Services; name the canary one"))
	}
	return errs
}

// missing lists, sorted, the kinds that lack a feature.
func missing(kinds map[string]mesh.Features, has func(mesh.Features) bool) []string {
	var names []string
	for name, f := range kinds {
		if !has(f) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
