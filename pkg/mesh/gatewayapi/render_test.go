// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/gatewayapi"
	"github.com/sluice-rollouts/sluice/pkg/mesh/meshtest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// routeWith rules, in YAML.
func routeWith(t testing.TB, rules string) *unstructured.Unstructured {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n" +
		"metadata: {name: web, namespace: shop}\nspec:\n  parentRefs: [{name: edge}]\n  rules:\n" + rules))
	if err != nil {
		t.Fatal(err)
	}
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	return obj
}

const pair = "backendRefs: [{name: web-stable, port: 80, weight: 100}, {name: web-canary, port: 80, weight: 0}]"

func webRoute(weight int32, managed ...mesh.Managed) mesh.Route {
	objects, _ := gatewayapi.Kind().Parse([]byte(`{"httpRoute": "web"}`), "shop")
	return mesh.Route{
		Rollout: types.NamespacedName{Namespace: "shop", Name: "web"}, Stable: "web-stable", Canary: "web-canary",
		Total: 100, Weight: weight, Step: true, Managed: managed, Reserved: []string{"preview", "shadow"}, Objects: objects,
	}
}

func exactly(value string) mesh.Pattern { return mesh.Pattern{Exact: value} }

func headerRoute(names ...string) mesh.Managed {
	m := mesh.Managed{Name: "preview"}
	for _, name := range names {
		m.Headers = append(m.Headers, mesh.HeaderMatch{Header: name, Value: exactly("yes")})
	}
	return m
}

func mirrorOf(r ...mesh.RequestMatch) mesh.Managed {
	return mesh.Managed{Name: "shadow", Mirror: r, Percent: 100}
}

func method(name string) mesh.RequestMatch {
	p := exactly(name)
	return mesh.RequestMatch{Method: &p}
}

// pattern is a header route by a regular expression, copied a mirror route of
// GET by one.
func pattern(header, regex string) mesh.Managed {
	return mesh.Managed{Name: "preview", Headers: []mesh.HeaderMatch{{Header: header, Value: mesh.Pattern{Regex: regex}}}}
}

func copied(header, regex string) mesh.RequestMatch {
	r := method("GET")
	r.Headers = map[string]mesh.Pattern{header: {Regex: regex}}
	return r
}

func path(p mesh.Pattern) mesh.RequestMatch { return mesh.RequestMatch{Path: &p} }

