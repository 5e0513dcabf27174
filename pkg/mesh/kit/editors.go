// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// EditorsAnnotation is on a route object while a rollout's route on it is not
// at rest. It says what it takes to undo the route, so that it can be undone
// when the Rollout is gone: a JSON object with an entry per rollout, under
// namespace/name.
const EditorsAnnotation = "rollout.argoproj.io/managed-by"

// editor is an entry of the annotation.
type editor struct {
	Stable   string   `json:"stable"`
	Canary   string   `json:"canary"`
	Total    int32    `json:"total,omitempty"`
	Rules    []string `json:"rules,omitempty"`
	Reserved []string `json:"reserved,omitempty"`
	// Weighted is the rule that was weighted without a name in Rules, by its
	// Identity.
	Weighted string `json:"weighted,omitempty"`
	// Managed names the rules that were made, as they are on the object.
	Managed []string `json:"managed,omitempty"`
	// Parents that served all that was there before the last edit, and have yet to
	// serve that; Generation that it has made, 0 where there is none of them.
	Parents    []string `json:"parents,omitempty"`
	Generation int64    `json:"generation,omitempty"`
}

// route with which to give back what the entry tells of.
func (e editor) route(rollout types.NamespacedName) mesh.Route {
	return mesh.Route{Rollout: rollout, Stable: e.Stable, Canary: e.Canary, Total: max(1, e.Total), Reserved: e.Reserved}
}

// editors reads the annotation. What cannot be read is nobody's.
func editors(obj *unstructured.Unstructured) map[string]editor {
	all := map[string]editor{}
	if text, ok := obj.GetAnnotations()[EditorsAnnotation]; ok {
		if json.Unmarshal([]byte(text), &all) != nil || all == nil {
			return map[string]editor{}
		}
	}
	return all
}

// Editors lists, as namespace/name, the rollouts whose route on obj is not at
// rest.
func Editors(obj *unstructured.Unstructured) []string {
	return slices.Sorted(maps.Keys(editors(obj)))
}

// Edited reports whether a rollout's route on obj is not at rest.
func Edited(obj *unstructured.Unstructured, rollout types.NamespacedName) bool {
	_, ok := editors(obj)[rollout.String()]
	return ok
}

// Others maps the names of the managed rules on obj that are not of this
// rollout to the ones that have made them.
func Others(obj *unstructured.Unstructured, rollout types.NamespacedName) map[string]string {
	makers := map[string]string{}
	for maker, e := range editors(obj) {
		for _, name := range e.Managed {
			if maker != rollout.String() {
				makers[name] = maker
			}
		}
	}
	return makers
}

// Place lists the rules of an object: those that a rollout has made, then its
// others. Of several rollouts on one object the managed rules stand in the
// order of the rollouts' names, so that all agree on it.
func Place(obj *unstructured.Unstructured, rollout types.NamespacedName, made, others []map[string]any) []any {
	makers := Others(obj, rollout)
	var first, last []any
	for _, rule := range others {
		if maker, ok := makers[String(rule, "name")]; ok && maker < rollout.String() {
			first = append(first, rule)
		} else {
			last = append(last, rule)
		}
	}
	all := make([]any, 0, len(made)+len(others))
	all = append(all, first...)
	for _, rule := range made {
		all = append(all, rule)
	}
	return append(all, last...)
}

// Made lists the names of the managed rules that a rollout has made on obj.
func Made(obj *unstructured.Unstructured, rollout types.NamespacedName) []string {
	return editors(obj)[rollout.String()].Managed
}

// Weighted identifies the rule that a rollout has weighted on obj for being the
// only one, "" if there is none.
func Weighted(obj *unstructured.Unstructured, rollout types.NamespacedName) string {
	return editors(obj)[rollout.String()].Weighted
}

// former is what a rollout has on obj with other Services, rules or names of
// managed routes than route has; ok is false where there is none. That Services
// have swapped roles makes no other ones of them.
func former(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) (was mesh.Route, at mesh.Object, ok bool) {
	e, ok := editors(obj)[route.Rollout.String()]
	if e.Stable == route.Canary && e.Canary == route.Stable {
		e.Stable, e.Canary = route.Stable, route.Canary
	}
	if !ok || e.Stable == route.Stable && e.Canary == route.Canary &&
		slices.Equal(e.Rules, o.Rules) && slices.Equal(e.Reserved, route.Reserved) {
		return was, at, false
	}
	o.Rules = e.Rules
	return e.route(route.Rollout), o, true
}

// Leftover is the Route with which to Remove what a rollout has left on obj,
// an object of o's resource.
func Leftover(obj *unstructured.Unstructured, rollout string, o mesh.Object) (mesh.Route, bool) {
	e, ok := editors(obj)[rollout]
	if !ok {
		return mesh.Route{}, false
	}
	var name types.NamespacedName
	name.Namespace, name.Name, _ = strings.Cut(rollout, "/")
	o.Namespace, o.Name, o.Rules = obj.GetNamespace(), obj.GetName(), e.Rules
	r := e.route(name)
	r.Objects = []mesh.Object{o}
	return r, true
}

// Leftovers gives a Route for Remove per rollout that has left something on
// obj, an object of o's resource.
func Leftovers(obj *unstructured.Unstructured, o mesh.Object) []mesh.Route {
	var all []mesh.Route
	for _, rollout := range Editors(obj) {
		r, _ := Leftover(obj, rollout, o)
		all = append(all, r)
	}
	return all
}

// setEditor adds or removes the entry of a rollout on edited, which it has made of
// seen, with what is read of it.
func (r router) setEditor(seen, edited *unstructured.Unstructured, route mesh.Route, o mesh.Object, made mesh.State) error {
	was, key := editors(seen), route.Rollout.String()
	all := maps.Clone(was)
	if route.AtRest() {
		delete(all, key)
	} else {
		all[key] = editor{
			Stable: route.Stable, Canary: route.Canary, Total: route.Total, Rules: o.Rules, Reserved: route.Reserved,
			Managed: made.Managed, Weighted: made.Weighted, Parents: all[key].Parents, Generation: all[key].Generation,
		}
	}
	if !reflect.DeepEqual(Spec(seen), Spec(edited)) {
		r.suspect(all, seen, route, o)
	}
	if reflect.DeepEqual(all, was) {
		return nil
	}
	return setEditors(edited, all)
}

// setEditors writes the annotation.
func setEditors(obj *unstructured.Unstructured, all map[string]editor) error {
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	if len(all) > 0 {
		text, err := json.Marshal(all)
		if err != nil {
			return err
		}
		annotations[EditorsAnnotation] = string(text)
	} else {
		delete(annotations, EditorsAnnotation)
	}
	if len(annotations) == 0 {
		unstructured.RemoveNestedField(obj.Object, "metadata", "annotations")
		return nil
	}
	obj.SetAnnotations(annotations)
	return nil
}
