// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/yaml"
)

// What users, their tools and other controllers do by hand to what a rollout
// needs, other than to the Rollout itself.

// routes of the world in a fixed order; of names one resource, "" all.
func (w *World) routes(of string) []object {
	var all []object
	for resource, objects := range w.API.objects {
		for key := range objects {
			if isRoute(resource) && (of == "" || of == resource.Resource) {
				all = append(all, object{resource, key})
			}
		}
	}
	slices.SortFunc(all, func(a, b object) int {
		return strings.Compare(a.resource.Resource+a.key.Name, b.resource.Resource+b.key.Name)
	})
	return all
}

// patchRoute edits the spec of a route as a user would.
func (w *World) patchRoute(o object, edit func(spec map[string]any)) error {
	obj := w.API.objects[o.resource][o.key].DeepCopy()
	edit(obj.Object["spec"].(map[string]any))
	data, err := json.Marshal(map[string]any{"spec": obj.Object["spec"]})
	must(err)
	_, err = w.API.Patch(o.resource, o.key, types.MergePatchType, data, "", false)
	return err
}

// Revert writes the spec of the routes back to what the user's manifest says,
// as a GitOps tool does.
func (w *World) Revert(by, of string) error {
	for _, o := range w.routes(of) {
		patch := map[string]any{"spec": w.manifests[o].Object["spec"], "metadata": map[string]any{"managedFields": []any{
			map[string]any{"manager": by, "operation": "Update", "time": w.API.Now()},
		}}}
		data, err := json.Marshal(patch)
		must(err)
		if _, err := w.API.Patch(o.resource, o.key, types.MergePatchType, data, "", false); err != nil {
			return err
		}
	}
	return nil
}

// dropManaged removes the managed routes by hand.
func (w *World) dropManaged(args map[string]string, _ string) error {
	for _, o := range w.routes(args["of"]) {
		err := w.patchRoute(o, func(spec map[string]any) {
			if spec["managed"] != nil {
				spec["managed"] = nil
			}
			for _, field := range []string{"rules", "http"} {
				if rules, ok := spec[field].([]any); ok {
					spec[field] = slices.DeleteFunc(rules, isManagedRule)
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func isManagedRule(rule any) bool {
	name, _ := rule.(map[string]any)["name"].(string)
	return slices.Contains(routeNames, name)
}

// weigh sets the weight of the canary Service in every rule by hand, of 100.
func (w *World) weighByHand(args map[string]string, _ string) error {
	canary, err := strconv.ParseInt(args["canary"], 10, 32)
	if err != nil {
		return err
	}
	byName := map[string]int64{"stable": 100 - canary, "canary": canary}
	for _, o := range w.routes(args["of"]) {
		err := w.patchRoute(o, func(spec map[string]any) {
			if weights, ok := spec["backends"].(map[string]any); ok {
				weights["stable"], weights["canary"] = byName["stable"], byName["canary"]
			}
			for _, rule := range rulesOf(&unstructured.Unstructured{Object: map[string]any{"spec": spec}}) {
				for _, b := range append(list(rule["backendRefs"]), list(rule["route"])...) {
					service, _ := b["name"].(string)
					if d, ok := b["destination"].(map[string]any); ok {
						service, _ = d["host"].(string)
					}
					b["weight"] = byName[service]
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// label an object of the user's own: touch route=httproutes, touch service=stable.
func (w *World) touch(args map[string]string, _ string) error {
	touched := w.routes(args["route"])
	if name := args["service"]; name != "" {
		touched = []object{{servicesResource, cache.NewObjectName(Namespace, name)}}
	}
	patch := []byte(fmt.Sprintf(`{"metadata":{"labels":{"touched":"%d"}},"spec":{"unknown":{"to":["us",%d]}}}`, w.API.version, w.API.version))
	for _, o := range touched {
		if w.API.objects[o.resource][o.key] == nil {
			continue
		}
		if _, err := w.API.Patch(o.resource, o.key, types.MergePatchType, patch, "", false); err != nil {
			return err
		}
	}
	return nil
}

// point lets a Service select another version: point service=canary image=v2;
// image=none takes its hash away, and what is no version is a hash of nobody.
func (w *World) point(args map[string]string, _ string) error {
	key := cache.NewObjectName(Namespace, args["service"])
	if w.API.objects[servicesResource][key] == nil {
		return nil
	}
	var hash any = "nobody"
	if set := w.SetOf(args["image"]); set != "" {
		hash = w.set(cache.NewObjectName(Namespace, set)).Labels[replicaset.HashLabel]
	}
	if args["image"] == "none" {
		hash = nil
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"selector": map[string]any{replicaset.HashLabel: hash}}})
	must(err)
	_, err = w.API.Patch(servicesResource, key, types.MergePatchType, patch, "", false)
	return err
}

// remove deletes what is there: remove service=canary, remove route=web
// of=httproutes, remove set=v2 slowly=yes, remove deployment=web.
func (w *World) remove(args map[string]string, _ string) error {
	var gone []object
	switch {
	case args["set"] != "" && args["slowly"] != "":
		return w.removeSet(args["set"], true)
	case args["service"] != "":
		gone = []object{{servicesResource, cache.NewObjectName(Namespace, args["service"])}}
	case args["deployment"] != "":
		gone = []object{{deploymentsResource, cache.NewObjectName(Namespace, args["deployment"])}}
	case args["set"] != "":
		gone = []object{{setsResource, cache.NewObjectName(Namespace, w.SetOf(args["set"]))}}
	case args["route"] != "":
		gone = w.routes(args["of"])
	}
	for _, o := range gone {
		if w.API.objects[o.resource][o.key] == nil {
			continue
		}
		if err := w.API.Delete(o.resource, o.key, false); err != nil {
			return err
		}
	}
	return nil
}

// restore applies the manifest of each object that is gone.
func (w *World) restore(map[string]string, string) error {
	for _, o := range w.applied {
		if w.API.objects[o.resource][o.key] == nil {
			w.put(o.resource, w.manifests[o])
		}
	}
	return nil
}

// resizeSet scales a ReplicaSet by hand: resize-set v2=3.
func (w *World) resizeSet(args map[string]string, _ string) error {
	for image, size := range args {
		if set := w.SetOf(image); set != "" {
			patch := []byte(`{"spec":{"replicas":` + size + `}}`)
			if _, err := w.API.Patch(setsResource, cache.NewObjectName(Namespace, set), types.MergePatchType, patch, "", false); err != nil {
				return err
			}
		}
	}
	return nil
}

// steps replaces the steps, one per line.
func (w *World) steps(_ map[string]string, input string) error {
	var steps []any
	for line := range strings.Lines(input) {
		var step any
		if err := yaml.Unmarshal([]byte(line), &step); err != nil {
			return err
		}
		if step != nil {
			steps = append(steps, step)
		}
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"strategy": map[string]any{"canary": map[string]any{"steps": steps}}}})
	must(err)
	return w.PatchSpec(string(patch))
}

// note remembers what a user has applied.
func (w *World) note(resource schema.GroupVersionResource, u *unstructured.Unstructured) {
	o := object{resource, cache.NewObjectName(u.GetNamespace(), u.GetName())}
	if w.manifests[o] == nil && resource != rolloutsResource {
		w.applied = append(w.applied, o)
	}
	w.manifests[o] = u
}
