// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/types"
)

// What the steps ask for is a function of all steps up to an index, never of
// the one step alone: so it can be had again after any jump or restart.

// stepIndex is where the status of a rollout stands, 0 to len(steps). One that does
// not say so in the middle of an update is at the first step.
func stepIndex(ro *v1alpha1.Rollout) int {
	steps := len(canaryOf(ro).Steps)
	switch i := ro.Status.CurrentStepIndex; {
	case i != nil:
		return min(max(0, int(*i)), steps)
	case ro.Status.StableRS == "", ro.Status.StableRS == ro.Status.CurrentPodHash:
		return steps
	default:
		return 0
	}
}

// weightAt is the last setWeight at or before index; past the end it is total.
func weightAt(steps []v1alpha1.CanaryStep, index int, total int32) int32 {
	if index >= len(steps) {
		return total
	}
	weight, _ := lastWeight(steps, index)
	return weight
}

// lastWeight is the last setWeight at or before index, and where it stands;
// 0 and -1 where there is none.
func lastWeight(steps []v1alpha1.CanaryStep, index int) (weight int32, at int) {
	for i := min(index, len(steps)-1); i >= 0; i-- {
		if w := steps[i].SetWeight; w != nil {
			return *w, i
		}
	}
	return 0, -1
}

// explicitScale is the last setCanaryScale at or before index that was not
// undone by matchTrafficWeight, and where it stands; nil and -1 for none.
func explicitScale(steps []v1alpha1.CanaryStep, index int) (scale *v1alpha1.SetCanaryScale, at int) {
	for i := min(index, len(steps)-1); i >= 0; i-- {
		s := steps[i].SetCanaryScale
		switch {
		case s == nil:
			continue
		case s.MatchTrafficWeight, s.Replicas == nil && s.Weight == nil:
			return nil, -1
		default:
			return s, i
		}
	}
	return nil, -1
}

// managedAt lists the header and mirror routes of the steps up to index. A
// step without a match takes back an earlier route of its name. They come in
// the order of managedRoutes.
func managedAt(canary *v1alpha1.CanaryStrategy, index int) []mesh.Managed {
	routes := map[string]mesh.Managed{}
	for i := 0; i <= index && i < len(canary.Steps); i++ {
		if s := canary.Steps[i].SetHeaderRoute; s != nil {
			routes[s.Name] = headerRoute(s)
		}
		if s := canary.Steps[i].SetMirrorRoute; s != nil {
			routes[s.Name] = mirrorRoute(s)
		}
	}
	var managed []mesh.Managed
	for _, name := range reserved(canary) {
		if r, ok := routes[name]; ok && len(r.Headers)+len(r.Mirror) > 0 {
			managed = append(managed, r)
			delete(routes, name)
		}
	}
	return managed
}

// reserved lists the managed route names in their order.
func reserved(canary *v1alpha1.CanaryStrategy) []string {
	if canary.TrafficRouting == nil {
		return nil
	}
	var names []string
	for _, m := range canary.TrafficRouting.ManagedRoutes {
		names = append(names, m.Name)
	}
	return names
}

func headerRoute(s *v1alpha1.SetHeaderRoute) mesh.Managed {
	m := mesh.Managed{Name: s.Name}
	for _, match := range s.Match {
		if p := pattern(match.HeaderValue); p != nil {
			m.Headers = append(m.Headers, mesh.HeaderMatch{Header: match.HeaderName, Value: *p})
		}
	}
	return m
}

func mirrorRoute(s *v1alpha1.SetMirrorRoute) mesh.Managed {
	m := mesh.Managed{Name: s.Name, Percent: 100}
	if s.Percentage != nil {
		m.Percent = min(max(0, *s.Percentage), 100)
	}
	for _, match := range s.Match {
		r := mesh.RequestMatch{Method: pattern(match.Method), Path: pattern(match.Path)}
		for name, value := range match.Headers {
			if p := pattern(&value); p != nil {
				if r.Headers == nil {
					r.Headers = map[string]mesh.Pattern{}
				}
				r.Headers[name] = *p
			}
		}
		m.Mirror = append(m.Mirror, r)
	}
	return m
}

func pattern(m *v1alpha1.StringMatch) *mesh.Pattern {
	if m == nil {
		return nil
	}
	return &mesh.Pattern{Exact: m.Exact, Prefix: m.Prefix, Regex: m.Regex}
}

// Goal is the route that the persisted position of a rollout asks for when
// nothing holds it back. What is observed is compared with it.
func Goal(ro *v1alpha1.Rollout) mesh.Route {
	canary, status := canaryOf(ro), &ro.Status
	r := route(ro)
	r.Step = true
	switch {
	case status.Abort, status.StableRS == "", status.StableRS == status.CurrentPodHash, ro.Spec.Desired() == 0:
		// At rest.
	case status.PromoteFull:
		r.Weight = r.Total
	default:
		index := stepIndex(ro)
		r.Weight = weightAt(canary.Steps, index, r.Total)
		r.Managed = managedAt(canary, index)
	}
	return r
}

// Goals are the routes that an update of ro asks for one after the other,
// without Objects.
func Goals(ro *v1alpha1.Rollout) []mesh.Route {
	canary := canaryOf(ro)
	var goals []mesh.Route
	for index := range len(canary.Steps) + 1 {
		r := route(ro)
		r.Step = true
		r.Weight, r.Managed = weightAt(canary.Steps, index, r.Total), managedAt(canary, index)
		goals = append(goals, r)
	}
	return goals
}

// route is the route of a rollout at rest, without Objects.
func route(ro *v1alpha1.Rollout) mesh.Route {
	canary := canaryOf(ro)
	stable, other := canary.RoleServices(ro.Status.Canary.StablePingPong)
	return mesh.Route{
		Rollout:  types.NamespacedName{Namespace: ro.Namespace, Name: ro.Name},
		Stable:   stable,
		Canary:   other,
		Total:    Total(ro),
		Reserved: reserved(canary),
	}
}