// edge case 43: what an HTTPRoute cannot carry is refused, in words that say what
// to do.
func TestRefused(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("  - {matches: [{path: {type: Exact, value: /x}}], backendRefs: [{name: other, port: 80}]}\n", 15)
	for name, c := range map[string]struct {
		rules string
		route mesh.Route
		field string
		want  string
	}{
		"a mirror route would take requests from a rule with a query": {
			"  - {" + pair + "}\n  - {matches: [{queryParams: [{name: a, value: b}]}], backendRefs: [{name: other, port: 80}]}\n",
			webRoute(20, mirrorOf(method("GET"))), "managed route shadow",
			`would take requests from spec.rules[1]; add to the matches of that rule: ` +
				`{"method":"GET","path":{"type":"PathPrefix","value":"/"},"queryParams":[{"name":"a","type":"Exact","value":"b"}]}`,
		},
		"a mirror route would take requests from a rule with a query of another name": {
			"  - {matches: [{queryParams: [{name: a, value: b}]}], backendRefs: [{name: other, port: 80}]}\n  - {matches: [{queryParams: [{name: A, value: c}]}], " + pair + "}\n",
			webRoute(20, mirrorOf(method("GET"))), "managed route shadow",
			`would take requests from spec.rules[0]; add to the matches of that rule: ` +
				`{"method":"GET","path":{"type":"PathPrefix","value":"/"},"queryParams":[{"name":"a","type":"Exact","value":"b"},{"name":"A","type":"Exact","value":"c"}]}`,
		},
		"a mirror route of what another rule takes": {
			"  - {" + pair + "}\n  - {matches: [{method: GET}], backendRefs: [{name: other, port: 80}]}\n",
			webRoute(20, mirrorOf(method("GET"))), "managed route shadow", "matches nothing that the weighted rules match; correct its match",
		},
		"a mirror route of a rule that another one hides": {
			"  - {backendRefs: [{name: other, port: 80}]}\n  - {" + pair + "}\n",
			webRoute(20, mirrorOf(method("GET"))), "managed route shadow", "matches nothing that the weighted rules match; correct its match",
		},
		"a mirror route of a method by prefix": {
			"  - {" + pair + "}\n", webRoute(20, mirrorOf(mesh.RequestMatch{Method: &mesh.Pattern{Prefix: "P"}})),
			"managed route shadow", "an HTTPRoute matches a method only exactly; use exact",
		},
		"a mirror route of another path": {
			"  - {matches: [{path: {type: PathPrefix, value: /shop}}], " + pair + "}\n", webRoute(20, mirrorOf(path(mesh.Pattern{Prefix: "/api"}))),
			"managed route shadow", "matches nothing that the weighted rules match; correct its match",
		},
		"a regular expression within a path": {
			"  - {matches: [{path: {type: PathPrefix, value: /shop}}], " + pair + "}\n", webRoute(20, mirrorOf(path(mesh.Pattern{Regex: "/.*"}))),
			"managed route shadow", `PathPrefix "/shop" and RegularExpression "/.*" cannot be matched together; correct its match`,
		},
		"a path within one that is rewritten": {
			"  - {matches: [{path: {type: PathPrefix, value: /shop}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}], " + pair + "}\n",
			webRoute(20, mirrorOf(path(mesh.Pattern{Prefix: "/shop/cart"}))),
			"managed route shadow", "matches a path within one that spec.rules[0].backendRefs rewrites; match no path",
		},
		"a mirror route that takes requests from a header route before it": {
			"  - {" + pair + "}\n", webRoute(20, pattern("X-A", "y.*"), mirrorOf(copied("X-A", "ye.*"))), "managed route preview",
			`may lose requests to managed route shadow, which stands after it: RegularExpression "y.*" and RegularExpression "ye.*" cannot be matched together; ` +
				"let that stand before it, or match exact values",
		},
		"a mirror route that takes requests from another rule, of another regular expression": {
			"  - {" + pair + "}\n  - {matches: [{headers: [{name: x-a, type: RegularExpression, value: y.*}]}], backendRefs: [{name: other, port: 80}]}\n",
			webRoute(20, mirrorOf(copied("X-A", "ye.*"))), "managed route shadow",
			`may take requests from spec.rules[1]: RegularExpression "y.*" and RegularExpression "ye.*" cannot be matched together; match exact values`,
		},
		"one header twice": {
			"  - {" + pair + "}\n", webRoute(20, headerRoute("X-A", "x-a")), "managed route preview",
			`matches header "x-a" twice, but an HTTPRoute needs all to match; use one, with a regular expression`,
		},
		"a header with another value than the rule's": {
			"  - {matches: [{headers: [{name: x-a, value: 'no'}]}], " + pair + "}\n", webRoute(20, headerRoute("X-A")), "managed route preview",
			"matches nothing that the weighted rules match; correct its match",
		},
		"a header with a regular expression beside the rule's": {
			"  - {matches: [{headers: [{name: x-a, type: RegularExpression, value: y.*}]}], " + pair + "}\n",
			webRoute(20, mesh.Managed{Name: "preview", Headers: []mesh.HeaderMatch{{Header: "X-A", Value: mesh.Pattern{Prefix: "ye"}}}}),
			"managed route preview", `RegularExpression "y.*" and RegularExpression "^ye.*" cannot be matched together; correct its match`,
		},
		"a name that no rule can have": {
			"  - {" + pair + "}\n", webRoute(20, mesh.Managed{Name: "My_Route", Headers: headerRoute("X-A").Headers}), "managed route My_Route",
			"is no name for a rule; use lower case letters, digits and -",
		},
		"the name of a rule": {
			"  - {name: preview, " + pair + "}\n", webRoute(20, headerRoute("X-A")), "spec.rules[preview]",
			"is not of this rollout, but has the name of a managed route; rename one of both",
		},
		"the number of another managed route": {
			"  - {" + pair + "}\n  - {matches: [{method: GET}], " + pair + "}\n",
			webRoute(20, headerRoute("X-A"), mesh.Managed{Name: "preview-1", Headers: headerRoute("X-B").Headers}), "spec.rules[preview-1]",
			"would be the name of two rules, as a managed route of several rules has its copies numbered; rename one managed route",
		},
		"more rules than there may be": {
			many + "  - {" + pair + "}\n", webRoute(20, headerRoute("X-A")), "spec.rules",
			"would have 17 rules and 17 matches, 1 in one rule, with the managed routes; at most 16, 128 and 64 are allowed; use fewer, or name the rules to weight",
		},
		"a sum too small beside others": {
			"  - backendRefs: [{name: web-stable, port: 80, weight: 2}, {name: web-canary, port: 80, weight: 0}, {name: other, port: 80, weight: 1}]\n",
			webRoute(20), "spec.rules[0].backendRefs",
			`the weights of "web-stable" and "web-canary" sum to 2 beside other backends, too little for 20 of 100; multiply all weights of the rule`,
		},
		"a sum too large beside others": {
			"  - backendRefs: [{name: web-stable, port: 80, weight: 1000000}, {name: web-canary, port: 80, weight: 1}, {name: other, port: 80, weight: 1}]\n",
			webRoute(20), "spec.rules[0].backendRefs", "has weights out of range; those of the pair may sum to 1000000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := meshtest.NewStore(t, plane(nil), routeWith(t, c.rules))
			err := gatewayapi.Kind().New(store).Apply(t.Context(), c.route)
			var fault *mesh.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want a fault", err)
			}
			want := mesh.Fault{Object: "HTTPRoute shop/web", Field: c.field, Problem: c.want}
			if diff := cmp.Diff(want, *fault); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
			if store.Writes() > 0 {
				t.Error("it was written all the same")
			}
		})
	}
}

