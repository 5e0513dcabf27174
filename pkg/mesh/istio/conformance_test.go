// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package istio_test

import (
	"slices"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/istio"
	"github.com/sluice-rollouts/sluice/pkg/mesh/meshtest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// TestConformance. Shows compatibility 19.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, f := range fixtures() {
		f.Plane = plane(f.Weigh)
		f.Before = "testdata/" + name + ".yaml"
		f.Route = mesh.Route{Rollout: types.NamespacedName{Namespace: "shop", Name: "web"}, Stable: "web-stable", Canary: "web-canary"}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			meshtest.Run(t, f)
		})
	}
}

// fixtures by the names of their files.
func fixtures() map[string]meshtest.Fixture {
	at := func(host, path string) meshtest.Request {
		return meshtest.Request{Host: host, Method: "GET", Path: path}
	}
	neighbour := mesh.Route{Rollout: types.NamespacedName{Namespace: "shop", Name: "api"}, Stable: "api-stable", Canary: "api-canary"}
	return map[string]meshtest.Fixture{
		"single": {
			Config:   `virtualService: {name: web}`,
			Weighted: []meshtest.Weighted{{Request: at("web", "/")}, {Request: at("web", "/cart")}},
		},
		"named": {
			Plane:  meshtest.Plane{Weigh: weigh("checkout", "rest", "shadow")},
			Config: `virtualService: {name: web.shop.svc.cluster.local, routes: [rest, checkout]}`,
			Weighted: []meshtest.Weighted{
				{Request: at("shop.example", "/")},
				{Request: at("www.shop.example", "/checkout/2")},
			},
			Others: []meshtest.Request{at("shop.example", "/login"), at("shop.example", "/half"), at("shop.example", "/preview")},
		},
		"besides": {
			Config:   `virtualService: {name: web, routes: [main]}`,
			Weighted: []meshtest.Weighted{{Request: at("web", "/"), Sum: 90, Besides: map[string]int64{"legacy": 10}}},
		},
		"several": {
			Config: `virtualServices: [{name: web}, {name: partner.other, routes: [all]}, {name: inner}]`,
			Weighted: []meshtest.Weighted{
				{Request: at("shop.example", "/")},
				{Request: at("partner.example", "/a")},
				{Request: at("web.shop", "/")},
			},
			Others: []meshtest.Request{at("partner.example", "/docs")},
		},
		"protocols": {
			Config:   `virtualService: {name: web}`,
			Weighted: []meshtest.Weighted{{Request: at("shop.example", "/")}},
		},
		"shared": {
			Config:          `virtualService: {name: all, routes: [web]}`,
			Weighted:        []meshtest.Weighted{{Request: at("shop.example", "/")}},
			Neighbour:       neighbour,
			NeighbourConfig: `virtualService: {name: all, routes: [api]}`,
			Neighbours:      []meshtest.Weighted{{Request: at("shop.example", "/api")}},
		},
		"shared-route": {
			Config:          `virtualService: {name: all}`,
			Weighted:        []meshtest.Weighted{{Request: at("shop.example", "/"), Sum: 100, Besides: map[string]int64{"api-stable": 50}}},
			Neighbour:       neighbour,
			NeighbourConfig: `virtualService: {name: all, routes: [main]}`,
			Neighbours:      []meshtest.Weighted{{Request: at("shop.example", "/"), Sum: 50}},
		},
	}
}

func plane(weights func(*unstructured.Unstructured, string, string, meshtest.Weights)) meshtest.Plane {
	if weights == nil {
		weights = weigh()
	}
	return meshtest.Plane{
		Kind:  istio.Kind(),
		Split: split,
		Alone: func(total int32) int64 { return int64(total) },
		Weigh: weights,
		Names: routeNames,
		Drop:  drop,
		Broken: []meshtest.Mistake{
			{Name: "has no spec", Field: "spec.http", Make: func(obj *unstructured.Unstructured) { delete(obj.Object, "spec") }},
			{Name: "has no http routes", Field: "spec.http", Make: func(obj *unstructured.Unstructured) {
				unstructured.RemoveNestedField(obj.Object, "spec", "http")
			}},
			{Name: "has http routes that are none", Field: "spec.http", Make: func(obj *unstructured.Unstructured) {
				obj.Object["spec"].(map[string]any)["http"] = []any{int64(1)}
			}},
			{Name: "lacks the canary", Field: "spec.http[", Make: func(obj *unstructured.Unstructured) {
				for _, r := range objectsOf(obj.Object, "spec", "http") {
					for _, d := range objectsOf(r, "route") {
						if hostOf(d["destination"]) == "web-canary" {
							d["destination"] = map[string]any{"host": "somebody"}
						}
					}
				}
			}},
			{Name: "has the canary twice", Field: "spec.http[", Make: func(obj *unstructured.Unstructured) {
				for _, r := range objectsOf(obj.Object, "spec", "http") {
					for _, d := range objectsOf(r, "route") {
						if hostOf(d["destination"]) == "web-canary" {
							r["route"] = append(r["route"].([]any), runtime.DeepCopyJSON(d))
						}
					}
				}
			}},
		},
	}
}

// weigh the http routes of these names, or all that have both of the pair.
func weigh(names ...string) func(*unstructured.Unstructured, string, string, meshtest.Weights) {
	return func(obj *unstructured.Unstructured, stable, canary string, change meshtest.Weights) {
		for _, route := range objectsOf(obj.Object, "spec", "http") {
			all := objectsOf(route, "route")
			of := func(service string) int {
				return slices.IndexFunc(all, func(d map[string]any) bool { return hostOf(d["destination"]) == service })
			}
			s, c := of(stable), of(canary)
			if name, _ := route["name"].(string); s < 0 || c < 0 || len(names) > 0 && !slices.Contains(names, name) {
				continue
			}
			sOld, _ := all[s]["weight"].(int64)
			cOld, _ := all[c]["weight"].(int64)
			all[s]["weight"], all[c]["weight"] = change(sOld, cOld)
		}
	}
}

func routeNames(obj *unstructured.Unstructured) []string {
	var all []string
	for _, route := range objectsOf(obj.Object, "spec", "http") {
		name, _ := route["name"].(string)
		all = append(all, name)
	}
	return all
}

func drop(obj *unstructured.Unstructured, names ...string) {
	kept := []any{}
	for _, route := range objectsOf(obj.Object, "spec", "http") {
		if name, _ := route["name"].(string); !slices.Contains(names, name) {
			kept = append(kept, route)
		}
	}
	if spec, ok := obj.Object["spec"].(map[string]any); ok && spec["http"] != nil {
		spec["http"] = kept
	}
}
