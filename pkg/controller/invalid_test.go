// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation/validationtest"
	"github.com/sluice-rollouts/sluice/pkg/controller/world"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/yaml"
)

// named is what the rollouts of validationtest name.
const named = `
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-canary}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: gateway}]
  rules:
  - backendRefs: [{name: a, port: 80, weight: 100}, {name: b, port: 80, weight: 0}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop]
  http:
  - name: web
    route:
    - {destination: {host: shop}, weight: 100}
    - {destination: {host: shop-canary}, weight: 0}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: gateways}
spec:
  parentRefs: [{name: gateway}]
  rules:
  - name: web
    backendRefs: [{name: shop, namespace: shop, port: 80, weight: 100}, {name: shop-canary, namespace: shop, port: 80, weight: 0}]
`

// A spec that breaks a rule is Degraded with InvalidSpec, makes no revision,
// and leaves alone what runs; mended, it goes on. Whatever it says, nothing
// crashes. Shows edge case 31, compatibility 26.
func TestInvalidSpecs(t *testing.T) {
	t.Parallel()
	for _, r := range validationtest.Refused() {
		if len(r.Want) == 0 {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			bad, err := r.Rollout()
			if err != nil {
				t.Fatal(err)
			}
			t.Run("at first", func(t *testing.T) {
				w := world.New()
				apply(t, w, named)
				apply(t, w, rollout(bad))
				refused(t, w, r.Want, "shop:v1")
				become(t, w, bad, r.Base, "shop:v2")
				accepted(t, w, "shop:v2")
			})
			t.Run("mid-way", func(t *testing.T) {
				w := world.New()
				apply(t, w, named)
				apply(t, w, rollout(r.Base))
				accepted(t, w, "shop:v1")
				ready(t, w, "shop:v1")
				become(t, w, r.Base, r.Base, "shop:v2")
				accepted(t, w, "shop:v2")
				ready(t, w, "shop:v2")
				become(t, w, r.Base, bad, "shop:v3")
				refused(t, w, r.Want, "shop:v3")
				become(t, w, bad, r.Base, "shop:v3")
				accepted(t, w, "shop:v3")
			})
		})
	}
}

func rollout(text string) string {
	return "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\n" + strings.TrimPrefix(text, "\n")
}

func apply(t *testing.T, w *world.World, manifest string) {
	t.Helper()
	if err := w.Apply(manifest); err != nil {
		t.Fatal(err)
	}
}

// become patches the rollout so that its spec is as that of another text, and
// asks for another image.
func become(t *testing.T, w *world.World, from, to, image string) {
	t.Helper()
	was, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(from, "shop:v1", "any")))
	if err != nil {
		t.Fatal(err)
	}
	is, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(to, "shop:v1", image)))
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.CreateMergePatch(was, is)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.PatchSpec(string(patch)); err != nil {
		t.Fatal(err)
	}
}

func ready(t *testing.T, w *world.World, image string) {
	t.Helper()
	w.Ready(w.SetOf(image), world.All)
	if err := w.Tick(8 * time.Second); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, w *world.World, want []string, image string) {
	t.Helper()
	condition := settled(t, w)
	if condition == nil {
		t.Fatalf("no condition InvalidSpec: %s %s", w.Rollout().Status.Phase, w.Rollout().Status.Message)
	}
	for _, sentence := range want {
		if !strings.Contains(condition.Message, sentence) {
			t.Errorf("the condition does not say %q: %s", sentence, condition.Message)
		}
	}
	st := w.Rollout().Status
	if !strings.HasPrefix(condition.Message, `The Rollout "web" is invalid: `) || st.Phase != v1alpha1.RolloutPhaseDegraded || st.Message != "InvalidSpec: "+condition.Message {
		t.Errorf("phase %s, message %q, condition %q", st.Phase, st.Message, condition.Message)
	}
	if set := w.SetOf(image); set != "" {
		t.Errorf("ReplicaSet %s was made", set)
	}
}

func accepted(t *testing.T, w *world.World, image string) {
	t.Helper()
	if condition := settled(t, w); condition != nil {
		t.Fatalf("still refused: %s", condition.Message)
	}
	if phase := w.Rollout().Status.Phase; phase == v1alpha1.RolloutPhaseDegraded || w.SetOf(image) == "" {
		t.Errorf("phase %s, ReplicaSet of %s: %q", phase, image, w.SetOf(image))
	}
}

// settled lets the controller work, and gives the condition InvalidSpec.
func settled(t *testing.T, w *world.World) *v1alpha1.RolloutCondition {
	t.Helper()
	if err := w.Settle(); err != nil {
		t.Fatal(err)
	}
	for _, b := range w.Breaches {
		t.Error("BREACH " + b)
	}
	for _, c := range w.Rollout().Status.Conditions {
		if c.Type == v1alpha1.InvalidSpec {
			return &c
		}
	}
	return nil
}