// What keeps requests of a rule that is not weighted where they are.
func TestMirrorBesideOtherRules(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{
		"with the match that was advised": "  - {" + pair + "}\n" +
			"  - {matches: [{queryParams: [{name: a, value: b}]}, {method: GET, queryParams: [{name: a, value: b}]}, {method: HEAD, queryParams: [{name: a, value: b}]}], backendRefs: [{name: other, port: 80}]}\n",
		"with a longer path":     "  - {" + pair + "}\n  - {matches: [{path: {type: PathPrefix, value: /a}}], backendRefs: [{name: other, port: 80}]}\n",
		"with the same requests": "  - {" + pair + "}\n  - {matches: [{method: GET, headers: [{name: Z, value: z}]}], backendRefs: [{name: other, port: 80}]}\n",
		"with another method":    "  - {" + pair + "}\n  - {matches: [{method: PUT}], backendRefs: [{name: other, port: 80}]}\n",
		"that is never reached":  "  - {" + pair + "}\n  - {backendRefs: [{name: other, port: 80}]}\n",
		"of one of two mirrored": "  - {" + pair + "}\n  - {matches: [{method: HEAD}], backendRefs: [{name: other, port: 80}]}\n",
		"that the pair has too":  "  - {" + pair + "}\n  - {matches: [{method: HEAD}], " + pair + "}\n",
		"of an expression, after": "  - {matches: [{headers: [{name: Z, type: RegularExpression, value: z.*}]}], " + pair + "}\n" +
			"  - {matches: [{headers: [{name: Z, type: RegularExpression, value: .*z}]}], backendRefs: [{name: other, port: 80}]}\n",
		"of the canary, for ever": "  - {" + pair + "}\n  - {matches: [{path: {type: Exact, value: /c}}], backendRefs: [{name: web-canary, port: 80}]}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := routeWith(t, rules)
			store := meshtest.NewStore(t, plane(nil), before)
			r := webRoute(20, mirrorOf(method("GET"), method("HEAD")))
			if err := gatewayapi.Kind().New(store).Apply(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			after := store.Object(r.Objects[0])
			for _, verb := range []string{"GET", "HEAD", "PUT"} {
				for _, path := range []string{"/", "/?a=b", "/a", "/c"} {
					request := meshtest.Request{Method: verb, Path: path, Headers: map[string]string{"Z": "z"}}
					was := split([]*unstructured.Unstructured{before}, request).Shares
					is := split([]*unstructured.Unstructured{after}, request).Shares
					if (was["other"] > 0) != (is["other"] > 0) || (was["web-stable"] > 0) != (is["web-stable"] > 0) {
						t.Errorf("%+v went to %v, now to %v", request, was, is)
					}
				}
			}
		})
	}
}

