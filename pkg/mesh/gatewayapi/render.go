// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// What an HTTPRoute can hold.
const (
	maxRules   = 16
	maxMatches = 128
)

// render makes the managed rules first, in their order, then the user's own
// with the weights set.
func render(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) error {
	weighted, err := pairs(obj, route, o)
	if err != nil {
		return err
	}
	for _, p := range weighted {
		if err := p.weigh(route, o); err != nil {
			return err
		}
	}
	var made []any
	for _, m := range route.Managed {
		for i, p := range weighted {
			rule, err := managedRule(m, copyName(m.Name, i), p, o)
			if err != nil {
				return err
			}
			made = append(made, rule)
		}
	}
	own, _ := rules(obj, route)
	all := slices.Clone(made)
	for _, rule := range own {
		if !twin(rule, made) {
			all = append(all, rule)
		}
	}
	if err := checkLimits(all, len(made), o); err != nil {
		return err
	}
	kit.Spec(obj)["rules"] = all
	return nil
}

// copyName of the rule that a managed route makes of the i-th weighted rule.
func copyName(name string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, i)
}

// twin: rule is one of ours whose name an old HTTPRoute definition has
// dropped. Without this one more would be added on each write.
func twin(rule map[string]any, made []any) bool {
	if kit.String(rule, "name") != "" {
		return false
	}
	return slices.ContainsFunc(made, func(m any) bool {
		nameless := maps.Clone(m.(map[string]any))
		delete(nameless, "name")
		return equality.Semantic.DeepEqual(nameless, rule)
	})
}

func checkLimits(all []any, made int, o mesh.Object) error {
	matches := 0
	for _, rule := range all {
		matches += len(kit.Maps(rule.(map[string]any), "matches"))
	}
	if made > 0 && (len(all) > maxRules || matches > maxMatches) {
		return faultOf(o, "spec.rules", fmt.Sprintf("would have %d rules and %d matches with the managed routes, at most %d and %d are allowed; use fewer rules, or name the ones to weight",
			len(all), matches, maxRules, maxMatches))
	}
	return nil
}

func managedRule(m mesh.Managed, name string, p pair, o mesh.Object) (map[string]any, error) {
	if len(m.Mirror) > 0 {
		return mirrorRule(m, name, p, o)
	}
	return headerRule(m, name, p), nil
}

// headerRule is the source rule for the canary alone: what it matches with the
// headers added, and what else it does.
func headerRule(m mesh.Managed, name string, p pair) map[string]any {
	rule := runtime.DeepCopyJSON(p.rule)
	rule["name"] = name
	backend := runtime.DeepCopyJSON(p.canary)
	backend["weight"] = int64(1)
	rule["backendRefs"] = []any{backend}
	matches := kit.Maps(rule, "matches")
	if len(matches) == 0 {
		matches = []map[string]any{{"path": anyPath()}}
	}
	var with []any
	for _, match := range matches {
		match["headers"] = withHeaders(match, m.Headers)
		with = append(with, match)
	}
	rule["matches"] = with
	return rule
}

// withHeaders adds headers to those of a match. A header may stand in it only
// once, so that the step's replaces the rule's.
func withHeaders(match map[string]any, headers []mesh.HeaderMatch) []any {
	var all []any
	for _, h := range kit.Maps(match, "headers") {
		if !slices.ContainsFunc(headers, func(n mesh.HeaderMatch) bool { return strings.EqualFold(n.Header, kit.String(h, "name")) }) {
			all = append(all, h)
		}
	}
	for _, h := range headers {
		all = append(all, headerMatch(h.Header, h.Value))
	}
	return all
}

// mirrorRule answers as the weights say, and copies to the canary.
func mirrorRule(m mesh.Managed, name string, p pair, o mesh.Object) (map[string]any, error) {
	rule := map[string]any{"name": name, "backendRefs": []any{runtime.DeepCopyJSON(p.stable), runtime.DeepCopyJSON(p.canary)}}
	target := map[string]any{"group": "", "kind": "Service", "name": p.canary["name"]}
	for _, field := range []string{"port", "namespace"} {
		if v, ok := p.canary[field]; ok {
			target[field] = v
		}
	}
	mirror := map[string]any{"backendRef": target}
	if m.Percent < 100 {
		mirror["percent"] = int64(m.Percent)
	}
	filters := []any{map[string]any{"type": "RequestMirror", "requestMirror": mirror}}
	for _, f := range kit.Maps(p.rule, "filters") {
		filters = append(filters, runtime.DeepCopyJSON(f))
	}
	rule["filters"] = filters
	var matches []any
	for _, r := range m.Mirror {
		match, err := requestMatch(r, m.Name, o)
		if err != nil {
			return nil, err
		}
		matches = append(matches, match)
	}
	rule["matches"] = matches
	return rule, nil
}

func requestMatch(r mesh.RequestMatch, name string, o mesh.Object) (map[string]any, error) {
	match := map[string]any{"path": anyPath()}
	if r.Path != nil {
		match["path"] = pathMatch(*r.Path)
	}
	if r.Method != nil {
		if r.Method.Exact == "" {
			return nil, faultOf(o, "setMirrorRoute "+name+".match.method", "an HTTPRoute matches a method only exactly; use exact")
		}
		match["method"] = r.Method.Exact
	}
	var headers []any
	for _, header := range slices.Sorted(maps.Keys(r.Headers)) {
		headers = append(headers, headerMatch(header, r.Headers[header]))
	}
	if headers != nil {
		match["headers"] = headers
	}
	return match, nil
}

// anyPath is what the API server writes where no path is given.
func anyPath() map[string]any { return map[string]any{"type": "PathPrefix", "value": "/"} }

func pathMatch(p mesh.Pattern) map[string]any {
	switch {
	case p.Exact != "":
		return map[string]any{"type": "Exact", "value": p.Exact}
	case p.Prefix != "":
		return map[string]any{"type": "PathPrefix", "value": p.Prefix}
	default:
		return map[string]any{"type": "RegularExpression", "value": p.Regex}
	}
}

// headerMatch: a prefix is a regular expression here, with all that is special
// in it quoted.
func headerMatch(name string, p mesh.Pattern) map[string]any {
	kind, value := "RegularExpression", p.Regex
	switch {
	case p.Exact != "":
		kind, value = "Exact", p.Exact
	case p.Prefix != "":
		value = "^" + regexp.QuoteMeta(p.Prefix) + ".*"
	}
	return map[string]any{"name": name, "type": kind, "value": value}
}
