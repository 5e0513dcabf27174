// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// What an HTTPRoute can hold.
const (
	maxRules       = 16
	maxRuleMatches = 64
	maxMatches     = 128
)

// ruleName is what the API allows as the name of a rule.
var ruleName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// render makes the managed rules first, in their order, then the user's own
// with the weights set.
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
	own, _ := rules(obj, route)
	others := rivals(own, weighted, kit.Others(obj, route.Rollout))
	made, err := managedRules(route.Managed, slices.DeleteFunc(weighted, func(p pair) bool { return p.foreign }), others, o)
	if err != nil {
		return err
	}
	first := make([]map[string]any, 0, len(made))
	for _, m := range made {
		first = append(first, m.finished())
	}
	if err := checkNames(first, own, o); err != nil {
		return err
	}
	if err := checkTaken(made, others, o); err != nil {
		return err
	}
	all := kit.Place(obj, route.Rollout, first, own)
	if len(made) > 0 {
		if err := checkLimits(all, o); err != nil {
			return err
		}
	}
	kit.Spec(obj)["rules"] = all
	return nil
}

// checkNames: no name may stand twice on an HTTPRoute.
func checkNames(made, own []map[string]any, o mesh.Object) error {
	for i, rule := range made {
		name := kit.String(rule, "name")
		named := func(r map[string]any) bool { return kit.String(r, "name") == name }
		if slices.ContainsFunc(own, named) {
			return faultOf(o, "spec.rules["+name+"]", "is not of this rollout, but has the name of a managed route; rename one of both")
		}
		if slices.ContainsFunc(made[:i], named) {
			return faultOf(o, "spec.rules["+name+"]", "would be the name of two rules, as a managed route of several rules has its copies numbered; rename one managed route")
		}
	}
	return nil
}

// restore gives stable the sum of the pair, and drops the managed rules.
func restore(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) {
	own, managed := rules(obj, route)
	for _, p := range left(obj, own, route, o) {
		p.set(p.total(route), 0)
	}
	if len(managed) == 0 {
		return
	}
	kit.Spec(obj)["rules"] = kit.Place(obj, route.Rollout, nil, own)
}

func checkLimits(all []any, o mesh.Object) error {
	matches, most := 0, 0
	for _, rule := range all {
		n := len(kit.Maps(rule.(map[string]any), "matches"))
		matches, most = matches+n, max(most, n)
	}
	if len(all) > maxRules || matches > maxMatches || most > maxRuleMatches {
		return faultOf(o, "spec.rules", fmt.Sprintf(
			"would have %d rules and %d matches, %d in one rule, with the managed routes; at most %d, %d and %d are allowed; use fewer, or name the rules to weight",
			len(all), matches, most, maxRules, maxMatches, maxRuleMatches))
	}
	return nil
}

// made is a managed rule in the making.
type made struct {
	// name of the managed route.
	name    string
	rule    map[string]any
	matches []map[string]any
	header  bool
	// source is the weighted rule that it is made of.
	source pair
}

func (m made) finished() map[string]any {
	matches := make([]any, 0, len(m.matches))
	for _, match := range m.matches {
		matches = append(matches, match)
	}
	m.rule["matches"] = matches
	return m.rule
}

// managedRules makes, of every weighted rule, those for each managed route: a
// copy of it that matches less and sends elsewhere.
func managedRules(managed []mesh.Managed, weighted []pair, rivals []rival, o mesh.Object) ([]*made, error) {
	var all []*made
	for _, route := range managed {
		field := "managed route " + route.Name
		if !ruleName.MatchString(route.Name) || len(route.Name) > 250 {
			return nil, faultOf(o, field, "is no name for a rule; use lower case letters, digits and -")
		}
		if header := twice(route.Headers); header != "" {
			return nil, faultOf(o, field, fmt.Sprintf("matches header %q twice, but an HTTPRoute needs all to match; use one, with a regular expression", header))
		}
		copies, problem := copiesFor(route, weighted, rivals)
		switch {
		case problem != "":
			return nil, faultOf(o, field, problem)
		case len(copies) == 0:
			return nil, faultOf(o, field, "matches nothing that the weighted rules match; correct its match")
		}
		all = append(all, copies...)
	}
	if err := keepOrder(all, o); err != nil {
		return nil, err
	}
	return numbered(apart(all)), nil
}

