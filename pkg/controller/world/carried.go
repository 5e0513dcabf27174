// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// carried is what one route object says, whatever its kind.
type carried struct {
	// weight of each Service, the highest of all rules, of W, rounded up; what
	// goes to legacy is nobody's share.
	weight map[string]int32
	// managed routes, sorted.
	managed []string
	// rules of the user, each with the weights as they are written.
	rules []map[string]int64
}

// routeNames are the names that every routed shop gives to managed routes.
var routeNames = []string{"preview", "shadow"}

// legacy is a backend of the user's own in a rule that is weighted.
const legacy = "legacy"

func isRoute(resource schema.GroupVersionResource) bool {
	return slices.Contains([]string{"httproutes", "virtualservices", "testroutes"}, resource.Resource)
}

// carried by an object, nil for none, for a total of W. It is read-only.
func (a *API) carried(obj *unstructured.Unstructured, total int32) carried {
	key := reading{obj, total}
	c, known := a.readings[key]
	if !known {
		c = carriedBy(obj, total)
		a.readings[key] = c
	}
	return c
}

// reading of an object for a total.
type reading struct {
	obj   *unstructured.Unstructured
	total int32
}

func carriedBy(obj *unstructured.Unstructured, total int32) carried {
	c := carried{weight: map[string]int32{}}
	if obj == nil {
		return c
	}
	for _, rule := range rulesOf(obj) {
		name, _ := rule["name"].(string)
		weights, pair := weightsOf(rule), weightsOf(rule)
		delete(pair, legacy)
		if slices.Contains(routeNames, name) {
			c.managed = append(c.managed, name)
		} else {
			c.rules = append(c.rules, weights)
		}
		if name == routeNames[0] {
			continue // a header route is all canary by its nature
		}
		var sum int64
		for _, weight := range pair {
			sum += weight
		}
		for service, weight := range pair {
			if sum > 0 {
				c.weight[service] = max(c.weight[service], int32((weight*int64(total)+sum-1)/sum))
			}
		}
	}
	slices.Sort(c.managed)
	return c
}

// rulesOf an HTTPRoute or a VirtualService, or what a TestRoute would be as one
// of them.
func rulesOf(obj *unstructured.Unstructured) []map[string]any {
	spec, _ := obj.Object["spec"].(map[string]any)
	rules := append(list(spec["rules"]), list(spec["http"])...)
	if weights, ok := spec["backends"].(map[string]any); ok {
		var refs []any
		for service, weight := range weights {
			refs = append(refs, map[string]any{"name": service, "weight": weight})
		}
		rules = append(rules, map[string]any{"backendRefs": refs})
	}
	names, _ := spec["managed"].([]any)
	for _, name := range names {
		rules = append(rules, map[string]any{"name": name})
	}
	return rules
}

// weightsOf a rule, as they are written. Where none is, the Gateway API takes
// 1, and Istio 0 but for what is alone.
func weightsOf(rule map[string]any) map[string]int64 {
	weights := map[string]int64{}
	destinations := append(list(rule["backendRefs"]), list(rule["route"])...)
	for _, b := range destinations {
		service, _ := b["name"].(string)
		if d, ok := b["destination"].(map[string]any); ok {
			service, _, _ = strings.Cut(d["host"].(string), ".")
		}
		switch weight := b["weight"].(type) {
		case int64:
			weights[service] += weight
		case float64:
			weights[service] += int64(weight)
		default:
			if rule["backendRefs"] != nil || len(destinations) == 1 {
				weights[service]++
			}
		}
	}
	return weights
}

func list(v any) []map[string]any {
	var all []map[string]any
	items, _ := v.([]any)
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// pairSum of a rule, and whether no other Service has a weight in it.
func pairSum(rule map[string]int64, stable, canary string) (sum int64, alone bool) {
	alone = true
	for _, service := range slices.Sorted(maps.Keys(rule)) {
		if service == stable || service == canary {
			sum += rule[service]
		} else if rule[service] > 0 {
			alone = false
		}
	}
	return sum, alone
}