// Two regular expressions of one header: the more specific route may stand
// first, and so may any where the rule tells their requests apart.
func TestOrderOfRegularExpressions(t *testing.T) {
	t.Parallel()
	header, mirror := pattern("X-A", "y.*"), mirrorOf(copied("X-A", "ye.*"))
	plain := mirrorOf(method("GET"))
	for name, c := range map[string]struct {
		matches string
		managed []mesh.Managed
	}{
		"the more specific one first": {"[{path: {type: PathPrefix, value: /}}]", []mesh.Managed{mirror, header}},
		"of two kinds of paths":       {"[{path: {type: RegularExpression, value: /a.*}}, {path: {type: PathPrefix, value: /a}}]", []mesh.Managed{header, plain}},
		"of one value":                {"[{headers: [{name: X-A, value: 'yes'}]}]", []mesh.Managed{header, mirror}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := meshtest.NewStore(t, plane(nil), routeWith(t, "  - {matches: "+c.matches+", "+pair+"}\n"))
			r := webRoute(20, c.managed...)
			if err := gatewayapi.Kind().New(store).Apply(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			request := meshtest.Request{Method: "GET", Path: "/a", Headers: map[string]string{"X-A": "yes"}}
			got := split([]*unstructured.Unstructured{store.Object(r.Objects[0])}, request)
			if mirrored := got.Mirrors["web-canary"] > 0; mirrored != (c.managed[0].Name == "shadow") {
				t.Errorf("%+v goes to %+v, not where %s leads", request, got, c.managed[0].Name)
			}
		})
	}
}

