// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/mesh/meshtest"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

var (
	thing = mesh.Object{Resource: schema.GroupResource{Group: "example.com", Resource: "things"}, Kind: "Thing", Namespace: "shop", Name: "web"}
	web   = types.NamespacedName{Namespace: "shop", Name: "web"}
)

// plain is a Kind whose objects have but a weight.
func plain(features mesh.Features) kit.Renderer {
	return kit.Renderer{
		Kind: "plain", Best: mesh.Accepted, Features: features,
		Render: func(obj *unstructured.Unstructured, route mesh.Route, _ mesh.Object) error {
			return unstructured.SetNestedField(obj.Object, int64(route.Weight), "spec", "weight")
		},
		Restore: func(obj *unstructured.Unstructured, _ mesh.Route, _ mesh.Object) {
			_ = unstructured.SetNestedField(obj.Object, int64(0), "spec", "weight")
		},
		Read: func(obj *unstructured.Unstructured, _ mesh.Route, _ mesh.Object) (mesh.State, error) {
			weight, _, _ := unstructured.NestedInt64(obj.Object, "spec", "weight")
			return mesh.State{Level: mesh.Accepted, Canary: int32(weight)}, nil
		},
	}
}

func object(annotations map[string]string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.com/v1", "kind": "Thing", "metadata": map[string]any{"name": "web", "namespace": "shop"},
		"spec": map[string]any{"weight": int64(0)},
	}}
	obj.SetAnnotations(annotations)
	return obj
}

func routeOf(weight int32, managed ...mesh.Managed) mesh.Route {
	return mesh.Route{Rollout: web, Stable: "s", Canary: "c", Total: 100, Weight: weight, Managed: managed, Objects: []mesh.Object{thing}}
}

// What a Kind has not declared is refused before it is rendered.
func TestUndeclared(t *testing.T) {
	t.Parallel()
	header := func(p mesh.Pattern) mesh.Managed {
		return mesh.Managed{Name: "m", Headers: []mesh.HeaderMatch{{Header: "A", Value: p}}}
	}
	mirror := func(percent int32) mesh.Managed {
		return mesh.Managed{Name: "m", Mirror: []mesh.RequestMatch{{}}, Percent: percent}
	}
	for name, c := range map[string]struct {
		features mesh.Features
		managed  mesh.Managed
		want     string
	}{
		"a header":                 {mesh.Features{}, header(mesh.Pattern{Exact: "x"}), `matches header "A" by exact, which plain cannot; change the step`},
		"a prefix":                 {mesh.Features{HeaderMatch: []string{"exact"}}, header(mesh.Pattern{Prefix: "x"}), `matches header "A" by prefix, which plain cannot; change the step`},
		"a regular expression":     {mesh.Features{HeaderMatch: []string{"exact", "prefix"}}, header(mesh.Pattern{Regex: "x"}), `matches header "A" by regex, which plain cannot; change the step`},
		"a mirror":                 {mesh.Features{}, mirror(100), `mirrors requests, which plain cannot; change the step`},
		"a mirror of a share":      {mesh.Features{Mirror: true}, mirror(20), `mirrors 20 percent of the requests, but plain can mirror only all; change the step`},
		"a declared header":        {mesh.Features{HeaderMatch: []string{"regex"}}, header(mesh.Pattern{Regex: "x"}), ""},
		"a declared mirror":        {mesh.Features{Mirror: true}, mirror(100), ""},
		"a declared mirror, share": {mesh.Features{Mirror: true, MirrorPercent: true}, mirror(0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := meshtest.NewStore(t, meshtest.Plane{}, object(nil))
			router := kit.New(plain(c.features), store)
			err := router.Apply(t.Context(), routeOf(20, c.managed))
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var fault *mesh.Fault
			if !errors.As(err, &fault) || fault.Error() != "Thing shop/web: managed route m: "+c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			seen, err := router.Observe(t.Context(), routeOf(20, c.managed))
			if err != nil || seen.Matches || seen.Objects[0].Fault == "" || store.Writes() > 0 {
				t.Errorf("observed %+v, %v; %d writes", seen, err, store.Writes())
			}
			// What keeps it from the managed route does not.
			weights := routeOf(20, c.managed)
			weights.Objects = []mesh.Object{thing}
			weights.Objects[0].WeightOnly = true
			if err := router.Apply(t.Context(), weights); err != nil {
				t.Error(err)
			}
		})
	}
}

