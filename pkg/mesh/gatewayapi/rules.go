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

// pair is the two backends of one rule that are ours to weight.
type pair struct {
	rule           map[string]any
	stable, canary map[string]any
	// sum of the pair's weights; alone: no other backend has a weight.
	sum   int64
	alone bool
}

// rules of an object that are the user's own, without managed ones.
func rules(obj *unstructured.Unstructured, route mesh.Route) (own, managed []map[string]any) {
	for _, rule := range kit.Maps(kit.Spec(obj), "rules") {
		if isManaged(kit.String(rule, "name"), route) {
			managed = append(managed, rule)
		} else {
			own = append(own, rule)
		}
	}
	return own, managed
}

// isManaged: a rule of that name is ours.
func isManaged(name string, route mesh.Route) bool {
	return name != "" && slices.ContainsFunc(route.Reserved, func(reserved string) bool { return kit.IsCopy(name, reserved) })
}

// pairs finds the rules whose weights are ours: every one that has both
// backends, or the named ones.
func pairs(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) ([]pair, error) {
	own, _ := rules(obj, route)
	var found []pair
	for _, rule := range own {
		if len(o.Rules) > 0 && !slices.Contains(o.Rules, kit.String(rule, "name")) {
			continue
		}
		if p, ok := pairOf(rule, obj.GetNamespace(), route); ok {
			found = append(found, p)
		} else if len(o.Rules) > 0 {
			return nil, faultOf(o, "spec.rules["+kit.String(rule, "name")+"].backendRefs",
				fmt.Sprintf("needs both Services %q and %q", route.Stable, route.Canary))
		}
	}
	if len(found) == 0 || len(found) < len(o.Rules) {
		return nil, faultOf(o, "spec.rules", fmt.Sprintf("no rule %v has both Services %q and %q as backends; add them", o.Rules, route.Stable, route.Canary))
	}
	return found, nil
}

func faultOf(o mesh.Object, field, problem string) error {
	return &mesh.Fault{Object: o.String(), Field: field, Problem: problem}
}

func pairOf(rule map[string]any, namespace string, route mesh.Route) (pair, bool) {
	p := pair{rule: rule, alone: true}
	for _, backend := range kit.Maps(rule, "backendRefs") {
		switch weight := weightOf(backend); {
		case p.stable == nil && isService(backend, route.Stable, namespace, route):
			p.stable = backend
			p.sum += weight
		case p.canary == nil && isService(backend, route.Canary, namespace, route):
			p.canary = backend
			p.sum += weight
		case weight > 0:
			p.alone = false
		}
	}
	return p, p.stable != nil && p.canary != nil
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
// else what the user gave it.
func (p pair) total(route mesh.Route) int32 {
	if p.alone {
		return route.Total
	}
	return int32(p.sum)
}

// weigh sets both weights.
func (p pair) weigh(route mesh.Route, o mesh.Object) error {
	total := p.total(route)
	canary, ok := kit.Share(route.Weight, route.Total, total)
	if !ok || total < 2 {
		return faultOf(o, "spec.rules["+kit.String(p.rule, "name")+"].backendRefs",
			fmt.Sprintf("the weights of %q and %q sum to %d beside other backends, too little to split; give them at least 100", route.Stable, route.Canary, total))
	}
	p.stable["weight"], p.canary["weight"] = int64(total-canary), int64(canary)
	return nil
}
