// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

type (
	stepPart = part[v1alpha1.CanaryStep]
	stepRule = rule[v1alpha1.CanaryStep]
)

// ofStep has the rules about each step: wire contract 2.15, 15 to 18.
var ofStep = chapter[v1alpha1.CanaryStep]{
	at:    "spec.strategy.canary.steps[*]",
	parts: steps,
	rules: []stepRule{
		{
			says:     "a step has only one of these; make several steps",
			holds:    func(s stepPart) bool { return movers(s.self).count() <= 1 },
			value:    func(s stepPart) any { return movers(s.self).String() },
			cel:      `size(` + celSet(movers(&v1alpha1.CanaryStep{})) + `) <= 1`,
			celValue: quoted(celSet(movers(&v1alpha1.CanaryStep{})) + `.join(", ")`),
		},
		{
			says:     "the step is empty; set one of setWeight, pause, setCanaryScale, setHeaderRoute, setMirrorRoute",
			holds:    func(s stepPart) bool { return kindsOf(s.self).count() > 0 },
			value:    func(stepPart) any { return "{}" },
			cel:      `size(` + celSet(kindsOf(&v1alpha1.CanaryStep{})) + `) > 0`,
			celValue: `'"{}"'`,
		},
		{
			advice: true, says: "a step of several kinds is done when the first of them is; make several steps",
			holds: func(s stepPart) bool { return movers(s.self).count() > 1 || kindsOf(s.self).count() <= 1 },
			value: func(s stepPart) any { return kindsOf(s.self).String() },
			cel: `size(` + celSet(movers(&v1alpha1.CanaryStep{})) + `) > 1 ||
				size(` + celSet(kindsOf(&v1alpha1.CanaryStep{})) + `) <= 1`,
			celValue: quoted(celSet(kindsOf(&v1alpha1.CanaryStep{})) + `.join(", ")`),
		},
		{
			field: "setWeight", says: "must be between 0 and 100",
			holds: func(s stepPart) bool {
				return s.self.SetWeight == nil || s.canary.TotalWeight() != 100 || within(*s.self.SetWeight, 0, 100)
			},
			cel: `variables.total != 100 || !has(self.setWeight) || self.setWeight >= 0 && self.setWeight <= 100`,
		},
		{
			field: "setWeight", says: "must be between 0 and trafficRouting.maxTrafficWeight",
			holds: func(s stepPart) bool {
				total := s.canary.TotalWeight()
				return s.self.SetWeight == nil || total == 100 || within(*s.self.SetWeight, 0, total)
			},
			cel: `variables.total == 100 || !has(self.setWeight) || self.setWeight >= 0 && self.setWeight <= variables.total`,
		},
		{
			field: "pause.duration", says: "must be a number of seconds, or a duration such as 10m",
			holds: func(s stepPart) bool {
				if s.self.Pause == nil {
					return true
				}
				d, err := s.self.Pause.Parse()
				return err == nil && d >= 0
			},
			value: func(s stepPart) any { return s.self.Pause.Duration.String() },
			cel: `!self.?pause.?duration.hasValue() ||
				string(self.pause.duration).matches("^([+]?[0-9]+|[+]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+|-0+)$")`,
			celValue: quoted(`self.pause.duration`),
		},
		{
			field: "setCanaryScale", kind: field.ErrorTypeForbidden, says: needsRouting,
			holds: func(s stepPart) bool { return s.self.SetCanaryScale == nil || routed(s.canary) },
			cel:   `!has(self.setCanaryScale) || variables.routed`,
		},
		{
			field: "setCanaryScale", advice: true, says: "only the first of these counts; set one",
			holds: func(s stepPart) bool {
				return s.self.SetCanaryScale == nil || scales(s.self.SetCanaryScale).count() <= 1
			},
			value:    func(s stepPart) any { return scales(s.self.SetCanaryScale).String() },
			cel:      `size(` + celScales + `) <= 1`,
			celValue: quoted(celScales + `.join(", ")`),
		},
		{
			field: "setCanaryScale", kind: field.ErrorTypeRequired, advice: true, says: "an empty one leaves the canary as its weight asks; set replicas, weight or matchTrafficWeight",
			holds: func(s stepPart) bool {
				return s.self.SetCanaryScale == nil || scales(s.self.SetCanaryScale).count() > 0
			},
			cel: `!has(self.setCanaryScale) || size(` + celScales + `) > 0`,
		},
		notNegative("setCanaryScale.replicas", func(s *v1alpha1.SetCanaryScale) *int32 { return s.Replicas }),
		notNegative("setCanaryScale.weight", func(s *v1alpha1.SetCanaryScale) *int32 { return s.Weight }),
	},
}

