// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package istio

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// pair is the two destinations of one http route that are ours to weight.
type pair struct {
	route          map[string]any
	stable, canary map[string]any
	// field is the path of the route's destinations.
	field string
	// sum of the pair's weights; alone: no other destination has a weight.
	sum   int64
	alone bool
}

// routes of an object that are the user's own, and managed ones.
func routes(obj *unstructured.Unstructured, route mesh.Route) (own, managed []map[string]any) {
	made := kit.Made(obj, route.Rollout)
	for _, r := range kit.Maps(kit.Spec(obj), "http") {
		if isManaged(r, route, made) {
			managed = append(managed, r)
		} else {
			own = append(own, r)
		}
	}
	return own, managed
}

// isManaged: the annotation says that we made the route, or it has a name of
// ours and either sends to the canary alone or mirrors to it, as one that
// another controller has left. A route that only shares a name is the user's.
func isManaged(r map[string]any, route mesh.Route, made []string) bool {
	name := kit.String(r, "name")
	if name == "" || slices.Contains(made, name) {
		return name != ""
	}
	mirror, _ := r["mirror"].(map[string]any)
	all := kit.Maps(r, "route")
	return slices.Contains(route.Reserved, name) &&
		(isService(mirror, route.Canary) || len(all) == 1 && isHost(all[0], route.Canary))
}

// users are the routes of own that no rollout has made.
func users(obj *unstructured.Unstructured, route mesh.Route, own []map[string]any) []map[string]any {
	others := kit.Others(obj, route.Rollout)
	return slices.DeleteFunc(slices.Clone(own), func(r map[string]any) bool {
		_, made := others[kit.String(r, "name")]
		return made
	})
}

// pairs finds the http routes whose weights are ours: the named ones, or else
// the only one.
func pairs(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) ([]pair, error) {
	if !kit.WellFormed(kit.Spec(obj), "http") {
		return nil, faultOf(o, "spec.http", "is not a list of routes")
	}
	own, _ := routes(obj, route)
	if len(users(obj, route, own)) == 0 {
		return nil, faultOf(o, "spec.http", "has no route; weights, header and mirror routes need one")
	}
	for _, name := range o.Rules {
		if !slices.ContainsFunc(own, func(r map[string]any) bool { return kit.String(r, "name") == name }) {
			return nil, faultOf(o, "spec.http", fmt.Sprintf("has no route named %q; name it, or correct trafficRouting.istio", name))
		}
	}
	if n := len(users(obj, route, own)); len(o.Rules) == 0 && n > 1 {
		return nil, faultOf(o, "spec.http", fmt.Sprintf("has %d routes; name the ones to weight in trafficRouting.istio", n))
	}
	return chosen(obj, own, route, o)
}

// besidesHTTP is what is wrong with a route between the two hosts that is none of
// http, "" if there is none: a release would not be seen in it. One to a single host
// of them is the user's.
func besidesHTTP(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) string {
	for _, protocol := range []string{"tls", "tcp"} {
		for i, r := range kit.Maps(kit.Spec(obj), protocol) {
			if p, _ := pairOf(r, route); p.stable != nil && p.canary != nil {
				return faultOf(o, fmt.Sprintf("spec.%s[%d].route", protocol, i), fmt.Sprintf(
					"has both hosts %q and %q, but a %s route cannot be weighted; take one of them out", route.Stable, route.Canary, protocol)).Error()
			}
		}
	}
	return ""
}

// chosen are the pairs of the named routes, or of the only one; a copy of it
// that another rollout mirrors from is weighted with it.
func chosen(obj *unstructured.Unstructured, own []map[string]any, route mesh.Route, o mesh.Object) ([]pair, error) {
	others := kit.Others(obj, route.Rollout)
	var found, copies []pair
	for i, r := range own {
		name := kit.String(r, "name")
		_, foreign := others[name]
		if !foreign && len(o.Rules) > 0 && !slices.Contains(o.Rules, name) {
			continue
		}
		p, problem := pairOf(r, route)
		p.field = destinations(name, i)
		switch {
		case problem == "" && foreign:
			copies = append(copies, p)
		case problem == "":
			found = append(found, p)
		case !foreign:
			return nil, faultOf(o, p.field, problem)
		}
	}
	return append(found, copies...), nil
}

