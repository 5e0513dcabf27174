// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi

import (
	"slices"
	"strconv"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// read says what an HTTPRoute carries, and whether its parents serve it.
func read(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) (mesh.State, error) {
	state := mesh.State{}
	own, managed := rules(obj, route)
	for _, rule := range managed {
		state.Managed = append(state.Managed, kit.String(rule, "name"))
	}
	slices.Sort(state.Managed)
	weighted, err := pairs(obj, route, o)
	if err != nil {
		weighted = left(obj, own, route, o)
	}
	for _, rule := range managed {
		if p, problem := pairOf(rule, obj.GetNamespace(), route); problem == "" {
			weighted = append(weighted, p) // a mirror route has weights too
		}
	}
	for _, p := range weighted {
		state.Stable = max(state.Stable, kit.Weight(weightOf(p.stable), p.sum, route.Total))
		state.Canary = max(state.Canary, kit.Weight(weightOf(p.canary), p.sum, route.Total))
	}
	acknowledged(&state, obj)
	return state, err
}

// acknowledged adds whether every parent of the route has accepted this generation
// of it, and what they have against a part of it all the same. What other parents
// say does not count.
func acknowledged(state *mesh.State, obj *unstructured.Unstructured) {
	refs := kit.Maps(kit.Spec(obj), "parentRefs")
	if len(refs) == 0 {
		state.Level, state.Waiting = mesh.Accepted, &mesh.Condition{Parent: "any Gateway: spec.parentRefs is empty"}
		return
	}
	status, _ := obj.Object["status"].(map[string]any)
	state.Level = mesh.Acked
	parents := kit.Maps(status, "parents")
	for _, ref := range refs {
		accepted, message := answer(parents, ref, obj)
		parent := parentName(ref, obj.GetNamespace())
		switch {
		case message != "":
			state.Refused = append(state.Refused, mesh.Condition{Parent: parent, Message: message, Part: accepted})
		case accepted:
			state.Served = append(state.Served, parent)
		case state.Waiting == nil:
			state.Waiting = &mesh.Condition{Parent: parent}
		}
		if !accepted {
			state.Level = mesh.Accepted
		}
	}
}

// parentName such as "Gateway infra/edge", "Gateway infra/edge https" or "Gateway
// infra/edge https 8443".
func parentName(ref map[string]any, namespace string) string {
	kind := "Gateway"
	if k := kit.String(ref, "kind"); k != "" {
		kind = k
	}
	if ns := kit.String(ref, "namespace"); ns != "" {
		namespace = ns
	}
	name := kind + " " + namespace + "/" + kit.String(ref, "name")
	if section := kit.String(ref, "sectionName"); section != "" {
		name += " " + section
	}
	if port, ok := kit.Int(ref, "port"); ok {
		name += " " + strconv.FormatInt(port, 10)
	}
	return name
}

// answer looks for what the parent said of this generation: that it accepts
// it, why it does not serve it or a part of it, or nothing yet.
func answer(parents []map[string]any, ref map[string]any, obj *unstructured.Unstructured) (accepted bool, refusal string) {
	for _, p := range parents {
		said, _ := p["parentRef"].(map[string]any)
		if said == nil || !sameParent(said, ref, obj.GetNamespace()) {
			continue
		}
		for _, c := range kit.Maps(p, "conditions") {
			if generation, _ := kit.Int(c, "observedGeneration"); generation < obj.GetGeneration() {
				continue
			}
			switch kit.String(c, "type") + "=" + kit.String(c, "status") {
			case "Accepted=True":
				accepted = true
			case "Accepted=False", "ResolvedRefs=False", "PartiallyInvalid=True":
				refusal = kit.String(c, "reason") + ": " + kit.String(c, "message")
			}
		}
	}
	return accepted, refusal
}

// sameParent compares two parentRefs, with the defaults filled in.
func sameParent(a, b map[string]any, namespace string) bool {
	or := func(m map[string]any, field, value string) string {
		if s := kit.String(m, field); s != "" {
			return s
		}
		return value
	}
	port := func(m map[string]any) int64 { n, _ := kit.Int(m, "port"); return n }
	return or(a, "group", "gateway.networking.k8s.io") == or(b, "group", "gateway.networking.k8s.io") &&
		or(a, "kind", "Gateway") == or(b, "kind", "Gateway") &&
		or(a, "namespace", namespace) == or(b, "namespace", namespace) &&
		kit.String(a, "name") == kit.String(b, "name") &&
		kit.String(a, "sectionName") == kit.String(b, "sectionName") && port(a) == port(b)
}
