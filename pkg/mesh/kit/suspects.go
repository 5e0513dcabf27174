// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// What a parent refuses is about an edit of ours only if it served all that was
// there before, and only we have edited the object since. Of several rollouts it is
// taken to be about the last one that asked for more. If it refuses what is left
// without that, it is about the one before.
//
// Of 1, which a Gateway serves, web makes 2 and api makes 3, and the Gateway refuses
// 3. That is about api, which takes its edit back and makes 4. If the Gateway refuses
// 4, that is about web, which makes 5: what was there in 1.

// suspect notes in the entries of an object whose edit it is that a refusal of the
// next generation will be about, which route is about to make of seen.
func (r router) suspect(all map[string]editor, seen *unstructured.Unstructured, route mesh.Route, o mesh.Object) {
	before, _ := r.Read(seen, route, o) // what it cannot read nobody has served
	_, last := newest(editors(seen), nil)
	over := before.Level >= r.Best || last.Generation != seen.GetGeneration()
	parents := slices.Clone(before.Served)
	for rollout, e := range all {
		e.Parents = slices.DeleteFunc(slices.Clone(e.Parents), func(parent string) bool { return over || slices.Contains(before.Served, parent) })
		if len(e.Parents) == 0 {
			e.Parents, e.Generation = nil, 0
		}
		all[rollout] = e
		parents = append(parents, e.Parents...)
	}
	slices.Sort(parents)
	parents = slices.DeleteFunc(slices.Compact(parents), func(parent string) bool {
		return slices.ContainsFunc(before.Refused, func(c mesh.Condition) bool { return c.Parent == parent })
	})
	key, made := route.Rollout.String(), seen.GetGeneration()+1
	more := len(route.Managed) > 0 || route.Weight > before.Canary
	other, e := newest(all, func(rollout string, _ editor) bool { return rollout != key })
	switch own, ok := all[key]; {
	case ok && len(parents) > 0 && (more || e.Generation == 0):
		own.Parents, own.Generation = parents, made
		all[key] = own
	case e.Generation > 0:
		e.Generation = made
		all[other] = e
	case ok:
		own.Parents, own.Generation = nil, 0
		all[key] = own
	}
}

// newest of the entries that fit, all if fits is nil, is the last one under
// suspicion; its Generation is 0 where none is.
func newest(all map[string]editor, fits func(rollout string, e editor) bool) (rollout string, last editor) {
	for name, e := range all {
		if e.Generation > last.Generation && (fits == nil || fits(name, e)) {
			rollout, last = name, e
		}
	}
	return rollout, last
}

// caused is the first of the conditions of obj that is about an edit of a rollout,
// nil for none.
func caused(obj *unstructured.Unstructured, rollout types.NamespacedName, refused []mesh.Condition) *mesh.Condition {
	all := editors(obj)
	if _, last := newest(all, nil); last.Generation != obj.GetGeneration() {
		return nil
	}
	for i, c := range refused {
		who, _ := newest(all, func(_ string, e editor) bool { return slices.Contains(e.Parents, c.Parent) })
		if who == rollout.String() {
			return &refused[i]
		}
	}
	return nil
}
