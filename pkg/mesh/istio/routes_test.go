// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package istio_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/istio"
	"github.com/sluice-rollouts/sluice/pkg/mesh/meshtest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// serviceWith http routes, in YAML.
func serviceWith(t testing.TB, http string) *unstructured.Unstructured {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte("apiVersion: networking.istio.io/v1\nkind: VirtualService\n" +
		"metadata: {name: web, namespace: shop}\nspec:\n  hosts: [web]\n  http:\n" + http))
	if err != nil {
		t.Fatal(err)
	}
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	return obj
}

const pair = "route: [{destination: {host: web-stable}, weight: 70}, {destination: {host: web-canary}, weight: 30}]"

func webRoute(t testing.TB, config string, weight int32, managed ...mesh.Managed) mesh.Route {
	t.Helper()
	block, err := yaml.YAMLToJSON([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := istio.Kind().Parse(block, "shop")
	if err != nil {
		t.Fatal(err)
	}
	return mesh.Route{
		Rollout: types.NamespacedName{Namespace: "shop", Name: "web"}, Stable: "web-stable", Canary: "web-canary",
		Total: 100, Weight: weight, Step: true, Managed: managed, Reserved: []string{"preview", "shadow"}, Objects: objects,
	}
}

func headerRoute() mesh.Managed {
	return mesh.Managed{Name: "preview", Headers: []mesh.HeaderMatch{{Header: "X-A", Value: mesh.Pattern{Exact: "yes"}}}}
}

// What a VirtualService cannot carry is refused, in words that say what to do.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		http, config string
		weight       int32
		total        int32
		managed      []mesh.Managed
		field, want  string
	}{
		"several routes without a name": {
			"  - {name: a, " + pair + "}\n  - {" + pair + "}\n", "virtualService: {name: web}", 20, 100, nil,
			"spec.http", "has 2 routes; name the ones to weight in trafficRouting.istio",
		},
		"a name that no route has": {
			"  - {name: a, " + pair + "}\n", "virtualService: {name: web, routes: [b]}", 20, 100, nil,
			"spec.http", `has no route named "b"; name it, or correct trafficRouting.istio`,
		},
		"a route without the pair": {
			"  - {route: [{destination: {host: web-stable}}]}\n", "virtualService: {name: web}", 20, 100, nil,
			"spec.http[0].route", `needs both hosts "web-stable" and "web-canary"`,
		},
		"a sum too small beside others": {
			"  - {route: [{destination: {host: web-stable}, weight: 2}, {destination: {host: web-canary}, weight: 0}, {destination: {host: x}, weight: 98}]}\n",
			"virtualService: {name: web}", 20, 100, nil,
			"spec.http[0].route", `the weights of "web-stable" and "web-canary" sum to 2 beside other destinations, too little for 20 of 100; give them more`,
		},
		"the name of a route": {
			"  - {name: preview, " + pair + "}\n", "virtualService: {name: web}", 100, 100,
			[]mesh.Managed{headerRoute()},
			"spec.http[preview]", "is not of this rollout, but has the name of a managed route; rename one of both",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := meshtest.NewStore(t, plane(nil), serviceWith(t, c.http))
			router := istio.Kind().New(store)
			r := webRoute(t, c.config, c.weight, c.managed...)
			r.Total = c.total
			err := router.Apply(t.Context(), r)
			var fault *mesh.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want a fault", err)
			}
			want := mesh.Fault{Object: "VirtualService shop/web", Field: c.field, Problem: c.want}
			if diff := cmp.Diff(want, *fault); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
			if store.Writes() > 0 {
				t.Error("it was written all the same")
			}
		})
	}
}

