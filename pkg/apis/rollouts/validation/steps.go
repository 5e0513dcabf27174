// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateStep(s *v1alpha1.CanaryStep, c *v1alpha1.CanaryStrategy, kinds map[string]mesh.Features, path *field.Path) field.ErrorList {
	errs := validateKindsOfStep(s, path)
	if w, total := s.SetWeight, c.TotalWeight(); w != nil && (*w < 0 || *w > total) {
		errs = append(errs, field.Invalid(path.Child("setWeight"), *w, fmt.Sprintf("must be between 0 and %d", total)))
	}
	if p := s.Pause; p != nil {
		if d, err := p.Parse(); err != nil || d < 0 {
			errs = append(errs, field.Invalid(path.Child("pause", "duration"), p.Duration.String(), "must be a number of seconds, or a duration such as 10m"))
		}
	}
	if s.SetCanaryScale != nil && c.TrafficRouting == nil {
		errs = append(errs, field.Invalid(path.Child("setCanaryScale"), "", "needs trafficRouting; remove the step, or set it"))
	}
	if r := s.SetHeaderRoute; r != nil {
		errs = append(errs, validateManaged(r.Name, c, path.Child("setHeaderRoute"))...)
		errs = append(errs, validateHeaders(r, c, kinds, path.Child("setHeaderRoute"))...)
	}
	if r := s.SetMirrorRoute; r != nil {
		errs = append(errs, validateManaged(r.Name, c, path.Child("setMirrorRoute"))...)
		errs = append(errs, validateMirror(r, c, kinds, path.Child("setMirrorRoute"))...)
	}
	return errs
}

// validateKindsOfStep: of the kinds that move a rollout on, a step has one.
func validateKindsOfStep(s *v1alpha1.CanaryStep, path *field.Path) field.ErrorList {
	var set []string
	for _, k := range []struct {
		name string
		is   bool
	}{{"setWeight", s.SetWeight != nil}, {"pause", s.Pause != nil}, {"experiment", s.Experiment != nil}, {"analysis", s.Analysis != nil}} {
		if k.is {
			set = append(set, k.name)
		}
	}
	switch {
	case len(set) > 1:
		return field.ErrorList{field.Invalid(path, strings.Join(set, ", "), "a step has only one of these; make several steps")}
	case len(set) == 0 && s.SetCanaryScale == nil && s.SetHeaderRoute == nil && s.SetMirrorRoute == nil && s.Plugin == nil:
		return field.ErrorList{field.Invalid(path, "{}", "the step is empty; set one of setWeight, pause, setCanaryScale, setHeaderRoute, setMirrorRoute")}
	}
	return nil
}

func validateManaged(name string, c *v1alpha1.CanaryStrategy, path *field.Path) field.ErrorList {
	tr := c.TrafficRouting
	switch {
	case tr == nil:
		return field.ErrorList{field.Invalid(path, name, "needs trafficRouting; remove the step, or set it")}
	case !slices.ContainsFunc(tr.ManagedRoutes, func(m v1alpha1.ManagedRoute) bool { return m.Name == name }):
		return field.ErrorList{field.Invalid(path.Child("name"), name, "is not in trafficRouting.managedRoutes; add it there")}
	case !takesManagedRoutes(tr):
		return field.ErrorList{field.Invalid(path.Child("name"), name, "none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one")}
	}
	return nil
}

func validateHeaders(r *v1alpha1.SetHeaderRoute, c *v1alpha1.CanaryStrategy, kinds map[string]mesh.Features, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, m := range r.Match {
		if m.HeaderName == "" {
			errs = append(errs, field.Required(path.Child("match").Index(i).Child("headerName"), "name the header"))
		}
		at := path.Child("match").Index(i).Child("headerValue")
		how, err := validateMatch(m.HeaderValue, at)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		lacking := missing(kinds, func(f mesh.Features) bool { return slices.Contains(f.HeaderMatch, how) })
		if c.TrafficRouting != nil && len(lacking) > 0 {
			errs = append(errs, field.Invalid(at.Child(how), m.HeaderName, "not supported by "+strings.Join(lacking, ", ")))
		}
	}
	return errs
}

func validateMirror(r *v1alpha1.SetMirrorRoute, c *v1alpha1.CanaryStrategy, kinds map[string]mesh.Features, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if lacking := missing(kinds, func(f mesh.Features) bool { return f.Mirror }); c.TrafficRouting != nil && len(lacking) > 0 {
		errs = append(errs, field.Invalid(path, r.Name, "not supported by "+strings.Join(lacking, ", ")))
	}
	if p := r.Percentage; p != nil && (*p < 0 || *p > 100) {
		errs = append(errs, field.Invalid(path.Child("percentage"), *p, "must be between 0 and 100"))
	}
	for i, m := range r.Match {
		at := path.Child("match").Index(i)
		check := func(m *v1alpha1.StringMatch, path *field.Path) {
			if _, err := validateMatch(m, path); m != nil && err != nil {
				errs = append(errs, err)
			}
		}
		check(m.Method, at.Child("method"))
		check(m.Path, at.Child("path"))
		for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
			value := m.Headers[name]
			check(&value, at.Child("headers").Key(name))
		}
	}
	return errs
}

// validateMatch names the one way that m matches.
func validateMatch(m *v1alpha1.StringMatch, path *field.Path) (how string, err *field.Error) {
	if m == nil {
		return "", field.Required(path, "set exact, prefix or regex")
	}
	switch {
	case m.Exact != "" && m.Prefix == "" && m.Regex == "":
		return "exact", nil
	case m.Exact == "" && m.Prefix != "" && m.Regex == "":
		return "prefix", nil
	case m.Exact == "" && m.Prefix == "" && m.Regex != "":
		return "regex", nil
	}
	return "", field.Invalid(path, *m, "set exactly one of exact, prefix and regex")
}
