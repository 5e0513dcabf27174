// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// Ack lets the data plane of a route serve its generation, or refuse it.
func (w *World) Ack(resource schema.GroupVersionResource, key cache.ObjectName) {
	obj := w.API.objects[resource][key]
	if resource.Resource == testKind {
		w.patchStatus(resource, key, map[string]any{"served": obj.GetGeneration()})
		return
	}
	refs := parents(obj)
	if len(refs) == 0 {
		return
	}
	condition := func(of, status, reason, message string) map[string]any {
		return map[string]any{"type": of, "status": status, "observedGeneration": obj.GetGeneration(), "reason": reason, "message": message}
	}
	conditions := []any{condition("Accepted", "True", "Accepted", "")}
	switch status := map[string]string{"ResolvedRefs": "False", "PartiallyInvalid": "True"}[w.refused]; {
	case w.refusal == "":
	case w.refused == "":
		conditions = []any{condition("Accepted", "False", w.refusal, "cannot be served")}
	default:
		conditions = append(conditions, condition(w.refused, status, w.refusal, "a part cannot be served"))
	}
	var answers []any
	for _, ref := range refs {
		if ref["name"] != w.silent {
			answers = append(answers, map[string]any{"parentRef": ref, "conditions": conditions})
		}
	}
	w.patchStatus(resource, key, map[string]any{"parents": answers})
}

// addParent of the HTTPRoutes, as their user: add-parent name=old.
func (w *World) addParent(args map[string]string, _ string) error {
	for _, o := range w.routes("httproutes") {
		with := func(spec map[string]any) {
			spec["parentRefs"] = append([]any{map[string]any{"name": args["name"]}}, spec["parentRefs"].([]any)...)
		}
		w.manifests[o] = w.manifests[o].DeepCopy()
		with(w.manifests[o].Object["spec"].(map[string]any))
		if err := w.patchRoute(o, with); err != nil {
			return err
		}
	}
	return nil
}

// parents of a route.
func parents(obj *unstructured.Unstructured) []map[string]any {
	refs, _, _ := unstructured.NestedSlice(obj.Object, "spec", "parentRefs")
	return list(refs)
}

// acknowledged: the data plane says that it serves this generation, or is one
// that never says so.
func acknowledged(obj *unstructured.Unstructured) bool {
	switch obj.GetKind() {
	case "VirtualService":
		return true
	case "HTTPRoute":
		return !slices.ContainsFunc(parents(obj), func(ref map[string]any) bool {
			return !slices.Contains(said(obj, ref["name"]), "Accepted=True")
		})
	}
	served, _, _ := unstructured.NestedInt64(obj.Object, "status", "served")
	return served == obj.GetGeneration()
}

// refusing are the parents that have something against this generation, or a part
// of it.
func refusing(obj *unstructured.Unstructured) (names []string) {
	if obj == nil {
		return nil
	}
	for _, ref := range parents(obj) {
		if slices.ContainsFunc(said(obj, ref["name"]), func(c string) bool { return c != "Accepted=True" }) {
			names = append(names, fmt.Sprint(ref["name"]))
		}
	}
	return names
}

// denied: a parent does not accept this generation.
func denied(obj *unstructured.Unstructured) bool {
	return slices.ContainsFunc(parents(obj), func(ref map[string]any) bool { return slices.Contains(said(obj, ref["name"]), "Accepted=False") })
}

// serves: a parent has accepted this generation, and has nothing against it.
func serves(obj *unstructured.Unstructured, parent string) bool {
	return slices.Equal(said(obj, parent), []string{"Accepted=True"})
}

// said is what a parent says of this generation.
func said(obj *unstructured.Unstructured, parent any) (all []string) {
	answers, _, _ := unstructured.NestedSlice(obj.Object, "status", "parents")
	for _, p := range list(answers) {
		if ref, _ := p["parentRef"].(map[string]any); ref["name"] != parent {
			continue
		}
		for _, c := range list(p["conditions"]) {
			if c["observedGeneration"] == obj.GetGeneration() {
				all = append(all, fmt.Sprintf("%s=%s", c["type"], c["status"]))
			}
		}
	}
	return all
}
