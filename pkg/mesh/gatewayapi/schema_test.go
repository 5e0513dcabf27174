// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi_test

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// defaults are those of the CustomResourceDefinition.
func defaults(obj *unstructured.Unstructured) {
	set := func(m map[string]any, field string, value any) {
		if _, found := m[field]; !found {
			m[field] = value
		}
	}
	for _, parent := range objectsOf(obj.Object, "spec", "parentRefs") {
		set(parent, "group", "gateway.networking.k8s.io")
		set(parent, "kind", "Gateway")
	}
	value, _, _ := unstructured.NestedFieldNoCopy(obj.Object, "spec", "rules")
	list, _ := value.([]any)
	for _, element := range list {
		rule, ok := element.(map[string]any)
		if !ok {
			continue
		}
		set(rule, "matches", []any{map[string]any{}})
		for _, match := range objectsOf(rule, "matches") {
			set(match, "path", map[string]any{})
			path := match["path"].(map[string]any)
			set(path, "type", "PathPrefix")
			set(path, "value", "/")
			for _, condition := range append(objectsOf(match, "headers"), objectsOf(match, "queryParams")...) {
				set(condition, "type", "Exact")
			}
		}
		refs := objectsOf(rule, "backendRefs")
		for _, backend := range refs {
			set(backend, "weight", int64(1))
		}
		for _, filter := range objectsOf(rule, "filters") {
			if ref, found, _ := unstructured.NestedFieldNoCopy(filter, "requestMirror", "backendRef"); found {
				refs = append(refs, ref.(map[string]any))
			}
		}
		for _, ref := range refs {
			set(ref, "group", "")
			set(ref, "kind", "Service")
		}
	}
}

// valid is what the CustomResourceDefinition demands and a router can get
// wrong.
func valid(obj *unstructured.Unstructured) error {
	rules := objectsOf(obj.Object, "spec", "rules")
	names := map[string]bool{}
	matches := 0
	for _, rule := range rules {
		name, _ := rule["name"].(string)
		if name != "" && names[name] {
			return fmt.Errorf("rule name %s must be unique", name)
		}
		names[name] = true
		own := objectsOf(rule, "matches")
		matches += len(own)
		if len(own) > 64 {
			return errors.New("more than 64 matches in a rule")
		}
		for _, filter := range objectsOf(rule, "filters") {
			kind, _, _ := unstructured.NestedString(filter, "urlRewrite", "path", "type")
			path, _, _ := unstructured.NestedString(own[0], "path", "type")
			if kind == "ReplacePrefixMatch" && (len(own) != 1 || path != "PathPrefix") {
				return errors.New("with path.replacePrefixMatch exactly one PathPrefix match must be specified")
			}
		}
		for _, backend := range objectsOf(rule, "backendRefs") {
			if weight, _ := backend["weight"].(int64); weight < 0 || weight > 1_000_000 {
				return fmt.Errorf("weight %d", weight)
			}
		}
	}
	if len(rules) > 16 || matches > 128 {
		return fmt.Errorf("%d rules, %d matches", len(rules), matches)
	}
	return nil
}
