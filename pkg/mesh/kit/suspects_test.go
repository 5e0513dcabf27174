// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/mesh/meshtest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// shared is a Kind whose objects have a weight of each rollout and the answers of
// two parents, a and b: "serves", "refuses", or nothing yet.
func shared() kit.Renderer {
	weigh := func(obj *unstructured.Unstructured, route mesh.Route, weight int32) {
		if weight == 0 {
			unstructured.RemoveNestedField(obj.Object, "spec", route.Rollout.Name)
			return
		}
		_ = unstructured.SetNestedField(obj.Object, int64(weight), "spec", route.Rollout.Name)
	}
	return kit.Renderer{
		Kind: "shared", Best: mesh.Acked,
		Render: func(obj *unstructured.Unstructured, route mesh.Route, _ mesh.Object) error {
			weigh(obj, route, route.Weight)
			return nil
		},
		Restore: func(obj *unstructured.Unstructured, route mesh.Route, _ mesh.Object) { weigh(obj, route, 0) },
		Read: func(obj *unstructured.Unstructured, route mesh.Route, _ mesh.Object) (mesh.State, error) {
			weight, _, _ := unstructured.NestedInt64(obj.Object, "spec", route.Rollout.Name)
			state := mesh.State{Level: mesh.Acked, Canary: int32(weight)}
			for _, parent := range []string{"a", "b"} {
				answer, _, _ := unstructured.NestedString(obj.Object, "status", parent)
				generation, _, _ := unstructured.NestedInt64(obj.Object, "status", "generation")
				switch {
				case generation < obj.GetGeneration() || answer == "":
					state.Level = mesh.Accepted
				case answer == "serves":
					state.Served = append(state.Served, parent)
				default:
					state.Level, state.Refused = mesh.Accepted, append(state.Refused, mesh.Condition{Parent: parent})
				}
			}
			return state, nil
		},
	}
}

// What a parent refuses is about one rollout at most: the last one that asked for
// more of what the parent had served before.
func TestSuspects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// story is what happens, beginning with an object that nobody has answered
		// for: a rollout and its weight, "user", or the answers of a and b.
		story, want string
	}{
		"its own edit":                                  {"serves,serves web=20 refuses,serves", "web"},
		"what nobody served before":                     {"web=20 refuses,serves", ""},
		"one serves, the other never answers":           {"serves, web=20 refuses,", "web"},
		"of several edits":                              {"serves, web=20 web=40 refuses,", "web"},
		"the other one, that never answered":            {"serves, web=20 ,refuses", ""},
		"another one refuses all along":                 {"serves,refuses web=20 refuses,refuses", "web"},
		"only that":                                     {"serves,refuses web=20 serves,refuses", ""},
		"the user's edit":                               {"serves,serves web=20 serves,serves user refuses,serves", ""},
		"the user's edit, unanswered":                   {"serves,serves user web=20 refuses,serves", ""},
		"and that before it":                            {"serves,serves web=20 user web=40 refuses,serves", ""},
		"an edit over what is refused":                  {"serves,serves user refuses,serves web=20 refuses,serves", ""},
		"one that has been served":                      {"serves,serves web=20 serves,serves api=20 refuses,serves", "api"},
		"the newer one of two":                          {"serves,serves web=20 api=20 refuses,serves", "api"},
		"then the older one":                            {"serves,serves web=20 api=20 refuses,serves api=0 refuses,serves", "web"},
		"and nobody at rest":                            {"serves,serves web=20 api=20 api=0 web=0 refuses,serves", ""},
		"a step back of the newer one":                  {"serves,serves web=20 serves,serves api=20 serves,serves web=40 api=10 refuses,serves", "web"},
		"the newer one, after a step back of the other": {"serves,serves web=20 api=20 web=10 refuses,serves", "api"},
		"and the other one all the same":                {"serves,serves web=20 api=20 web=10 api=0 refuses,serves", "web"},
		"an edit over that of another that is refused":  {"serves,serves web=20 refuses,serves api=20 refuses,serves", "web"},
		"each parent by itself":                         {"serves,serves web=20 serves, api=20 refuses,", "api"},
		"the parent that is late":                       {"serves,serves web=20 serves, api=20 serves,refuses", "api"},
		"and late still":                                {"serves,serves web=20 serves, api=20 api=0 serves,refuses", "web"},
		"without an edit":                               {"serves,serves web=20 web=20 refuses,serves", "web"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := meshtest.NewStore(t, meshtest.Plane{}, object(nil))
			router := kit.New(shared(), store)
			for word := range strings.FieldsSeq(c.story) {
				if rollout, weight, ok := strings.Cut(word, "="); ok {
					if err := router.Apply(t.Context(), sharedRoute(rollout, weight)); err != nil {
						t.Fatal(err)
					}
					continue
				}
				store.Edit(thing, "somebody", func(obj *unstructured.Unstructured) {
					if word == "user" {
						obj.Object["spec"].(map[string]any)["note"] = "user"
						return
					}
					a, b, _ := strings.Cut(word, ",")
					obj.Object["status"] = map[string]any{"a": a, "b": b, "generation": obj.GetGeneration()}
				})
			}
			got := ""
			for _, rollout := range []string{"web", "api"} {
				seen, err := router.Observe(t.Context(), sharedRoute(rollout, "0"))
				if err != nil {
					t.Fatal(err)
				}
				if seen.Objects[0].Caused != nil {
					got += rollout
				}
			}
			if got != c.want {
				t.Errorf("it is about %q, want %q", got, c.want)
			}
		})
	}
}

func sharedRoute(rollout, weight string) mesh.Route {
	weights := map[string]int32{"0": 0, "10": 10, "20": 20, "40": 40}
	return mesh.Route{
		Rollout: types.NamespacedName{Namespace: "shop", Name: rollout}, Stable: rollout + "-s", Canary: rollout + "-c", Total: 100, Weight: weights[weight],
		Objects: []mesh.Object{thing},
	}
}
