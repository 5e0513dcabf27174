// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A TestRoute is what a data plane reads that only the world has, so that a
// rollout can have three of them: spec.backends has a weight per Service,
// spec.managed the names of managed routes, and status.served is the generation
// that the data plane serves. It is configured where a plugin is, under its own
// name.
const testKind = "testroutes"

var testRoutes = mesh.Resource{
	GroupResource: schema.GroupResource{Group: "world.sluice.dev", Resource: testKind}, Kind: "TestRoute", Versions: []string{"v1"},
}

// testRoute is the Kind of TestRoutes.
func testRoute() mesh.Kind {
	features := mesh.Features{HeaderMatch: []string{"exact", "prefix", "regex"}, Mirror: true, MirrorPercent: true, PingPong: true, Total: true}
	return mesh.Kind{
		Name: testKind, Features: features, Best: mesh.Acked, Resources: []mesh.Resource{testRoutes},
		Parse: func(config json.RawMessage, namespace string) ([]mesh.Object, error) {
			var named struct{ Name string }
			if err := json.Unmarshal(config, &named); err != nil || named.Name == "" {
				return nil, &mesh.Fault{Object: testKind, Field: "name", Problem: "names no TestRoute"}
			}
			return []mesh.Object{{Resource: testRoutes.GroupResource, Kind: testRoutes.Kind, Namespace: namespace, Name: named.Name}}, nil
		},
		New: func(store mesh.Store) mesh.Router {
			return kit.New(kit.Renderer{Kind: testKind, Best: mesh.Acked, Features: features, Render: renderTest, Restore: restoreTest, Read: readTest}, store)
		},
	}
}

// backends of a TestRoute, with both Services of a route.
func backends(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) (map[string]any, error) {
	all, _ := kit.Spec(obj)["backends"].(map[string]any)
	for _, name := range []string{route.Stable, route.Canary} {
		if _, ok := kit.Int(all, name); !ok {
			return nil, &mesh.Fault{Object: o.String(), Field: "spec.backends", Problem: fmt.Sprintf("has no weight for %q; add it", name)}
		}
	}
	return all, nil
}

func renderTest(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) error {
	all, err := backends(obj, route, o)
	if err != nil {
		return err
	}
	all[route.Stable], all[route.Canary] = int64(route.Total-route.Weight), int64(route.Weight)
	var names []any
	for _, m := range route.Managed {
		names = append(names, m.Name)
	}
	if len(names) == 0 {
		delete(kit.Spec(obj), "managed")
		return nil
	}
	kit.Spec(obj)["managed"] = names
	return nil
}

func restoreTest(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) {
	delete(kit.Spec(obj), "managed")
	if all, err := backends(obj, route, o); err == nil {
		all[route.Stable], all[route.Canary] = int64(route.Total), int64(0)
	}
}

func readTest(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) (mesh.State, error) {
	names, _, _ := unstructured.NestedStringSlice(obj.Object, "spec", "managed")
	slices.Sort(names)
	state := mesh.State{Managed: names}
	all, err := backends(obj, route, o)
	if err != nil {
		return state, err
	}
	stable, _ := kit.Int(all, route.Stable)
	canary, _ := kit.Int(all, route.Canary)
	state.Stable, state.Canary = kit.Weight(stable, stable+canary, route.Total), kit.Weight(canary, stable+canary, route.Total)
	state.Level = mesh.Acked
	if served, _, _ := unstructured.NestedInt64(obj.Object, "status", "served"); served < obj.GetGeneration() {
		state.Level, state.Waiting = mesh.Accepted, &mesh.Condition{Parent: "the test data plane"}
	}
	return state, nil
}
