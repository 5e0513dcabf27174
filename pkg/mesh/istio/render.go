// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package istio

import (
	"maps"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// render puts the managed routes first, in their order, because the first
// match wins; the user's own follow as they were, with the weights set.
func render(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) error {
	weighted, err := pairs(obj, route, o)
	if err != nil {
		return err
	}
	for _, p := range weighted {
		if problem := p.weigh(route); problem != "" {
			return faultOf(o, p.field, problem)
		}
	}
	own, _ := routes(obj, route)
	made := make([]map[string]any, 0, len(route.Managed))
	for _, m := range route.Managed {
		if slices.ContainsFunc(own, func(r map[string]any) bool { return kit.String(r, "name") == m.Name }) {
			return faultOf(o, "spec.http["+m.Name+"]", "is not of this rollout, but has the name of a managed route; rename one of both")
		}
		made = append(made, managedRoute(m, weighted[0]))
	}
	kit.Spec(obj)["http"] = kit.Place(obj, route.Rollout, made, own)
	return nil
}

// restore gives stable the sum of the pair, and drops the managed routes.
func restore(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) {
	own, managed := routes(obj, route)
	for _, p := range left(obj, own, route, o) {
		p.set(p.total(route), 0)
	}
	if len(managed) == 0 {
		return
	}
	kit.Spec(obj)["http"] = kit.Place(obj, route.Rollout, nil, own)
}

func managedRoute(m mesh.Managed, source pair) map[string]any {
	if len(m.Mirror) > 0 {
		return mirrorRoute(m, source)
	}
	return headerRoute(m, source)
}

// headerRoute sends a request with any of the headers to the canary.
func headerRoute(m mesh.Managed, source pair) map[string]any {
	var match []any
	for _, h := range m.Headers {
		match = append(match, map[string]any{"headers": map[string]any{h.Header: stringMatch(h.Value)}})
	}
	return map[string]any{
		"name":  m.Name,
		"match": match,
		"route": []any{map[string]any{"destination": target(source), "weight": int64(100)}},
	}
}

// target is the canary's destination.
func target(source pair) map[string]any {
	destination, _ := source.canary["destination"].(map[string]any)
	return runtime.DeepCopyJSON(destination)
}

// mirrorRoute answers as the weights say, and copies to the canary.
func mirrorRoute(m mesh.Managed, source pair) map[string]any {
	var match []any
	for _, r := range m.Mirror {
		match = append(match, requestMatch(r))
	}
	var destinations []any
	for _, d := range kit.Maps(source.route, "route") {
		kept := map[string]any{}
		for _, field := range []string{"destination", "weight"} {
			if v, ok := d[field]; ok {
				kept[field] = runtime.DeepCopyJSONValue(v)
			}
		}
		destinations = append(destinations, kept)
	}
	return map[string]any{
		"name":             m.Name,
		"match":            match,
		"route":            destinations,
		"mirror":           target(source),
		"mirrorPercentage": map[string]any{"value": int64(m.Percent)},
	}
}

func requestMatch(r mesh.RequestMatch) map[string]any {
	match := map[string]any{}
	if r.Method != nil {
		match["method"] = stringMatch(*r.Method)
	}
	if r.Path != nil {
		match["uri"] = stringMatch(*r.Path)
	}
	headers := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		headers[name] = stringMatch(r.Headers[name])
	}
	if len(headers) > 0 {
		match["headers"] = headers
	}
	return match
}

func stringMatch(p mesh.Pattern) map[string]any {
	switch {
	case p.Exact != "":
		return map[string]any{"exact": p.Exact}
	case p.Prefix != "":
		return map[string]any{"prefix": p.Prefix}
	default:
		return map[string]any{"regex": p.Regex}
	}
}

// read says what a VirtualService carries. Istio does not say whether its
// proxies serve it.
func read(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) (mesh.State, error) {
	state := mesh.State{Fault: besidesHTTP(obj, route, o)}
	own, managed := routes(obj, route)
	for _, r := range managed {
		state.Managed = append(state.Managed, kit.String(r, "name"))
	}
	slices.Sort(state.Managed)
	weighted, err := pairs(obj, route, o)
	switch {
	case err != nil:
		weighted = left(obj, own, route, o)
	case len(o.Rules) == 0:
		state.Weighted = kit.Identity(users(obj, route, own)[0])
	}
	for _, r := range managed {
		if p, problem := pairOf(r, route); problem == "" {
			weighted = append(weighted, p) // a mirror route has weights too
		}
	}
	for _, p := range weighted {
		state.Stable = max(state.Stable, kit.Weight(weightOf(p.stable), p.sum, route.Total))
		state.Canary = max(state.Canary, kit.Weight(weightOf(p.canary), p.sum, route.Total))
	}
	state.Level = mesh.Accepted
	return state, err
}
