// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation/validationtest"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/all"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

func decode(t *testing.T, r validationtest.Row) *v1alpha1.Rollout {
	t.Helper()
	text, err := r.Rollout()
	if err != nil {
		t.Fatal(err)
	}
	ro := &v1alpha1.Rollout{}
	if err := yaml.UnmarshalStrict([]byte(text), ro); err != nil {
		t.Fatal(err)
	}
	return ro
}

// planes of the tests can do everything, but for what lacks.
func planes(lacks func(*mesh.Features)) []mesh.Kind {
	all := mesh.Features{HeaderMatch: []string{"exact", "prefix", "regex"}, Mirror: true, MirrorPercent: true, PingPong: true, Total: true}
	less := all
	lacks(&less)
	parse := func(json.RawMessage, string) ([]mesh.Object, error) { return nil, nil }
	return []mesh.Kind{{Name: "istio", Features: less, Parse: parse}, {Name: "gatewayAPI", Features: all, Parse: parse}}
}

func sentences(errs field.ErrorList) []string {
	var all []string
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, r := range validationtest.Refused() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(r.Want, sentences(validation.Validate(decode(t, r), planes(able)))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAdvised(t *testing.T) {
	t.Parallel()
	for _, r := range validationtest.Advised() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			ro := decode(t, r)
			if errs := validation.Validate(ro, planes(able)); len(errs) > 0 {
				t.Errorf("refused: %v", errs)
			}
			if diff := cmp.Diff(r.Want, sentences(validation.Advise(ro))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// No rule is without a row that breaks it. Those about what data planes can do
// are in TestLacking.
func TestEveryRuleHasARow(t *testing.T) {
	t.Parallel()
	type broken struct{ field, says string }
	rows := map[broken]bool{}
	note := func(errs field.ErrorList) {
		for _, err := range errs {
			rows[broken{validationtest.Anywhere(err.Field), err.Detail}] = true
		}
	}
	for _, r := range append(validationtest.Refused(), validationtest.Advised()...) {
		ro := decode(t, r)
		note(validation.Validate(ro, planes(able)))
		note(validation.Advise(ro))
	}
	for _, rule := range validation.Rules() {
		if !rows[broken{rule.Field, rule.Says}] && !strings.HasSuffix(rule.Says, validation.OfDataPlanes) {
			t.Errorf("%s: %s: no row breaks this rule", rule.Field, rule.Says)
		}
	}
}

func able(*mesh.Features) {}

// A data plane that lacks a feature is named, whatever the others can do.
func TestLacking(t *testing.T) {
	t.Parallel()
	const canary = "spec.strategy.canary."
	text := strings.NewReplacer(
		"managedRoutes", "maxTrafficWeight: 1000\n        managedRoutes",
		"maxSurge: 0", "maxSurge: 0\n      pingPong: {pingService: a, pongService: b}",
		"percentage: 0", "percentage: 7",
	).Replace(validationtest.Routed)
	ro := decode(t, validationtest.Row{Base: text})
	got := sentences(validation.Validate(ro, planes(func(f *mesh.Features) { *f = mesh.Features{HeaderMatch: []string{"exact"}} })))
	want := []string{
		canary + `pingPong: Forbidden: is not supported by istio`,
		canary + `trafficRouting.maxTrafficWeight: Invalid value: 1000: only 100 is supported by istio`,
		canary + `steps[3].setHeaderRoute.match[1].headerValue: Invalid value: "prefix": such a match is not supported by istio`,
		canary + `steps[3].setHeaderRoute.match[2].headerValue: Invalid value: "regex": such a match is not supported by istio`,
		canary + `steps[5].setMirrorRoute: Forbidden: is not supported by istio`,
		canary + `steps[6].setMirrorRoute: Forbidden: is not supported by istio`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got = sentences(validation.Validate(ro, planes(func(f *mesh.Features) { f.MirrorPercent, f.HeaderMatch = false, nil })))
	want = []string{
		canary + `steps[3].setHeaderRoute: Forbidden: is not supported by istio`,
		canary + `steps[4].setHeaderRoute: Forbidden: is not supported by istio`,
		canary + `steps[3].setHeaderRoute.match[0].headerValue: Invalid value: "exact": such a match is not supported by istio`,
		canary + `steps[3].setHeaderRoute.match[1].headerValue: Invalid value: "prefix": such a match is not supported by istio`,
		canary + `steps[3].setHeaderRoute.match[2].headerValue: Invalid value: "regex": such a match is not supported by istio`,
		canary + `steps[5].setMirrorRoute.percentage: Invalid value: 7: only all requests can be mirrored by istio`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What a data plane says of its own block stands at its field, once.
func TestMalformedBlock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, want string }{
		"istio": {
			"virtualServices: [{name: shop, routes: [web]}]", "virtualServices: [{name: shop}, {name: shop.shop}]",
			`istio.virtualServices[1].name: Invalid value: "shop.shop" is empty or named twice; name each VirtualService once`,
		},
		"gatewayAPI": {
			"httpRoutes: [{name: shop, useHeaderRoutes: true", `httpRoutes: [{name: "", useHeaderRoutes: true`,
			`gatewayAPI.httpRoutes[0].name: Invalid value: "" is empty or named twice; name each HTTPRoute once`,
		},
		"said by a rule already": {
			"virtualServices: [{name: shop, routes: [web]}]", "virtualServices: []",
			`istio.virtualService: Required value: set exactly one of virtualService and virtualServices`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ro := decode(t, validationtest.Row{Base: validationtest.Routed, From: c.from, To: c.to})
			ro.Namespace = "shop"
			want := []string{"spec.strategy.canary.trafficRouting." + c.want}
			if diff := cmp.Diff(want, sentences(validation.Validate(ro, all.Kinds()))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
