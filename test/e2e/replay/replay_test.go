// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// scene feeds a Judge with the objects of one rollout of 10 pods.
type scene struct {
	t        *testing.T
	judge    Judge
	now      time.Time
	revision int64
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, judge: Judge{Patience: 2 * time.Second}, now: time.Unix(0, 0)}
	s.rollout(10)
	s.pods("v1", 10, 10)
	s.pods("v2", 2, 2)
	s.service("stable", "v1")
	s.service("canary", "v2")
	s.endpoints("stable", "v1", 10)
	s.endpoints("canary", "v2", 2)
	s.route(100, 0)
	s.settle()
	return s
}

// put stores an object; ours says that the controller wrote it.
func (s *scene) put(ours bool, key, manifest string) {
	s.t.Helper()
	s.revision++
	var object json.RawMessage
	if manifest != "" {
		var err error
		if object, err = yaml.YAMLToJSON([]byte(manifest)); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.judge.Add(Write{Revision: s.revision, Key: "/registry/" + key, Object: object, At: s.now, Foreign: !ours}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) rollout(desired int, steps ...string) {
	s.put(false, "argoproj.io/rollouts/shop/web", fmt.Sprintf(`
metadata: {name: web, uid: web}
spec:
  replicas: %d
  strategy: {canary: {stableService: stable, canaryService: canary, steps: [%s], trafficRouting: {gatewayAPI: {httpRoute: web}}}}
status: {stableRS: v1, currentPodHash: v2}`, desired, strings.Join(steps, ",")))
}

func set(hash string, size, available int, filledFor string) string {
	return fmt.Sprintf(`
metadata:
  name: web-%[1]s
  labels: {rollouts-pod-template-hash: %[1]s}
  annotations: {rollout.argoproj.io/filled-for: %[4]q}
  ownerReferences: [{kind: Rollout, name: web, uid: web, controller: true}]
spec: {replicas: %[2]d}
status: {availableReplicas: %[3]d}`, hash, size, available, filledFor)
}

func (s *scene) pods(hash string, size, available int) {
	s.put(false, "replicasets/shop/web-"+hash, set(hash, size, available, ""))
}

func (s *scene) scale(hash string, size, available int) {
	s.put(true, "replicasets/shop/web-"+hash, set(hash, size, available, ""))
}

func service(name, hash string) string {
	return fmt.Sprintf("metadata: {name: %s}\nspec: {selector: {app: web, rollouts-pod-template-hash: %q}}", name, hash)
}

func (s *scene) service(name, hash string) {
	s.put(false, "services/specs/shop/"+name, service(name, hash))
}

func (s *scene) point(name, hash string) {
	s.put(true, "services/specs/shop/"+name, service(name, hash))
}

func (s *scene) endpoints(name, hash string, ready int) {
	var endpoints []string
	for i := range ready {
		endpoints = append(endpoints, fmt.Sprintf(`{conditions: {ready: true}, targetRef: {name: web-%s-%d}}`, hash, i))
	}
	s.put(false, "endpointslices/shop/"+name+"-x", fmt.Sprintf(
		"metadata: {name: %[1]s-x, labels: {kubernetes.io/service-name: %[1]s}}\nendpoints: [%[2]s]", name, strings.Join(endpoints, ",")))
}

func httpRoute(stable, canary int, generation int64, rules string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, generation: %d}
spec:
  rules:
  - backendRefs: [{name: stable, weight: %d}, {name: canary, weight: %d}]
%s`, generation, stable, canary, rules)
}

const headerRule = "  - {name: preview, backendRefs: [{name: canary}]}"

func (s *scene) route(stable, canary int, rules ...string) {
	s.put(false, "gateway.networking.k8s.io/httproutes/shop/web", httpRoute(stable, canary, s.revision, strings.Join(rules, "\n")))
}

func (s *scene) weigh(stable, canary int, rules ...string) {
	s.put(true, "gateway.networking.k8s.io/httproutes/shop/web", httpRoute(stable, canary, s.revision, strings.Join(rules, "\n")))
}

func (s *scene) wait(d time.Duration) { s.now = s.now.Add(d) }

// settle makes all earlier states too old to rest on.
func (s *scene) settle() {
	s.wait(time.Minute)
	s.rollout(10)
}

func TestJudge(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		do   func(*scene)
		want string // part of the only breach, empty for none
	}{
		{"a weight that the canary's pods carry", func(s *scene) { s.weigh(80, 20) }, ""},
		{"a weight beyond the canary's pods", func(s *scene) { s.weigh(70, 30) }, "invariant 2: canary 0 -> 30 with 2 available and 2 ready of 3"},
		{"a weight beyond the canary's ready endpoints", func(s *scene) {
			s.endpoints("canary", "v2", 1)
			s.settle()
			s.weigh(80, 20)
		}, "invariant 2: canary 0 -> 20"},
		{"endpoints of another revision do not count", func(s *scene) {
			s.endpoints("canary", "v1", 2)
			s.settle()
			s.weigh(80, 20)
		}, "invariant 2"},
		{"a raise that rests on what was true a second ago", func(s *scene) { s.endpoints("canary", "v2", 0); s.wait(time.Second); s.weigh(80, 20) }, ""},
		{"a raise that rests on what was true three seconds ago", func(s *scene) {
			s.endpoints("canary", "v2", 0)
			s.wait(3 * time.Second)
			s.pods("v1", 10, 10)
			s.weigh(80, 20)
		}, "invariant 2"},
		{"what was true before our last write is no excuse", func(s *scene) {
			s.endpoints("canary", "v2", 0)
			s.scale("v1", 11, 10)
			s.weigh(80, 20)
		}, "invariant 2"},
		{"the user's own scale is enough", func(s *scene) { s.rollout(10, "{setCanaryScale: {replicas: 1}}"); s.weigh(50, 50) }, ""},
		{"all weight to a canary that was filled for a smaller D", func(s *scene) {
			s.put(false, "replicasets/shop/web-v2", set("v2", 2, 2, "2"))
			s.weigh(0, 100)
		}, ""},
		{"weight leaves the dead", func(s *scene) {
			s.pods("v1", 10, 0)
			s.endpoints("stable", "v1", 0)
			s.settle()
			s.weigh(0, 100)
		}, ""},
		{"stable takes all while it lacks no more than maxUnavailable", func(s *scene) { s.route(80, 20); s.pods("v1", 10, 8); s.weigh(100, 0) }, ""},
		{"stable takes more than it carries", func(s *scene) {
			s.route(20, 80)
			s.pods("v1", 10, 3)
			s.pods("v2", 8, 8)
			s.endpoints("canary", "v2", 8)
			s.settle()
			s.weigh(100, 0)
		}, "invariant 2: stable 20 -> 100"},
		{"a managed route to a canary without a pod", func(s *scene) {
			s.pods("v2", 2, 0)
			s.settle()
			s.weigh(100, 0, headerRule)
		}, "invariant 2: a managed route"},
		{"the canary is re-pointed at rest", func(s *scene) { s.point("canary", "v1") }, ""},
		{"the canary is re-pointed under weight", func(s *scene) { s.route(80, 20); s.settle(); s.point("canary", "v1") }, `invariant 1: selector of canary "v2" -> "v1" under weight 20`},
		{"the canary is re-pointed under a header route", func(s *scene) {
			s.route(100, 0, headerRule)
			s.settle()
			s.point("canary", "v1")
		}, "invariant 1"},
		{"stable is re-pointed under weight", func(s *scene) { s.point("stable", "v2") }, "invariant 1: selector of stable"},
		{"stable is repaired", func(s *scene) { s.endpoints("stable", "v1", 0); s.point("stable", "v2") }, ""},
		{"a Service is adopted by a full revision", func(s *scene) { s.service("stable", ""); s.point("stable", "v1") }, ""},
		{"a Service is adopted by half a revision", func(s *scene) {
			s.service("stable", "")
			s.pods("v1", 10, 5)
			s.settle()
			s.point("stable", "v1")
		}, "invariant 1"},
		{"the canary loses pods under weight", func(s *scene) { s.route(80, 20); s.settle(); s.scale("v2", 1, 2) }, "invariant 3: web-v2 2 -> 1"},
		{"the canary loses its last pod under a header route", func(s *scene) {
			s.route(100, 0, headerRule)
			s.settle()
			s.scale("v2", 0, 2)
		}, "invariant 3"},
		{"the canary loses its pods once its weight is gone", func(s *scene) { s.route(80, 20); s.route(100, 0); s.scale("v2", 0, 2) }, ""},
		{"stable follows D", func(s *scene) { s.rollout(5); s.scale("v1", 5, 10) }, ""},
		{"stable is deleted under weight", func(s *scene) { s.put(true, "replicasets/shop/web-v1", "") }, "invariant 3: web-v1 10 -> 0"},
		{"somebody else may do what he likes", func(s *scene) { s.route(0, 100); s.service("stable", "v2"); s.pods("v1", 0, 0) }, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			c.do(s)
			switch found := s.judge.Breaches; {
			case c.want == "" && len(found) > 0:
				t.Errorf("breaches %q, want none", found)
			case c.want != "" && (len(found) != 1 || !strings.Contains(found[0], c.want)):
				t.Errorf("breaches %q, want one with %q", found, c.want)
			}
		})
	}
}

func TestCarried(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, manifest string
		stable, canary load
	}{
		{"an HTTPRoute with a mirror", `{kind: HTTPRoute, apiVersion: v1, spec: {rules: [
			{backendRefs: [{name: s, weight: 80}, {name: c, weight: 20}]},
			{backendRefs: [{name: s, weight: 80}, {name: c, weight: 20}], filters: [{requestMirror: {backendRef: {name: c}}}]}]}}`, load{weight: 80}, load{weight: 20, routed: true}},
		{"an HTTPRoute without weights", `{kind: HTTPRoute, apiVersion: v1, spec: {rules: [{backendRefs: [{name: s}, {name: c}]}]}}`, load{weight: 50}, load{weight: 50}},
		{"the highest of two rules", `{kind: HTTPRoute, apiVersion: v1, spec: {rules: [
			{backendRefs: [{name: s, weight: 100}, {name: c, weight: 0}]}, {backendRefs: [{name: s, weight: 999}, {name: c, weight: 1}]}]}}`, load{weight: 100}, load{weight: 1}},
		{"a VirtualService with a header route", `{kind: VirtualService, apiVersion: v1, spec: {http: [
			{name: preview, route: [{destination: {host: c}}]},
			{route: [{destination: {host: s.shop.svc}, weight: 75}, {destination: {host: c}, weight: 25}]}]}}`, load{weight: 75}, load{weight: 25, routed: true}},
		{"a VirtualService with a mirror", `{kind: VirtualService, apiVersion: v1, spec: {http: [
			{route: [{destination: {host: s}, weight: 100}, {destination: {host: c}, weight: 0}], mirrors: [{destination: {host: c}}]}]}}`, load{weight: 100}, load{routed: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			object, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(c.manifest, "\t", " ")))
			if err != nil {
				t.Fatal(err)
			}
			route := &unstructured.Unstructured{}
			if err := json.Unmarshal(object, route); err != nil {
				t.Fatal(err)
			}
			stable, canary := carried(route, "s", "c")
			if stable != c.stable || canary != c.canary {
				t.Errorf("stable %+v, canary %+v; want %+v, %+v", stable, canary, c.stable, c.canary)
			}
		})
	}
}
