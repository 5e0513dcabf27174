// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-rollouts/sluice/test/e2e/replay"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// editRoute replaces what a test says in the route's spec, as somebody with
// kubectl would.
func (s *shop) editRoute(edit func(rules []any) []any) {
	s.t.Helper()
	resource, list := httpRoutes, "rules"
	if s.router == istio {
		resource, list = virtualServices, "http"
	}
	routes := all.dynamic.Resource(resource).Namespace(s.ns)
	route, err := routes.Get(s.t.Context(), name, getOptions)
	if err != nil {
		s.t.Fatal(err)
	}
	rules, _, err := unstructured.NestedSlice(route.Object, "spec", list)
	if err != nil {
		s.t.Fatal(err)
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{list: edit(rules)}})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := routes.Patch(s.t.Context(), name, types.MergePatchType, patch, patchOptions); err != nil {
		s.t.Fatal(err)
	}
}

// edge case 27, compatibility 24: somebody takes the weights and the managed route
// back: both are there again at once.
func TestDrift(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.editRoute(func(rules []any) []any {
			text, err := json.Marshal(rules)
			if err != nil {
				t.Fatal(err)
			}
			text = []byte(strings.ReplaceAll(strings.ReplaceAll(string(text), `"preview"`, `"preview-off"`), `"weight":50`, `"weight":0`))
			text = []byte(strings.Replace(string(text), `"weight":0`, `"weight":100`, 1))
			var edited, kept []any
			if err := json.Unmarshal(text, &edited); err != nil {
				t.Fatal(err)
			}
			for _, r := range edited {
				if r.(map[string]any)["name"] != "preview-off" {
					kept = append(kept, r)
				}
			}
			return kept
		})
		s.shows(atHalf2)
		s.resume()
		s.shows(atRest2)
	})
}

// edge case 37: a gateway that takes the route as it was and refuses it with a
// mirror: the update is aborted, with its words.
func TestRefusedByGateway(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: gateway, manner: refusesMirror, canary: soon, steps: `
		setWeight: 25
		setMirrorRoute: {name: shadow, match: [{path: {prefix: /}}]}
		pause: {}`})
	s.deploy("v2")
	v := s.shows("Degraded 0/3; v1 4/4; stable v1, canary v1, 100/0")
	if !strings.Contains(v.ro.Status.Message, "no mirrors here") {
		t.Errorf("message %q does not quote the gateway", v.ro.Status.Message)
	}
}

// edge case 36: a gateway that stops answering: the step waits, and says for whom.
// Once the answer is there, it goes on.
func TestSilentGateway(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: gateway, steps: half, canary: soon})
	s.behave(silent)
	s.deploy("v2")
	s.until("blocked on the gateway", func(v view) bool {
		b := v.ro.Status.BlockedOn
		return b != nil && b.Gate == "Acknowledged" && strings.Contains(b.Have, "no answer of")
	})
	s.behave("")
	s.shows(atHalf2)
}

// behave sets how the gateway answers from now on.
func (s *shop) behave(how string) {
	s.t.Helper()
	patch := fmt.Sprintf(`{"metadata": {"annotations": {%q: %q}}}`, manner, how)
	if _, err := all.dynamic.Resource(httpRoutes).Namespace(s.ns).Patch(s.t.Context(), name, types.MergePatchType, []byte(patch), patchOptions); err != nil {
		s.t.Fatal(err)
	}
}

// edge case 11: a route object that is missing holds the update, and says so; once
// it is there, the update goes on.
func TestMissingRoute(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, steps: half, canary: soon})
		resource, manifest := virtualServices, virtualService
		if router == gateway {
			resource, manifest = httpRoutes, strings.ReplaceAll(strings.Replace(httpRoute, "%s", manner, 1), "%q", `""`)
		}
		if err := all.dynamic.Resource(resource).Namespace(s.ns).Delete(t.Context(), name, deleteOptions); err != nil {
			t.Fatal(err)
		}
		s.deploy("v2")
		s.until("the route is missed", func(v view) bool {
			return v.phase == "Degraded" && strings.Contains(v.ro.Status.Message, "InvalidSpec") && strings.Contains(v.ro.Status.Message, name)
		})
		s.create(resource, manifest)
		s.shows(atHalf2)
	})
}