const needsRouting = "needs trafficRouting with a data plane; remove the step, or set it"

// movers are the kinds of which a step has one at most.
func movers(s *v1alpha1.CanaryStep) oneOf {
	return oneOf{
		{"setWeight", s.SetWeight != nil},
		{"pause", s.Pause != nil},
		{"experiment", s.Experiment != nil},
		{"analysis", s.Analysis != nil},
	}
}

// kindsOf a step, in the order in which they say when it is done.
func kindsOf(s *v1alpha1.CanaryStep) oneOf {
	return oneOf{
		{"pause", s.Pause != nil},
		{"setCanaryScale", s.SetCanaryScale != nil},
		{"setWeight", s.SetWeight != nil},
		{"experiment", s.Experiment != nil},
		{"analysis", s.Analysis != nil},
		{"setHeaderRoute", s.SetHeaderRoute != nil},
		{"setMirrorRoute", s.SetMirrorRoute != nil},
		{"plugin", s.Plugin != nil},
	}
}

// scales are what a setCanaryScale may have, the first that is set counts.
func scales(s *v1alpha1.SetCanaryScale) oneOf {
	return oneOf{
		{"matchTrafficWeight", s.MatchTrafficWeight},
		{"replicas", s.Replicas != nil},
		{"weight", s.Weight != nil},
	}
}

const celScales = `[self.?setCanaryScale.?matchTrafficWeight.orValue(false) ? "matchTrafficWeight" : "",
	has(self.setCanaryScale) && has(self.setCanaryScale.replicas) ? "replicas" : "",
	has(self.setCanaryScale) && has(self.setCanaryScale.weight) ? "weight" : ""].filter(name, name != "")`

// celSet is the CEL for the names of o that self has.
func celSet(o oneOf) string {
	list := ""
	for i, f := range o {
		if i > 0 {
			list += ", "
		}
		list += fmt.Sprintf(`has(self.%s) ? "%s" : ""`, f.name, f.name)
	}
	return `[` + list + `].filter(name, name != "")`
}

func notNegative(name string, of func(*v1alpha1.SetCanaryScale) *int32) stepRule {
	return advise(atLeast(0, name, func(s *v1alpha1.CanaryStep) *int32 {
		if s.SetCanaryScale == nil {
			return nil
		}
		return of(s.SetCanaryScale)
	}))
}

var stepsPath = canaryPath.Child("steps")

func steps(s *v1alpha1.RolloutSpec) []stepPart {
	c := s.Strategy.Canary
	if c == nil {
		return nil
	}
	parts := make([]stepPart, len(c.Steps))
	for i := range c.Steps {
		parts[i] = stepPart{stepsPath.Index(i), &c.Steps[i], c}
	}
	return parts
}

type (
	headerPart = part[v1alpha1.SetHeaderRoute]
	mirrorPart = part[v1alpha1.SetMirrorRoute]
)

