// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// EditorsAnnotation is on a route object while a rollout's route on it is not
// at rest. It says what it takes to undo the route, so that it can be undone
// when the Rollout is gone: a JSON object with an entry per rollout.
const EditorsAnnotation = "rollout.argoproj.io/managed-by"

// editor is an entry of the annotation.
type editor struct {
	Stable   string   `json:"stable"`
	Canary   string   `json:"canary"`
	Total    int32    `json:"total,omitempty"`
	Rules    []string `json:"rules,omitempty"`
	Reserved []string `json:"reserved,omitempty"`
}

// editors reads the annotation. What cannot be read is nobody's.
func editors(obj *unstructured.Unstructured) map[string]editor {
	all := map[string]editor{}
	if text, ok := obj.GetAnnotations()[EditorsAnnotation]; ok {
		if json.Unmarshal([]byte(text), &all) != nil {
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

// Leftover is the Route with which to Remove what a rollout has left on obj,
// an object of that resource.
func Leftover(obj *unstructured.Unstructured, rollout string, o mesh.Object) (mesh.Route, bool) {
	e, ok := editors(obj)[rollout]
	if !ok {
		return mesh.Route{}, false
	}
	o.Namespace, o.Name, o.Rules = obj.GetNamespace(), obj.GetName(), e.Rules
	r := mesh.Route{Stable: e.Stable, Canary: e.Canary, Total: e.Total, Reserved: e.Reserved, Objects: []mesh.Object{o}}
	r.Rollout.Namespace, r.Rollout.Name, _ = strings.Cut(rollout, "/")
	return r, true
}

// setEditor adds or removes the entry of a rollout.
func setEditor(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) error {
	all := editors(obj)
	key := route.Rollout.String()
	if route.AtRest() {
		if _, ok := all[key]; !ok {
			return nil
		}
		delete(all, key)
	} else {
		all[key] = editor{Stable: route.Stable, Canary: route.Canary, Total: route.Total, Rules: o.Rules, Reserved: route.Reserved}
	}
	annotations := obj.GetAnnotations()
	if len(all) == 0 {
		delete(annotations, EditorsAnnotation)
	} else {
		text, err := json.Marshal(all)
		if err != nil {
			return err
		}
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[EditorsAnnotation] = string(text)
	}
	if len(annotations) == 0 {
		unstructured.RemoveNestedField(obj.Object, "metadata", "annotations")
		return nil
	}
	obj.SetAnnotations(annotations)
	return nil
}
