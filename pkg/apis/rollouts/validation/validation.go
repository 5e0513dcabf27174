// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package validation says what is wrong with a Rollout, all of it at once, and
// with the objects that it names. It is pure: data planes and objects come in
// as values, so that the same code serves the controller and a command without
// a cluster. The rules that need only the Rollout are tables, one per part of
// the spec; a ValidatingAdmissionPolicy is made of the same tables.
package validation

import (
	"errors"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// chapters are all rules that need nothing but the spec.
var chapters = []interface {
	check(s *v1alpha1.RolloutSpec, kinds map[string]mesh.Features, advice bool) field.ErrorList
	list() []entry
}{
	ofSpec, ofCanary, ofMetadata, ofExtras, ofRouting, ofManagedRoute, ofIstio, ofGateway,
	ofStep, ofHeader, ofHeaderMatch, ofMirror, ofMirrorMatch, ofMirrorHeader, ofPlugin,
	specRefused, canaryRefused, stepRefused, routingRefused, gatewayRefused, virtualServiceRefused, virtualServicesRefused,
}

// Validate gives every mistake in the spec of ro. kinds are the data planes
// that there are; those that ro uses have to have the features that it asks
// for.
func Validate(ro *v1alpha1.Rollout, kinds []mesh.Kind) field.ErrorList {
	used, faults := use(ro, kinds)
	var errs field.ErrorList
	for _, c := range chapters {
		errs = append(errs, c.check(&ro.Spec, used, false)...)
	}
	errs = slices.DeleteFunc(errs, func(e *field.Error) bool { return pluginOfOurs(e.Field, kinds) })
	errs = append(errs, unsupportedInPlugin(&ro.Spec)...)
	for _, fault := range faults {
		if !told(errs, fault.Field) {
			errs = append(errs, fault)
		}
	}
	return errs
}

// Advise gives what is accepted, because manifests with it are about, but does
// not say what it seems to.
func Advise(ro *v1alpha1.Rollout) field.ErrorList {
	var errs field.ErrorList
	for _, c := range chapters {
		errs = append(errs, c.check(&ro.Spec, nil, true)...)
	}
	return errs
}

// pluginOfOurs reports whether a path is that of a plugin named as one of our
// kinds. The tables, which the API server has too, know of none.
func pluginOfOurs(path string, kinds []mesh.Kind) bool {
	return slices.ContainsFunc(kinds, func(k mesh.Kind) bool { return path == routingPath.Child("plugins").Key(k.Name).String() })
}

// use gives the features of the data planes that ro uses, and what is wrong
// with how they are configured.
func use(ro *v1alpha1.Rollout, kinds []mesh.Kind) (map[string]mesh.Features, field.ErrorList) {
	used := map[string]mesh.Features{}
	var faults field.ErrorList
	for _, kind := range kinds {
		_, found, err := Configured(ro, kind)
		if found {
			used[kind.Name] = kind.Features
		}
		var fault *mesh.Fault
		switch {
		case errors.As(err, &fault):
			faults = append(faults, wrong(strings.TrimSuffix(routingPath.Child(kind.Name, fault.Field).String(), "."), fault.Problem))
		case err != nil:
			faults = append(faults, wrong(routingPath.Child(kind.Name).String(), err.Error()))
		}
	}
	return used, faults
}

func wrong(path, says string) *field.Error {
	return &field.Error{Type: field.ErrorTypeInvalid, Field: path, BadValue: field.OmitValueType{}, Detail: says}
}

// told reports whether there is an error about a path.
func told(errs field.ErrorList, path string) bool {
	for _, err := range errs {
		if err.Field == path {
			return true
		}
	}
	return false
}