// ofHeader has the rules about each setHeaderRoute: wire contract 2.15, 16.
var ofHeader = chapter[v1alpha1.SetHeaderRoute]{
	at: "spec.strategy.canary.steps[*].setHeaderRoute",
	parts: func(s *v1alpha1.RolloutSpec) []headerPart {
		var parts []headerPart
		for _, step := range steps(s) {
			if h := step.self.SetHeaderRoute; h != nil {
				parts = append(parts, headerPart{step.path.Child("setHeaderRoute"), h, step.canary})
			}
		}
		return parts
	},
	rules: append([]rule[v1alpha1.SetHeaderRoute]{{
		kind: field.ErrorTypeForbidden, says: "is not supported by",
		holds: func(h headerPart) bool { return !routed(h.canary) },
		needs: func(_ headerPart, f mesh.Features) bool { return len(f.HeaderMatch) > 0 },
	}}, managed(func(h *v1alpha1.SetHeaderRoute) string { return h.Name })...),
}

// ofMirror has the rules about each setMirrorRoute: wire contract 2.15, 17.
var ofMirror = chapter[v1alpha1.SetMirrorRoute]{
	at: "spec.strategy.canary.steps[*].setMirrorRoute",
	parts: func(s *v1alpha1.RolloutSpec) []mirrorPart {
		var parts []mirrorPart
		for _, step := range steps(s) {
			if m := step.self.SetMirrorRoute; m != nil {
				parts = append(parts, mirrorPart{step.path.Child("setMirrorRoute"), m, step.canary})
			}
		}
		return parts
	},
	rules: append([]rule[v1alpha1.SetMirrorRoute]{
		{
			kind: field.ErrorTypeForbidden, says: "is not supported by",
			holds: func(m mirrorPart) bool { return !routed(m.canary) },
			needs: func(_ mirrorPart, f mesh.Features) bool { return f.Mirror },
		},
		{
			field: "percentage", says: "only all requests can be mirrored by",
			holds: func(m mirrorPart) bool {
				return m.self.Percentage == nil || *m.self.Percentage >= 100 || len(m.self.Match) == 0
			},
			needs: func(_ mirrorPart, f mesh.Features) bool { return !f.Mirror || f.MirrorPercent },
		},
		{
			field: "percentage", advice: true, says: "is taken for the nearer of 0 and 100; must be between",
			holds: func(m mirrorPart) bool { return m.self.Percentage == nil || within(*m.self.Percentage, 0, 100) },
			cel:   `self.?percentage.orValue(100) >= 0 && self.?percentage.orValue(100) <= 100`,
		},
	}, managed(func(m *v1alpha1.SetMirrorRoute) string { return m.Name })...),
}

// managed are the rules about the name of a header or mirror route: wire
// contract 2.15, 18.
func managed[T any](name func(*T) string) []rule[T] {
	listed := func(p part[T]) bool {
		return p.canary.TrafficRouting != nil && slices.ContainsFunc(p.canary.TrafficRouting.ManagedRoutes, func(m v1alpha1.ManagedRoute) bool { return m.Name == name(p.self) })
	}
	return []rule[T]{
		{
			kind: field.ErrorTypeForbidden, says: needsRouting,
			holds: func(p part[T]) bool { return routed(p.canary) },
			cel:   `variables.routed`,
		},
		{
			field: "name", says: "is not in trafficRouting.managedRoutes; add it there",
			holds:    func(p part[T]) bool { return !routed(p.canary) || listed(p) },
			value:    func(p part[T]) any { return name(p.self) },
			cel:      `!variables.routed || self.?name.orValue("") in variables.managed`,
			celValue: quoted(`self.?name.orValue("")`),
		},
		{
			field: "name", says: "none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one",
			holds: func(p part[T]) bool { return !listed(p) || takesManagedRoutes(p.canary.TrafficRouting) },
			value: func(p part[T]) any { return name(p.self) },
			cel: `!(self.?name.orValue("") in variables.managed) || variables.gateway.?httpRoute.orValue("") != "" ||
				size(variables.gateway.?httpRoutes.orValue([])) == 0 ||
				variables.gateway.httpRoutes.exists(route, route.?useHeaderRoutes.orValue(false))`,
			celValue: quoted(`self.?name.orValue("")`),
		},
	}
}