// A canary-only rule, or one that has but the name of a managed route, is the
// user's, and stays. Shows compatibility 22.
func TestUsersRulesStay(t *testing.T) {
	t.Parallel()
	rules := "  - {name: shadow, backendRefs: [{name: web-canary, port: 80}, {name: web-stable, port: 80}]}\n" +
		"  - {name: mine, matches: [{headers: [{name: A, value: a}]}], backendRefs: [{name: web-canary, port: 80}]}\n" +
		"  - {name: preview-x, matches: [{headers: [{name: B, value: b}]}], backendRefs: [{name: web-canary, port: 80}]}\n" +
		"  - {name: preview-1, matches: [{headers: [{name: C, value: c}]}], backendRefs: [{name: web-canary, port: 80}]}\n"
	store := meshtest.NewStore(t, plane(nil), routeWith(t, rules))
	r := webRoute(20)
	router := gatewayapi.Kind().New(store)
	if err := router.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	// preview-1 is as another controller leaves a header route of ours.
	if got := fmt.Sprint(ruleNames(store.Object(r.Objects[0]))); got != "[shadow mine preview-x]" {
		t.Errorf("after Apply: %s", got)
	}
	if err := router.Remove(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(ruleNames(store.Object(r.Objects[0]))); got != "[shadow mine preview-x]" {
		t.Errorf("after Remove: %s", got)
	}
}

// An object with a mistake that the rollout has never edited is left alone, at
// rest too.
func TestMistakeBeforeTheFirstRoute(t *testing.T) {
	t.Parallel()
	const half = "backendRefs: [{name: web-stable, port: 80, weight: 70}, {name: web-canary, port: 80, weight: 30}]"
	const twice = "backendRefs: [{name: web-stable, port: 80}, {name: web-stable, port: 81}, {name: web-canary, port: 80}]"
	store := meshtest.NewStore(t, plane(nil), routeWith(t, "  - {"+half+"}\n  - {matches: [{method: GET}], "+twice+"}\n"))
	err := gatewayapi.Kind().New(store).Apply(t.Context(), webRoute(0))
	if want := `HTTPRoute shop/web: spec.rules[1].backendRefs: has Service "web-stable" twice; its share cannot be told`; text(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if store.Writes() > 0 {
		t.Error("it was written")
	}
}

// A header may stand in a match but once: the step's and the rule's are made
// one, whatever their case.
func TestHeaderOfTheRule(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		matches string
		value   mesh.Pattern
		want    []string
	}{
		"another header":         {"[{headers: [{name: B, value: b}]}]", exactly("yes"), []string{"B=b", "X-A=yes"}},
		"the same value":         {"[{headers: [{name: x-a, value: 'yes'}]}]", exactly("yes"), []string{"x-a=yes"}},
		"a value among several":  {"[{headers: [{name: x-a, type: RegularExpression, value: yes|no}, {name: B, value: b}]}]", exactly("yes"), []string{"X-A=yes", "B=b"}},
		"one value of many":      {"[{headers: [{name: x-a, value: 'yes'}]}]", mesh.Pattern{Prefix: "y"}, []string{"x-a=yes"}},
		"no value of one match":  {"[{headers: [{name: x-a, value: 'no'}]}, {method: GET}]", exactly("yes"), []string{"X-A=yes"}},
		"of another, not at all": {"[{headers: [{name: x-a, type: RegularExpression, value: n.*}, {name: B, value: b}]}, {method: GET}]", exactly("yes"), []string{"X-A=yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := meshtest.NewStore(t, plane(nil), routeWith(t, "  - {matches: "+c.matches+", "+pair+"}\n"))
			r := webRoute(20, mesh.Managed{Name: "preview", Headers: []mesh.HeaderMatch{{Header: "X-A", Value: c.value}}})
			if err := gatewayapi.Kind().New(store).Apply(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, match := range objectsOf(objectsOf(store.Object(r.Objects[0]).Object, "spec", "rules")[0], "matches") {
				for _, h := range objectsOf(match, "headers") {
					got = append(got, fmt.Sprint(h["name"], "=", h["value"]))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("headers of the first rule (-want +got):\n%s", diff)
			}
		})
	}
}

// big is a router on an HTTPRoute that has 16 rules with its managed routes.
func big(b *testing.B) mesh.Router {
	var rules strings.Builder
	for i := range 12 {
		fmt.Fprintf(&rules, "  - {matches: [{path: {type: PathPrefix, value: /p%d}}, {path: {type: Exact, value: /e%d}}], %s}\n", i, i,
			map[bool]string{true: pair, false: "backendRefs: [{name: other, port: 80}]"}[i < 2])
	}
	return gatewayapi.Kind().New(meshtest.NewStore(b, meshtest.Plane{}, routeWith(b, rules.String())))
}

// Observe renders, and compares.
func BenchmarkObserve(b *testing.B) {
	router, r := big(b), webRoute(20, headerRoute("X-A"), mirrorOf(method("GET")))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := router.Observe(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}

// Apply renders, makes a patch, and checks the answer; the store is part of it.
func BenchmarkApply(b *testing.B) {
	router := big(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := webRoute(int32(i%2)*20+20, headerRoute("X-A"), mirrorOf(method("GET")))
		if err := router.Apply(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
