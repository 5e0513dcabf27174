// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi_test

import (
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/gatewayapi"
	"github.com/sluice-rollouts/sluice/pkg/mesh/meshtest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// edge case 36: an HTTPRoute is served only if every parent that it names has said
// so of this generation.
func TestAcknowledged(t *testing.T) {
	t.Parallel()
	const (
		edge     = "{parentRef: {name: edge}, conditions: ["
		internal = "{parentRef: {name: internal, namespace: infra, sectionName: https}, conditions: ["
		accepted = "{type: Accepted, status: 'True', observedGeneration: 1}"
	)
	for name, c := range map[string]struct {
		parents string
		level   mesh.Level
		waiting *mesh.Condition
		refused []mesh.Condition
		served  []string
	}{
		"nobody has said anything": {"[]", mesh.Accepted, &mesh.Condition{Parent: "Gateway shop/edge"}, nil, nil},
		"one of two has accepted": {
			"[" + edge + accepted + "]}]", mesh.Accepted, &mesh.Condition{Parent: "Gateway infra/internal https"}, nil, []string{"Gateway shop/edge"},
		},
		"both have accepted": {"[" + internal + accepted + "]}, " + edge + accepted + "]}]", mesh.Acked, nil, nil, []string{"Gateway shop/edge", "Gateway infra/internal https"}},
		"the defaults are written out": {
			"[{parentRef: {group: gateway.networking.k8s.io, kind: Gateway, namespace: shop, name: edge}, conditions: [" + accepted + "]}, " +
				internal + accepted + "]}]", mesh.Acked, nil, nil, []string{"Gateway shop/edge", "Gateway infra/internal https"},
		},
		"an earlier generation was accepted": {
			"[" + internal + accepted + "]}, " + edge + "{type: Accepted, status: 'True', observedGeneration: 0}]}]",
			mesh.Accepted, &mesh.Condition{Parent: "Gateway shop/edge"}, nil,
			[]string{"Gateway infra/internal https"},
		},
		"another parent has accepted": {
			"[{parentRef: {name: else}, conditions: [" + accepted + "]}, {conditions: [" + accepted + "]}]",
			mesh.Accepted, &mesh.Condition{Parent: "Gateway shop/edge"}, nil, nil,
		},
		"one refuses": {
			"[" + internal + accepted + "]}, " + edge + "{type: Accepted, status: 'False', observedGeneration: 1, reason: NoMatchingParent, message: no such listener}]}]",
			mesh.Accepted, nil,
			[]mesh.Condition{{Parent: "Gateway shop/edge", Message: "NoMatchingParent: no such listener"}},
			[]string{"Gateway infra/internal https"},
		},
		"a reference is not resolved": {
			"[" + internal + accepted + "]}, " + edge + accepted + ", {type: ResolvedRefs, status: 'False', observedGeneration: 1, reason: BackendNotFound, message: web-canary}]}]",
			mesh.Acked, nil,
			[]mesh.Condition{{Parent: "Gateway shop/edge", Message: "BackendNotFound: web-canary", Part: true}},
			[]string{"Gateway infra/internal https"},
		},
		"a part is invalid, and may be ours": {
			"[" + internal + accepted + "]}, " + edge + accepted + ", {type: PartiallyInvalid, status: 'True', observedGeneration: 1, reason: UnsupportedValue, message: Dropped Rule}]}]",
			mesh.Acked, nil,
			[]mesh.Condition{{Parent: "Gateway shop/edge", Message: "UnsupportedValue: Dropped Rule", Part: true}},
			[]string{"Gateway infra/internal https"},
		},
		"an earlier generation was refused": {
			"[" + internal + accepted + "]}, " + edge + accepted + ", {type: ResolvedRefs, status: 'False', observedGeneration: 0}]}]", mesh.Acked, nil, nil, []string{"Gateway shop/edge", "Gateway infra/internal https"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obj := routeWith(t, "  - {"+pair+"}\n")
			refs := []any{map[string]any{"name": "edge"}, map[string]any{"name": "internal", "namespace": "infra", "sectionName": "https"}}
			if err := unstructured.SetNestedSlice(obj.Object, refs, "spec", "parentRefs"); err != nil {
				t.Fatal(err)
			}
			status := map[string]any{}
			if err := yaml.Unmarshal([]byte("parents: "+c.parents), &status); err != nil {
				t.Fatal(err)
			}
			obj.Object["status"] = ints(status)
			r := webRoute(0)
			seen, err := gatewayapi.Kind().New(meshtest.NewStore(t, plane(nil), obj)).Observe(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if seen.Level != c.level {
				t.Errorf("level %v, want %v", seen.Level, c.level)
			}
			if diff := cmp.Diff(c.waiting, seen.Objects[0].Waiting); diff != "" {
				t.Errorf("waiting (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.refused, seen.Objects[0].Refused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.served, seen.Objects[0].Served); diff != "" {
				t.Errorf("served (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		block string
		want  []string
		err   string
	}{
		"one route":             {`httpRoute: web`, []string{"HTTPRoute shop/web []"}, ""},
		"rules of it":           {"httpRoute: web\nrules: [a, b]", []string{"HTTPRoute shop/web [a b]"}, ""},
		"another namespace":     {"httpRoute: web\nnamespace: infra", []string{"HTTPRoute infra/web []"}, ""},
		"one and a list":        {"httpRoute: web\nhttpRoutes: [{name: b, rules: [x]}]", []string{"HTTPRoute shop/web []", "HTTPRoute shop/b [x] weights only"}, ""},
		"a list":                {"httpRoutes: [{name: b, useHeaderRoutes: true}]", []string{"HTTPRoute shop/b []"}, ""},
		"nothing":               {`{}`, nil, "trafficRouting.gatewayAPI: httpRoute: names no route; set httpRoute or httpRoutes"},
		"a route twice":         {"httpRoute: web\nhttpRoutes: [{name: web}]", nil, `trafficRouting.gatewayAPI: httpRoutes[0].name: "web" is empty or named twice; name each HTTPRoute once`},
		"a route without name":  {"httpRoutes: [{useHeaderRoutes: true}]", nil, `trafficRouting.gatewayAPI: httpRoutes[0].name: "" is empty or named twice; name each HTTPRoute once`},
		"what cannot be parsed": {`httpRoute: [1]`, nil, "trafficRouting.gatewayAPI: cannot be read: json: cannot unmarshal array into Go struct field config.httpRoute of type string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			block, err := yaml.YAMLToJSON([]byte(c.block))
			if err != nil {
				t.Fatal(err)
			}
			objects, err := gatewayapi.Kind().Parse(block, "shop")
			if got := text(err); got != c.err {
				t.Errorf("got error %s, want %s", got, c.err)
			}
			var got []string
			for _, o := range objects {
				s := o.String() + " " + text(o.Rules)
				if o.WeightOnly {
					s += " weights only"
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
}
