// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package istio

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// pair is the two destinations of one http route that are ours to weight.
type pair struct {
	route          map[string]any
	stable, canary map[string]any
	// sum of the pair's weights; alone: no other destination has a weight.
	sum   int64
	alone bool
}

// routes of an object that are the user's own, and managed ones.
func routes(obj *unstructured.Unstructured, route mesh.Route) (own, managed []map[string]any) {
	for _, r := range kit.Maps(kit.Spec(obj), "http") {
		if slices.Contains(route.Reserved, kit.String(r, "name")) {
			managed = append(managed, r)
		} else {
			own = append(own, r)
		}
	}
	return own, managed
}

// pairs finds the http routes whose weights are ours: the named ones, or the
// only one, or the first without a name.
func pairs(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) ([]pair, error) {
	own, _ := routes(obj, route)
	if len(own) == 0 {
		return nil, faultOf(o, "spec.http", "has no route; weights, header and mirror routes need one")
	}
	var chosen []map[string]any
	switch {
	case len(o.Rules) > 0:
		for _, name := range o.Rules {
			i := slices.IndexFunc(own, func(r map[string]any) bool { return kit.String(r, "name") == name })
			if i < 0 {
				return nil, faultOf(o, "spec.http", fmt.Sprintf("has no route named %q; add it, or correct trafficRouting.istio", name))
			}
			chosen = append(chosen, own[i])
		}
	case len(own) > 1:
		return nil, faultOf(o, "spec.http", fmt.Sprintf("has %d routes; name the ones to weight in trafficRouting.istio", len(own)))
	default:
		chosen = own
	}
	var found []pair
	for _, r := range chosen {
		p, ok := pairOf(r, route)
		if !ok {
			return nil, faultOf(o, "spec.http["+kit.String(r, "name")+"].route", fmt.Sprintf("needs both hosts %q and %q", route.Stable, route.Canary))
		}
		found = append(found, p)
	}
	return found, nil
}

func faultOf(o mesh.Object, field, problem string) error {
	return &mesh.Fault{Object: o.String(), Field: field, Problem: problem}
}

func pairOf(r map[string]any, route mesh.Route) (pair, bool) {
	p := pair{route: r, alone: true}
	destinations := kit.Maps(r, "route")
	for _, d := range destinations {
		switch weight := weightOf(d, len(destinations)); {
		case p.stable == nil && isHost(d, route.Stable):
			p.stable = d
			p.sum += weight
		case p.canary == nil && isHost(d, route.Canary):
			p.canary = d
			p.sum += weight
		case weight > 0:
			p.alone = false
		}
	}
	return p, p.stable != nil && p.canary != nil
}

// isHost compares hosts by what stands before the first dot, so that a short
// name, one with a namespace and a full one are the same.
func isHost(d map[string]any, service string) bool {
	destination, _ := d["destination"].(map[string]any)
	host, _, _ := strings.Cut(kit.String(destination, "host"), ".")
	return host == service
}

// weightOf is 100 for the only destination of a route, and 0 where none is
// written.
func weightOf(d map[string]any, of int) int64 {
	if n, ok := kit.Int(d, "weight"); ok {
		return n
	}
	if of == 1 {
		return whole
	}
	return 0
}

// weigh sets both weights: they sum to 100 where the pair is alone in its
// route, else to what the user gave it.
func (p pair) weigh(route mesh.Route, o mesh.Object) error {
	sum := int32(whole)
	if !p.alone {
		sum = int32(p.sum)
	}
	canary, ok := kit.Share(route.Weight, route.Total, sum)
	if !ok || sum < 2 {
		return faultOf(o, "spec.http["+kit.String(p.route, "name")+"].route",
			fmt.Sprintf("the weights of %q and %q sum to %d beside other destinations, too little to split", route.Stable, route.Canary, sum))
	}
	p.stable["weight"], p.canary["weight"] = int64(sum-canary), int64(canary)
	return nil
}
