// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// carried reads what a route object sends to the stable and to the canary
// Service. A rule that splits between both has a weight; any other way to the
// canary is a managed route: a rule of its own, or a mirror.
func carried(route *unstructured.Unstructured, stableService, canaryService string) (stable, canary load) {
	for _, rule := range rulesOf(route) {
		toStable, hasStable := rule.weights[stableService]
		toCanary, hasCanary := rule.weights[canaryService]
		canary.routed = canary.routed || rule.mirrors[canaryService] || hasCanary && !hasStable
		if sum := toStable + toCanary; hasStable && hasCanary && sum > 0 {
			stable.weight = max(stable.weight, percent(toStable, sum))
			canary.weight = max(canary.weight, percent(toCanary, sum))
		}
	}
	return stable, canary
}

// percent rounds up: 1 of 1000 is 1.
func percent(part, sum int64) int32 { return int32((part*100 + sum - 1) / sum) }

// rule is where one rule sends requests, and copies of them.
type rule struct {
	weights map[string]int64
	mirrors map[string]bool
}

func rulesOf(route *unstructured.Unstructured) []rule {
	var rules []rule
	if route.GetKind() == "HTTPRoute" {
		for _, r := range list(route.Object, "spec", "rules") {
			rules = append(rules, gatewayRule(r))
		}
		return rules
	}
	for _, r := range list(route.Object, "spec", "http") {
		rules = append(rules, istioRule(r))
	}
	return rules
}

func gatewayRule(r map[string]any) rule {
	parsed := rule{weights: map[string]int64{}, mirrors: map[string]bool{}}
	for _, backend := range list(r, "backendRefs") {
		weight, written := number(backend["weight"])
		if !written {
			weight = 1
		}
		parsed.weights[text(backend, "name")] += weight
	}
	for _, filter := range list(r, "filters") {
		if mirror, ok := filter["requestMirror"].(map[string]any); ok {
			parsed.mirrors[text(mirror, "backendRef", "name")] = true
		}
	}
	return parsed
}

func istioRule(r map[string]any) rule {
	parsed := rule{weights: map[string]int64{}, mirrors: map[string]bool{}}
	destinations := list(r, "route")
	for _, d := range destinations {
		weight, written := number(d["weight"])
		if !written && len(destinations) == 1 {
			weight = 100
		}
		parsed.weights[short(text(d, "destination", "host"))] += weight
	}
	if host := text(r, "mirror", "host"); host != "" {
		parsed.mirrors[short(host)] = true
	}
	for _, m := range list(r, "mirrors") {
		parsed.mirrors[short(text(m, "destination", "host"))] = true
	}
	return parsed
}

// short is the name of a Service in a host.
func short(host string) string {
	name, _, _ := strings.Cut(host, ".")
	return name
}

func list(object map[string]any, path ...string) []map[string]any {
	items, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	var all []map[string]any
	values, _ := items.([]any)
	for _, v := range values {
		if m, ok := v.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func text(object map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(object, path...)
	return s
}

func number(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), true
	default:
		return 0, false
	}
}