// edge case 26: another route object is named mid-way: it gets the weights, and
// the first one is given back.
func TestAnotherRoute(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, steps: half, canary: soon})
		before := s.route()
		s.deploy("v2")
		s.shows(atHalf2)
		resource, manifest := virtualServices, strings.Replace(virtualService, "{name: web}", "{name: other}", 1)
		change := "istio: {virtualService: {name: other, routes: [main]}}"
		if router == gateway {
			resource, manifest = httpRoutes, strings.Replace(fmt.Sprintf(httpRoute, manner, ""), "{name: web,", "{name: other,", 1)
			change = "gatewayAPI: {httpRoute: other}"
		}
		s.create(resource, manifest)
		s.patch("spec: {strategy: {canary: {trafficRouting: {" + change + "}}}}")
		eventually(t, func() error {
			other, err := all.dynamic.Resource(resource).Namespace(s.ns).Get(t.Context(), "other", getOptions)
			if err != nil {
				return err
			}
			if weights, managed := weightsOf(other); weights != "50/50" || len(managed) != 1 {
				return fmt.Errorf("the other route has %s %v", weights, managed)
			}
			if diff := cmp.Diff(before, s.route()); diff != "" {
				return errors.New("the first route is not given back: -before +after\n" + diff)
			}
			return nil
		})
		s.resume()
		s.until("v2 alone", func(v view) bool { return v.phase == "Healthy" && v.stable == "v2" && v.canary == "v2" })
	})
}

// routes lists what the route ever said, from the oldest on.
func (s *shop) routes() []view {
	s.t.Helper()
	prefix := map[string]string{gateway: "gateway.networking.k8s.io/httproutes/", istio: "networking.istio.io/virtualservices/"}[s.router]
	var said []view
	for _, w := range all.tape.of("/registry/"+prefix+s.ns+"/"+name, time.Time{}) {
		v, err := viewOf(map[string]replay.Write{w.Key: w})
		if err != nil {
			s.t.Fatal(err)
		}
		said = append(said, v)
	}
	return said
}

// neverMoved fails if, since the canary first got this share, the route ever
// had another one.
func (s *shop) neverMoved(weights string) {
	s.t.Helper()
	said := s.routes()
	for i, v := range said {
		if i > 0 && said[i-1].weights == weights && v.weights != weights {
			s.t.Errorf("%s: the weights went from %s to %s", s.router, weights, v.weights)
		}
	}
}

// neverLost fails if a managed route has been there, and was taken away.
func (s *shop) neverLost(managed string) {
	s.t.Helper()
	said := s.routes()
	for i, v := range said {
		if i > 0 && slices.Contains(said[i-1].managed, managed) && !slices.Contains(v.managed, managed) {
			s.t.Errorf("%s: the managed route %s was taken away at weights %s", s.router, managed, v.weights)
		}
	}
}

// The configuration of the incumbent's plugin for the Gateway API is read as
// the field is.
func TestGatewayPluginConfiguration(t *testing.T) {
	t.Parallel()
	s := newHalfway(t, order{router: gateway, planes: "plugins: {argoproj-labs/gatewayAPI: {httpRoute: web, namespace: NAMESPACE}}"})
	s.resume()
	s.shows(atRest2)
}

// Two VirtualServices get the same share; the one with a single route need not
// name it. Neither keeps anything.
func TestTwoVirtualServices(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{
		router: istio, steps: half, canary: soon,
		planes: "istio: {virtualServices: [{name: web, routes: [main]}, {name: mesh}]}",
		second: `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mesh}
spec:
  hosts: [web.mesh]
  http:
  - route:
    - {destination: {host: canary}, weight: 0}
    - {destination: {host: stable}, weight: 100}`,
	})
	second := func() *unstructured.Unstructured {
		o, err := all.dynamic.Resource(virtualServices).Namespace(s.ns).Get(t.Context(), "mesh", getOptions)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	before := second()
	s.deploy("v2")
	s.shows(atHalf2)
	if weights, managed := weightsOf(second()); weights != "50/50" || !slices.Equal(managed, []string{"preview"}) {
		t.Errorf("the second VirtualService has weights %s and managed routes %v", weights, managed)
	}
	s.resume()
	s.shows(atRest2)
	after := second()
	if diff := cmp.Diff(before.Object["spec"], after.Object["spec"]); diff != "" {
		t.Errorf("the second VirtualService is not as it was: -before +after\n%s", diff)
	}
	if diff := cmp.Diff(annotationsOf(before), annotationsOf(after)); diff != "" {
		t.Errorf("annotations of the second VirtualService: -before +after\n%s", diff)
	}
}
