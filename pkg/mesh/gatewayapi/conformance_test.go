// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/gatewayapi"
	"github.com/sluice-rollouts/sluice/pkg/mesh/meshtest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// TestConformance. Shows compatibility 22, B21.
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
	legacy := map[string]int64{"legacy": 10}
	return map[string]meshtest.Fixture{
		"single": {
			Config:   `httpRoute: web`,
			Weighted: []meshtest.Weighted{{Request: at("", "/")}, {Request: at("", "/cart?item=1")}},
		},
		"rules": {
			Config: `httpRoute: web`,
			Weighted: []meshtest.Weighted{
				{Request: at("shop.example", "/")},
				{Request: at("shop.example", "/checkout/2"), Sum: 90, Besides: legacy},
				{Request: at("shop.example", "/exact")},
				{Request: at("www.shop.example", "/item/42")},
			},
			Others: []meshtest.Request{at("shop.example", "/login"), at("shop.example", "/search/it?engine=new"), at("shop.example", "/preview")},
		},
		"named": {
			Plane:    meshtest.Plane{Weigh: weigh("cart", "checkout", "shadow", "shadow-1")},
			Config:   "httpRoute: web\nrules: [checkout, cart]\n",
			Weighted: []meshtest.Weighted{{Request: at("", "/checkout")}, {Request: at("", "/cart/1")}},
			Others:   []meshtest.Request{at("", "/"), at("", "/always")},
		},
		"list": {
			Config: "httpRoutes: [{name: web, useHeaderRoutes: true}, {name: admin}, {name: partner, useHeaderRoutes: true, rules: [all]}]\nnamespace: routes\n",
			Weighted: []meshtest.Weighted{
				{Request: at("shop.example", "/")},
				{Request: at("admin.example", "/"), Bare: true},
				{Request: at("partner.example", "/")},
			},
			Others: []meshtest.Request{at("admin.example", "/metrics")},
		},
		"matches": {
			Config: `httpRoute: web`,
			Weighted: []meshtest.Weighted{
				{Request: meshtest.Request{Method: "GET", Path: "/eu", Headers: map[string]string{"x-region": "eu"}}},
				{Request: meshtest.Request{Method: "GET", Path: "/a?version=2"}},
				{Request: meshtest.Request{Method: "GET", Path: "/b/c"}},
			},
			Others: []meshtest.Request{at("", "/"), {Method: "DELETE", Path: "/b"}},
		},
		"shared-rule": {
			Config:    `httpRoute: all`,
			Weighted:  []meshtest.Weighted{{Request: at("", "/"), Sum: 100, Besides: map[string]int64{"api-stable": 50}}},
			Neighbour: neighbour, NeighbourConfig: `httpRoute: all`,
			Neighbours: []meshtest.Weighted{{Request: at("", "/"), Sum: 50}},
		},
		"shared": {
			Config:    `httpRoute: all`,
			Weighted:  []meshtest.Weighted{{Request: at("", "/")}},
			Neighbour: neighbour, NeighbourConfig: `httpRoute: all`,
			Neighbours: []meshtest.Weighted{{Request: at("", "/api")}},
		},
	}
}

