// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi

import (
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// maxWeight of one backend, by the API.
const maxWeight = 1_000_000

// pair is the two backends of one rule that are ours to weight.
type pair struct {
	rule           map[string]any
	stable, canary map[string]any
	// field is the path of the rule's backends, index its place among the
	// user's own rules.
	field string
	index int
	// foreign: another rollout has made the rule.
	foreign bool
	// sum of the pair's weights; alone: no other backend has a weight.
	sum   int64
	alone bool
}

// rules of an object that are the user's own, and managed ones.
func rules(obj *unstructured.Unstructured, route mesh.Route) (own, managed []map[string]any) {
	made := kit.Made(obj, route.Rollout)
	for _, rule := range kit.Maps(kit.Spec(obj), "rules") {
		if isManaged(rule, obj.GetNamespace(), route, made) {
			managed = append(managed, rule)
		} else {
			own = append(own, rule)
		}
	}
	return own, managed
}

// isManaged: the annotation says that we made the rule, or it has a name of
// ours and either sends to the canary alone or mirrors to it, as one that
// another controller has left. A rule that only shares a name is the user's.
func isManaged(rule map[string]any, namespace string, route mesh.Route, made []string) bool {
	name := kit.String(rule, "name")
	if name == "" || slices.Contains(made, name) {
		return name != ""
	}
	if !slices.ContainsFunc(route.Reserved, func(reserved string) bool { return kit.IsCopy(name, reserved) }) {
		return false
	}
	canary := func(backend map[string]any) bool { return isService(backend, route.Canary, namespace, route) }
	backends := kit.Maps(rule, "backendRefs")
	return len(backends) == 1 && canary(backends[0]) ||
		slices.ContainsFunc(kit.Maps(rule, "filters"), func(filter map[string]any) bool {
			mirror, _ := filter["requestMirror"].(map[string]any)
			target, _ := mirror["backendRef"].(map[string]any)
			return canary(target)
		})
}

// pairs finds the rules whose weights are ours: every one that has both
// backends, or the named ones.
func pairs(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) ([]pair, error) {
	if !kit.WellFormed(kit.Spec(obj), "rules") {
		return nil, faultOf(o, "spec.rules", "is not a list of rules")
	}
	own, _ := rules(obj, route)
	others := kit.Others(obj, route.Rollout)
	if missing := unnamed(o.Rules, own); missing != "" {
		return nil, faultOf(o, "spec.rules", fmt.Sprintf("has no rule named %q; name it, or correct trafficRouting.gatewayAPI", missing))
	}
	var found []pair
	for i, rule := range own {
		if len(o.Rules) > 0 && !slices.Contains(o.Rules, kit.String(rule, "name")) {
			continue
		}
		p, problem := pairOf(rule, obj.GetNamespace(), route)
		switch {
		case problem == "":
			p.field, p.index = backends(rule, i), i
			_, p.foreign = others[kit.String(rule, "name")]
			found = append(found, p)
		case len(o.Rules) > 0 || p.stable != nil && p.canary != nil:
			return nil, faultOf(o, backends(rule, i), problem)
		}
	}
	if len(found) == 0 {
		return nil, faultOf(o, "spec.rules", fmt.Sprintf("no rule has both Services %q and %q as backends; add them to one", route.Stable, route.Canary))
	}
	return found, nil
}

// left are the pairs whose weights may be ours, of an object of any shape.
func left(obj *unstructured.Unstructured, own []map[string]any, route mesh.Route, o mesh.Object) (all []pair) {
	for _, rule := range own {
		p, problem := pairOf(rule, obj.GetNamespace(), route)
		if problem == "" && (len(o.Rules) == 0 || slices.Contains(o.Rules, kit.String(rule, "name"))) {
			all = append(all, p)
		}
	}
	return all
}

// unnamed is the first of names that no rule has, "" if there is none.
func unnamed(names []string, own []map[string]any) string {
	for _, name := range names {
		if !slices.ContainsFunc(own, func(r map[string]any) bool { return kit.String(r, "name") == name }) {
			return name
		}
	}
	return ""
}

func faultOf(o mesh.Object, field, problem string) error {
	return &mesh.Fault{Object: o.String(), Field: field, Problem: problem}
}

// backends is the path of a rule's backends, by its name or its place among
// the user's own rules.
func backends(rule map[string]any, i int) string { return ruleAt(rule, i) + ".backendRefs" }

func ruleAt(rule map[string]any, i int) string {
	if name := kit.String(rule, "name"); name != "" {
		return "spec.rules[" + name + "]"
	}
	return fmt.Sprintf("spec.rules[%d]", i)
}

// pairOf a rule; problem says why it has none, "" if it has.
func pairOf(rule map[string]any, namespace string, route mesh.Route) (p pair, problem string) {
	p = pair{rule: rule, alone: true}
	twice, negative := "", false
	for _, backend := range kit.Maps(rule, "backendRefs") {
		weight := weightOf(backend)
		negative = negative || weight < 0
		switch {
		case isService(backend, route.Stable, namespace, route):
			if p.stable != nil {
				twice = route.Stable
			}
			p.stable = backend
			p.sum += weight
		case isService(backend, route.Canary, namespace, route):
			if p.canary != nil {
				twice = route.Canary
			}
			p.canary = backend
			p.sum += weight
		case weight != 0:
			p.alone = false
		}
	}
	switch {
	case p.stable == nil || p.canary == nil:
		return p, fmt.Sprintf("needs both Services %q and %q", route.Stable, route.Canary)
	case twice != "":
		return p, fmt.Sprintf("has Service %q twice; its share cannot be told", twice)
	case negative || p.sum > kit.MaxSum || !p.alone && p.sum > maxWeight:
		return p, fmt.Sprintf("has weights out of range; those of the pair may sum to %d", maxWeight)
	}
	return p, ""
}

// isService: the backend is that Service of the rollout's namespace.
func isService(backend map[string]any, name, namespace string, route mesh.Route) bool {
	if ns := kit.String(backend, "namespace"); ns != "" {
		namespace = ns
	}
	kind := kit.String(backend, "kind")
	return kit.String(backend, "name") == name && kit.String(backend, "group") == "" &&
		(kind == "" || kind == "Service") && namespace == route.Rollout.Namespace
}

// weightOf is 1 where none is written.
func weightOf(backend map[string]any) int64 {
	if n, ok := kit.Int(backend, "weight"); ok {
		return n
	}
	return 1
}

// total of the pair's weights from now on: W where it is alone in its rule,
// as far as one backend can have that much, else what the user gave it.
func (p pair) total(route mesh.Route) int64 {
	if p.alone {
		return min(int64(route.Total), maxWeight)
	}
	return p.sum
}

// weigh sets both weights; problem says why they cannot be.
func (p pair) weigh(route mesh.Route) (problem string) {
	total := p.total(route)
	canary, ok := kit.Share(route, total)
	switch {
	case !ok && p.alone:
		return fmt.Sprintf("a weight of %d of %d is too small for an HTTPRoute; use more", route.Weight, route.Total)
	case !ok:
		return fmt.Sprintf("the weights of %q and %q sum to %d beside other backends, too little for %d of %d; multiply all weights of the rule",
			route.Stable, route.Canary, total, route.Weight, route.Total)
	}
	p.set(total-canary, canary)
	return ""
}

func (p pair) set(stable, canary int64) {
	p.stable["weight"], p.canary["weight"] = stable, canary
}