// copiesFor one managed route, at most one per weighted rule; problem says why
// an HTTPRoute cannot express it.
func copiesFor(route mesh.Managed, weighted []pair, rivals []rival) (all []*made, problem string) {
	for _, p := range weighted {
		m := &made{name: route.Name, source: p, header: len(route.Mirror) == 0}
		if m.header {
			m.rule, m.matches, problem = headerRule(route, p)
		} else {
			m.rule, m.matches, problem = mirrorRule(route, p)
			m.matches = slices.DeleteFunc(m.matches, func(match map[string]any) bool { return unreached(match, p, rivals) })
		}
		if problem != "" {
			return nil, problem
		}
		if len(m.matches) > 0 { // else no request matches both
			all = append(all, m)
		}
	}
	return all, ""
}

// apart gives each match a rule of its own where a rule may have but one: one
// that replaces the prefix that it matches.
func apart(all []*made) []*made {
	var single []*made
	for _, m := range all {
		if len(m.matches) == 1 || !replacesPrefix(m.rule) {
			single = append(single, m)
			continue
		}
		for _, match := range m.matches {
			one := *m
			one.rule, one.matches = runtime.DeepCopyJSON(m.rule), []map[string]any{match}
			single = append(single, &one)
		}
	}
	return single
}

// replacesPrefix reports whether a rule, or one of its backends, rewrites the
// path prefix that was matched.
func replacesPrefix(rule map[string]any) bool {
	rewrites := func(filter map[string]any) bool {
		rewrite, _ := filter["urlRewrite"].(map[string]any)
		path, _ := rewrite["path"].(map[string]any)
		return kit.String(path, "type") == "ReplacePrefixMatch"
	}
	return slices.ContainsFunc(kit.Maps(rule, "filters"), rewrites) ||
		slices.ContainsFunc(kit.Maps(rule, "backendRefs"), func(b map[string]any) bool {
			return slices.ContainsFunc(kit.Maps(b, "filters"), rewrites)
		})
}

// numbered names the rules: the first one of a managed route as that, the
// others with a number.
func numbered(all []*made) []*made {
	copies := map[string]int{}
	for _, m := range all {
		name := m.name
		if n := copies[name]; n > 0 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		m.rule["name"] = name
		copies[m.name]++
	}
	return all
}

// headerRule is the weighted rule for the canary alone: those of its requests
// that have the headers too, and what else it does.
func headerRule(m mesh.Managed, p pair) (rule map[string]any, matches []map[string]any, problem string) {
	rule = runtime.DeepCopyJSON(p.rule)
	backend := runtime.DeepCopyJSON(p.canary)
	backend["weight"] = int64(1)
	rule["backendRefs"] = []any{backend}
	for _, own := range matchesOf(p.rule) {
		match, none, err := both(own, headersMatch(m.Headers))
		if err != nil {
			return nil, nil, err.Error() + "; correct its match"
		}
		if !none && !contains(matches, match) {
			matches = append(matches, match)
		}
	}
	return rule, matches, ""
}

// mirrorRule is the weighted rule, weights included, for those of its requests
// that are copied to the canary too.
func mirrorRule(m mesh.Managed, p pair) (rule map[string]any, matches []map[string]any, problem string) {
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
	rule = runtime.DeepCopyJSON(p.rule)
	filters := []any{map[string]any{"type": "RequestMirror", "requestMirror": mirror}}
	for _, f := range kit.Maps(rule, "filters") {
		filters = append(filters, f)
	}
	rule["filters"] = filters
	for _, r := range m.Mirror {
		wanted, problem := requestMatch(r)
		if problem != "" {
			return nil, nil, problem
		}
		for _, own := range matchesOf(p.rule) {
			match, none, err := both(own, wanted)
			if err != nil {
				return nil, nil, err.Error() + "; correct its match"
			}
			if !none && replacesPrefix(p.rule) && !equality.Semantic.DeepEqual(pathOf(match), pathOf(own)) {
				return nil, nil, fmt.Sprintf("matches a path within one that %s rewrites; match no path", p.field)
			}
			if !none && !contains(matches, match) {
				matches = append(matches, match)
			}
		}
	}
	return rule, matches, ""
}