// left are the pairs whose weights may be ours, of an object of any shape. Where
// it is not said which of several routes is weighted, it is the one that was
// while there was no other, or may be any if that is not found; no weight was
// ever ours where the annotation does not say so.
func left(obj *unstructured.Unstructured, own []map[string]any, route mesh.Route, o mesh.Object) (all []pair) {
	candidates := users(obj, route, own)
	if len(o.Rules) == 0 && len(candidates) != 1 && !kit.Edited(obj, route.Rollout) {
		return nil
	}
	was := func(r map[string]any) bool { return kit.Identity(r) == kit.Weighted(obj, route.Rollout) }
	found := slices.ContainsFunc(candidates, was)
	makers := kit.Others(obj, route.Rollout)
	for _, r := range own {
		p, problem := pairOf(r, route)
		_, copied := makers[kit.String(r, "name")]
		switch {
		case problem != "":
		case len(o.Rules) > 0 && !slices.Contains(o.Rules, kit.String(r, "name")):
		case len(o.Rules) == 0 && found && !was(r) && !copied:
		default:
			all = append(all, p)
		}
	}
	return all
}

// destinations is the path of a route's destinations, by its name or its place
// among the user's own.
func destinations(name string, i int) string {
	if name == "" {
		name = strconv.Itoa(i)
	}
	return "spec.http[" + name + "].route"
}

func faultOf(o mesh.Object, field, problem string) error {
	return &mesh.Fault{Object: o.String(), Field: field, Problem: problem}
}

// pairOf a route; problem says why it has none, "" if it has.
func pairOf(r map[string]any, route mesh.Route) (p pair, problem string) {
	all := kit.Maps(r, "route")
	p = pair{route: r, alone: true}
	twice, negative := "", false
	for _, d := range all {
		weight := weightOf(d)
		negative = negative || weight < 0
		switch {
		case isHost(d, route.Stable):
			if p.stable != nil {
				twice = route.Stable
			}
			p.stable = d
			p.sum += weight
		case isHost(d, route.Canary):
			if p.canary != nil {
				twice = route.Canary
			}
			p.canary = d
			p.sum += weight
		case weight != 0:
			p.alone = false
		}
	}
	switch {
	case p.stable == nil || p.canary == nil:
		return p, fmt.Sprintf("needs both hosts %q and %q", route.Stable, route.Canary)
	case twice != "":
		return p, fmt.Sprintf("has host %q twice; its share cannot be told", twice)
	case negative || p.sum > kit.MaxSum:
		return p, "has a weight out of range"
	}
	return p, ""
}

// isHost: the destination is that Service.
func isHost(d map[string]any, service string) bool {
	destination, _ := d["destination"].(map[string]any)
	return isService(destination, service)
}

// isService compares hosts by what stands before the first dot, so that a
// short name, one with a namespace and a full one are the same.
func isService(destination map[string]any, service string) bool {
	host, _, _ := strings.Cut(kit.String(destination, "host"), ".")
	return host != "" && host == service
}

// weightOf is 0 where none is written, as a pair has two destinations.
func weightOf(d map[string]any) int64 {
	n, _ := kit.Int(d, "weight")
	return n
}

// total of the pair's weights from now on: W where the pair is alone in its
// route, as Istio takes weights for proportions; else what the user gave it.
func (p pair) total(route mesh.Route) int64 {
	if p.alone {
		return int64(route.Total)
	}
	return p.sum
}

// weigh sets both weights; problem says why they cannot be.
func (p pair) weigh(route mesh.Route) (problem string) {
	total := p.total(route)
	canary, ok := kit.Share(route, total)
	if !ok {
		return fmt.Sprintf("the weights of %q and %q sum to %d beside other destinations, too little for %d of %d; give them more",
			route.Stable, route.Canary, total, route.Weight, route.Total)
	}
	p.set(total-canary, canary)
	return ""
}

func (p pair) set(stable, canary int64) {
	p.stable["weight"], p.canary["weight"] = stable, canary
}