func plane(weights func(*unstructured.Unstructured, string, string, meshtest.Weights)) meshtest.Plane {
	if weights == nil {
		weights = weigh()
	}
	return meshtest.Plane{
		Kind:        gatewayapi.Kind(),
		Split:       split,
		Alone:       func(total int32) int64 { return min(int64(total), 1_000_000) },
		Defaults:    defaults,
		Valid:       valid,
		Weigh:       weights,
		Names:       ruleNames,
		Drop:        drop,
		Acknowledge: acknowledge,
		AllHeaders:  true,
		Narrow:      true,
		Broken: []meshtest.Mistake{
			{Name: "has no spec", Field: "spec", Make: func(obj *unstructured.Unstructured) { delete(obj.Object, "spec") }},
			{Name: "has no rules", Field: "spec.rules", Make: func(obj *unstructured.Unstructured) {
				unstructured.RemoveNestedField(obj.Object, "spec", "rules")
			}},
			{Name: "has rules that are none", Field: "spec.rules", Make: func(obj *unstructured.Unstructured) {
				obj.Object["spec"].(map[string]any)["rules"] = []any{"a"}
			}},
			{Name: "lacks the canary", Field: "spec.rules", Make: func(obj *unstructured.Unstructured) {
				edit(obj, func(name string, backend map[string]any) {
					if name == "web-canary" {
						backend["name"] = "somebody"
					}
				})
			}},
			{Name: "has the stable Service twice", Field: "spec.rules", Make: func(obj *unstructured.Unstructured) {
				for _, rule := range objectsOf(obj.Object, "spec", "rules") {
					for _, backend := range objectsOf(rule, "backendRefs") {
						if backend["name"] == "web-stable" {
							rule["backendRefs"] = append(rule["backendRefs"].([]any), runtime.DeepCopyJSON(backend))
						}
					}
				}
			}},
		},
	}
}

func edit(obj *unstructured.Unstructured, change func(name string, backend map[string]any)) {
	for _, rule := range objectsOf(obj.Object, "spec", "rules") {
		for _, backend := range objectsOf(rule, "backendRefs") {
			change(backend["name"].(string), backend)
		}
	}
}

// weigh the rules of these names, or all that have both of the pair.
func weigh(rules ...string) func(*unstructured.Unstructured, string, string, meshtest.Weights) {
	return func(obj *unstructured.Unstructured, stable, canary string, change meshtest.Weights) {
		for _, rule := range objectsOf(obj.Object, "spec", "rules") {
			backends := objectsOf(rule, "backendRefs")
			named := func(name string) int {
				return slices.IndexFunc(backends, func(b map[string]any) bool {
					return b["name"] == name && (b["namespace"] == "shop" || b["namespace"] == nil && obj.GetNamespace() == "shop")
				})
			}
			s, c := named(stable), named(canary)
			if name, _ := rule["name"].(string); s < 0 || c < 0 || len(rules) > 0 && !slices.Contains(rules, name) {
				continue
			}
			sOld, _ := backends[s]["weight"].(int64)
			cOld, _ := backends[c]["weight"].(int64)
			backends[s]["weight"], backends[c]["weight"] = change(sOld, cOld)
		}
	}
}

func ruleNames(obj *unstructured.Unstructured) []string {
	var all []string
	for _, rule := range objectsOf(obj.Object, "spec", "rules") {
		name, _ := rule["name"].(string)
		all = append(all, name)
	}
	return all
}

// drop takes out the rules of these names, with a number or without.
func drop(obj *unstructured.Unstructured, names ...string) {
	kept := []any{}
	for _, rule := range objectsOf(obj.Object, "spec", "rules") {
		name, _ := rule["name"].(string)
		base, number, numbered := strings.Cut(name, "-")
		if _, err := strconv.Atoi(number); numbered && err == nil {
			name = base
		}
		if !slices.Contains(names, name) {
			kept = append(kept, rule)
		}
	}
	if spec, ok := obj.Object["spec"].(map[string]any); ok && spec["rules"] != nil {
		spec["rules"] = kept
	}
}

// acknowledge writes what the controller of every parent says.
func acknowledge(obj *unstructured.Unstructured, refusal string) {
	var parents []any
	for _, ref := range objectsOf(obj.Object, "spec", "parentRefs") {
		accepted := map[string]any{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "observedGeneration": obj.GetGeneration()}
		if refusal != "" {
			accepted["status"], accepted["reason"], accepted["message"] = "False", "Unsupported", refusal
		}
		parents = append(parents, map[string]any{"parentRef": ref, "controllerName": "example.com/gateway", "conditions": []any{accepted}})
	}
	obj.Object["status"] = map[string]any{"parents": parents}
}