// A tls or tcp route between the two Services is named as a fault, which starts no
// release; the weights of http are known and come back all the same.
func TestRouteOfAnotherProtocol(t *testing.T) {
	t.Parallel()
	for protocol, c := range map[string]struct{ routes, field string }{
		"tls": {"  - {match: [{port: 443, sniHosts: [a]}], route: [{destination: {host: web-stable}}]}\n  - {match: [{port: 443, sniHosts: [b]}], " + pair + "}\n", "spec.tls[1].route"},
		"tcp": {"  - {" + pair + "}\n", "spec.tcp[0].route"},
	} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			store := meshtest.NewStore(t, plane(nil), serviceWith(t, "  - {name: a, "+pair+"}\n  "+protocol+":\n"+c.routes))
			router, r := istio.Kind().New(store), webRoute(t, "virtualService: {name: web}", 0)
			for _, canary := range []int32{30, 0} {
				seen, err := router.Observe(t.Context(), r)
				if err != nil || seen.Canary != canary || seen.Level != mesh.Accepted {
					t.Errorf("seen %+v, %v; want weight %d", seen, err, canary)
				}
				want := mesh.Fault{
					Object: "VirtualService shop/web", Field: c.field,
					Problem: `has both hosts "web-stable" and "web-canary", but a ` + protocol + ` route cannot be weighted; take one of them out`,
				}
				if diff := cmp.Diff(want.Error(), seen.Objects[0].Fault); diff != "" {
					t.Errorf("fault (-want +got):\n%s", diff)
				}
				if err := router.Apply(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Where it was never said which of several routes is weighted, none was, and
// Remove leaves them as they are.
func TestRemoveTouchesNoWeightThatWasNotOurs(t *testing.T) {
	t.Parallel()
	store := meshtest.NewStore(t, plane(nil), serviceWith(t, "  - {name: a, "+pair+"}\n  - {name: b, "+pair+"}\n"))
	if err := istio.Kind().New(store).Remove(t.Context(), webRoute(t, "virtualService: {name: web}", 0)); err != nil {
		t.Error(err)
	}
	if store.Writes() > 0 {
		t.Error("it was written")
	}
}

// A route that comes beside the only one, which is weighted without a name, keeps
// its weights when that is given back.
func TestRemoveTouchesNoRouteThatCameLater(t *testing.T) {
	t.Parallel()
	const later, unnamed = "  - {name: later, " + pair + "}\n", "  - {match: [{uri: {prefix: /a}}], " + pair + "}\n"
	whole := strings.NewReplacer("70", "100", "30", "0").Replace(pair)
	for name, c := range map[string]struct{ before, after, want string }{
		"both with names":     {"  - {name: main, " + pair + "}\n", later + "  - {name: main, " + pair + "}\n", later + "  - {name: main, " + whole + "}\n"},
		"the first without":   {"  - {" + pair + "}\n", later + "  - {" + pair + "}\n", later + "  - {" + whole + "}\n"},
		"both without":        {"  - {" + pair + "}\n", unnamed + "  - {" + pair + "}\n", unnamed + "  - {" + whole + "}\n"},
		"one that is renamed": {"  - {name: main, " + pair + "}\n", "  - {name: other, " + pair + "}\n", "  - {name: other, " + whole + "}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := meshtest.NewStore(t, plane(nil), serviceWith(t, c.before))
			router, r := istio.Kind().New(store), webRoute(t, "virtualService: {name: web}", 50)
			if err := router.Apply(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			store.Edit(r.Objects[0], "user", func(obj *unstructured.Unstructured) { obj.Object["spec"] = serviceWith(t, c.after).Object["spec"] })
			if err := router.Remove(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(serviceWith(t, c.want).Object["spec"], store.Object(r.Objects[0]).Object["spec"]); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

// A route that has but the name of a managed route is the user's, and stays.
// Shows compatibility 19.
func TestUsersRoutesStay(t *testing.T) {
	t.Parallel()
	http := "  - {name: preview, match: [{headers: {x: {exact: y}}}], route: [{destination: {host: web-canary}}]}\n" + // as another controller leaves it
		"  - {name: shadow, match: [{uri: {prefix: /a}}], route: [{destination: {host: web-canary}, weight: 30}, {destination: {host: web-stable}, weight: 70}]}\n" +
		"  - {name: mine, match: [{uri: {prefix: /b}}], route: [{destination: {host: web-canary}}]}\n" +
		"  - {name: main, " + pair + "}\n"
	store := meshtest.NewStore(t, plane(nil), serviceWith(t, http))
	router, r := istio.Kind().New(store), webRoute(t, "virtualService: {name: web, routes: [main]}", 20)
	for _, f := range []func() error{
		func() error { return router.Apply(t.Context(), r) },
		func() error { return router.Remove(t.Context(), r) },
	} {
		if err := f(); err != nil {
			t.Fatal(err)
		}
		obj := store.Object(r.Objects[0])
		if got := fmt.Sprint(routeNames(obj)); got != "[shadow mine main]" {
			t.Errorf("routes %s", got)
		}
		request := meshtest.Request{Host: "web", Path: "/a"}
		if got := split([]*unstructured.Unstructured{obj}, request).Shares["web-canary"]; got != 30 {
			t.Errorf("the weight of a route that is not named is %d", got)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		block string
		want  []string
		err   string
	}{
		"one":                   {`virtualService: {name: web}`, []string{"VirtualService shop/web []"}, ""},
		"its routes":            {`virtualService: {name: web, routes: [a, b]}`, []string{"VirtualService shop/web [a b]"}, ""},
		"in another namespace":  {`virtualService: {name: web.infra}`, []string{"VirtualService infra/web []"}, ""},
		"by a full name":        {`virtualService: {name: web.infra.svc.cluster.local}`, []string{"VirtualService infra/web []"}, ""},
		"several":               {`virtualServices: [{name: web}, {name: web.infra}]`, []string{"VirtualService shop/web []", "VirtualService infra/web []"}, ""},
		"nothing":               {`{}`, nil, "trafficRouting.istio: virtualService: set exactly one of virtualService and virtualServices"},
		"both":                  {"virtualService: {name: a}\nvirtualServices: [{name: b}]", nil, "trafficRouting.istio: virtualService: set exactly one of virtualService and virtualServices"},
		"without a name":        {`virtualService: {}`, nil, `trafficRouting.istio: virtualService.name: "" is empty or named twice; name each VirtualService once`},
		"without a namespace":   {`virtualService: {name: web.}`, nil, `trafficRouting.istio: virtualService.name: "web." is empty or named twice; name each VirtualService once`},
		"twice":                 {`virtualServices: [{name: web}, {name: web.shop}]`, nil, `trafficRouting.istio: virtualServices[1].name: "web.shop" is empty or named twice; name each VirtualService once`},
		"what cannot be parsed": {`virtualService: x`, nil, "trafficRouting.istio: cannot be read: json: cannot unmarshal string into Go struct field config.virtualService of type istio.virtualService"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			block, err := yaml.YAMLToJSON([]byte(c.block))
			if err != nil {
				t.Fatal(err)
			}
			objects, err := istio.Kind().Parse(block, "shop")
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("got error %v, want %s", err, c.err)
			}
			var got []string
			for _, o := range objects {
				got = append(got, fmt.Sprint(o, " ", o.Rules))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
}

// Apply renders, makes a patch, and checks the answer; the store is part of it.
func BenchmarkApply(b *testing.B) {
	var http strings.Builder
	for i := range 16 {
		fmt.Fprintf(&http, "  - {name: r%d, match: [{uri: {prefix: /p%d}}], retries: {attempts: 3}, %s}\n", i, i, pair)
	}
	router := istio.Kind().New(meshtest.NewStore(b, meshtest.Plane{}, serviceWith(b, http.String())))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := router.Apply(b.Context(), webRoute(b, "virtualService: {name: web, routes: [r1, r9]}", int32(i%2)*20+20, headerRoute())); err != nil {
			b.Fatal(err)
		}
	}
}