// An answer of the API server is the user's fault only if it has something
// against the object itself.
func TestRefusals(t *testing.T) {
	t.Parallel()
	kind := schema.GroupKind{Group: "example.com", Kind: "Thing"}
	long := strings.Repeat("x", 1000)
	cause := apierrors.NewInvalid(kind, "web", nil)
	for name, c := range map[string]struct {
		err   error
		fault string
	}{
		"a conflict":                {apierrors.NewConflict(thing.Resource, "web", errors.New("modified")), ""},
		"a patch that does not fit": {apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", long, 0, false), ""},
		"no cause":                  {cause, ""},
		"forbidden":                 {apierrors.NewForbidden(thing.Resource, "web", errors.New("no")), ""},
		"gone by then":              {apierrors.NewNotFound(thing.Resource, "web"), "Thing shop/web: does not exist; create it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			router := kit.New(plain(mesh.Features{}), failing{meshtest.NewStore(t, meshtest.Plane{}, object(nil)), c.err})
			err := router.Apply(t.Context(), routeOf(20))
			var fault *mesh.Fault
			got := ""
			if errors.As(err, &fault) {
				got = fault.Error()
			} else if !errors.Is(err, c.err) {
				t.Errorf("%v does not tell of %v", err, c.err)
			}
			if got != c.fault {
				t.Errorf("fault %q, want %q", got, c.fault)
			}
		})
	}
}

// failing answers each write with an error.
type failing struct {
	*meshtest.Store
	err error
}

func (f failing) Patch(context.Context, mesh.Object, []byte) (*unstructured.Unstructured, error) {
	return nil, f.err
}

// The annotation says who has edited an object, and what it takes to undo it.
func TestEditors(t *testing.T) {
	t.Parallel()
	obj := object(map[string]string{kit.EditorsAnnotation: `{
		"shop/web":{"stable":"s","canary":"c","total":1000,"rules":["a"],"reserved":["p"],"managed":["p","p-1"]},
		"shop/api":{"stable":"s2","canary":"c2","managed":["q"]}}`})
	if diff := cmp.Diff([]string{"shop/api", "shop/web"}, kit.Editors(obj)); diff != "" {
		t.Errorf("Editors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p", "p-1"}, kit.Made(obj, web)); diff != "" {
		t.Errorf("Made (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"q": "shop/api"}, kit.Others(obj, web)); diff != "" {
		t.Errorf("Others (-want +got):\n%s", diff)
	}
	o := thing
	o.Rules = []string{"a"}
	want := []mesh.Route{
		{Rollout: types.NamespacedName{Namespace: "shop", Name: "api"}, Stable: "s2", Canary: "c2", Total: 1, Objects: []mesh.Object{thing}},
		{Rollout: web, Stable: "s", Canary: "c", Total: 1000, Reserved: []string{"p"}, Objects: []mesh.Object{o}},
	}
	if diff := cmp.Diff(want, kit.Leftovers(obj, mesh.Object{Resource: thing.Resource, Kind: thing.Kind})); diff != "" {
		t.Errorf("Leftovers (-want +got):\n%s", diff)
	}
	for _, unreadable := range []string{"", "{", "[]", "null", `{"shop/web": 1}`} {
		if obj := object(map[string]string{kit.EditorsAnnotation: unreadable}); len(kit.Editors(obj)) > 0 || kit.Edited(obj, web) {
			t.Errorf("%q tells of %v", unreadable, kit.Editors(obj))
		}
	}
}

// All rollouts agree on where the managed rules of each stand.
func TestPlace(t *testing.T) {
	t.Parallel()
	obj := object(map[string]string{kit.EditorsAnnotation: `{
		"shop/web":{"managed":["w"]},"shop/api":{"managed":["a1","a2"]},"shop/zoo":{"managed":["z"]}}`})
	rules := func(names ...string) []map[string]any {
		var all []map[string]any
		for _, name := range names {
			all = append(all, map[string]any{"name": name})
		}
		return all
	}
	var got []string
	for _, rule := range kit.Place(obj, web, rules("w"), rules("z", "a1", "a2", "user", "")) {
		got = append(got, kit.String(rule.(map[string]any), "name"))
	}
	if diff := cmp.Diff([]string{"a1", "a2", "w", "z", "user", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIsCopy(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"p": true, "p-1": true, "p-12": true, "p-": false, "p-x": false, "p1": false, "q": false, "p--1": false, "p-+1": false} {
		if got := kit.IsCopy(name, "p"); got != want {
			t.Errorf("%s: %t, want %t", name, got, want)
		}
	}
}
