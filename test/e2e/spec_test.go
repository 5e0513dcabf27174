// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// edge case 31, 34: what is invalid or not supported starts no new version, says which field it
// is, and lets run what runs; mended, the version starts.
func TestRefusedSpec(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, router, change, says string
	}{
		{"weight out of range", none, "strategy: {canary: {steps: [{setWeight: 120}]}}", "spec.strategy.canary.steps[0].setWeight: Invalid value: 120"},
		{"two strategies", none, "strategy: {blueGreen: {activeService: a}}", "spec.strategy"},
		{"step without a kind", none, "strategy: {canary: {steps: [{}]}}", "spec.strategy.canary.steps[0]"},
		{"deadline too short", none, "progressDeadlineSeconds: 0", "spec.progressDeadlineSeconds"},
		{"header route that is not managed", gateway, `strategy: {canary: {steps: [{setHeaderRoute: {name: stranger, match: [{headerName: x, headerValue: {exact: "y"}}]}}]}}`, "stranger"},
		{"Service that is missing", gateway, "strategy: {canary: {canaryService: nowhere}}", "nowhere"},
		{"blue-green", none, "strategy: {canary: null, blueGreen: {activeService: a}}", "spec.strategy.blueGreen: Forbidden: not supported"},
		{"analysis step", none, "strategy: {canary: {steps: [{analysis: {templates: [{templateName: x}]}}]}}", "spec.strategy.canary.steps[0].analysis: Forbidden: not supported"},
		{"experiment step", none, "strategy: {canary: {steps: [{experiment: {templates: [{name: a, specRef: stable}]}}]}}", "spec.strategy.canary.steps[0].experiment: Forbidden: not supported"},
		{"plugin step", none, "strategy: {canary: {steps: [{plugin: {name: x/y}}]}}", "spec.strategy.canary.steps[0].plugin: Forbidden: not supported"},
		{"background analysis", none, "strategy: {canary: {analysis: {templates: [{templateName: x}]}}}", "spec.strategy.canary.analysis: Forbidden: not supported"},
		{"dynamic stable scale without a data plane", none, "strategy: {canary: {dynamicStableScale: true}}", "spec.strategy.canary.dynamicStableScale: Forbidden: can only be set with trafficRouting"},
		{"another router", gateway, "strategy: {canary: {trafficRouting: {nginx: {stableIngress: x}}}}", "spec.strategy.canary.trafficRouting.nginx: Forbidden: not supported"},
		{"anti-affinity", none, "strategy: {canary: {antiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: {weight: 0}}}}", "spec.strategy.canary.antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight: Invalid value: 0"},
		{"canary metadata", none, "strategy: {canary: {canaryMetadata: {labels: {app: b}}}}", "spec.strategy.canary.canaryMetadata.labels: Forbidden: pods are selected"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := order{router: c.router, replicas: 1, steps: "setWeight: 50\npause: {}"}
			s := newHealthyShop(t, o)
			before := s.rollout()
			s.patch("spec: {" + c.change + "}")
			s.deploy("v2")
			v := s.until("refused", func(v view) bool {
				return v.phase == "Degraded" && strings.Contains(v.ro.Status.Message, "InvalidSpec: ") && strings.Contains(v.ro.Status.Message, c.says)
			})
			if !hasCondition(v.ro, v1alpha1.InvalidSpec, c.says) {
				t.Errorf("no condition InvalidSpec with %q among %+v", c.says, v.ro.Status.Conditions)
			}
			s.untouched(time.Second)
			s.mend(before)
			s.until("started once mended", func(v view) bool { return v.phase == "Paused" && v.sets["v2"] != nil })
		})
	}
}

// A Service plays a role in one Rollout: the second that names it is refused,
// and the first has all of it to itself.
func TestSharedService(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: services, replicas: 1, steps: half1})
	second := strings.NewReplacer("name: web, labels", "name: second, labels", "{app: web}", "{app: web, shop: second}").Replace(s.manifest())
	s.create(v1alpha1.SchemeGroupVersion.WithResource("rollouts"), second)
	eventually(t, func() error {
		ro, err := all.rollouts.ArgoprojV1alpha1().Rollouts(s.ns).Get(t.Context(), "second", getOptions)
		if err == nil && !hasCondition(ro, v1alpha1.InvalidSpec, `belongs to Rollout "web"; name another Service`) {
			err = fmt.Errorf("not refused: %s %s", ro.Status.Phase, ro.Status.Message)
		}
		return err
	})
	s.deploy("v2")
	s.shows("Paused 1/2; v1 1/1, v2 1/1; stable v1, canary v2")
}

func hasCondition(ro *v1alpha1.Rollout, kind v1alpha1.RolloutConditionType, text string) bool {
	for _, c := range ro.Status.Conditions {
		if c.Type == kind && c.Status == corev1.ConditionTrue && strings.Contains(c.Message, text) {
			return true
		}
	}
	return false
}

// untouched fails unless v1 alone runs for a while.
func (s *shop) untouched(duration time.Duration) {
	s.t.Helper()
	for end := time.Now().Add(duration); time.Now().Before(end); time.Sleep(pause) {
		v, err := s.look()
		if err != nil {
			continue
		}
		if rs := v.sets["v1"]; v.sets["v2"] != nil || rs.Status.AvailableReplicas != 1 || *rs.Spec.Replicas != 1 {
			s.t.Fatalf("something happened to what runs: %s", v)
		}
	}
}

// mend puts the strategy back as it was.
func (s *shop) mend(before *v1alpha1.Rollout) {
	s.t.Helper()
	api := all.rollouts.ArgoprojV1alpha1().Rollouts(s.ns)
	eventually(s.t, func() error {
		now, err := api.Get(s.t.Context(), name, getOptions)
		if err != nil {
			return err
		}
		template := now.Spec.Template
		now.Spec = *before.Spec.DeepCopy()
		now.Spec.Template = template
		_, err = api.Update(s.t.Context(), now, metav1.UpdateOptions{FieldManager: "e2e"})
		return err
	})
}

// kubectl validates strictly: a misspelt field is refused by the API server,
// not dropped.
func TestMisspeltField(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: none, replicas: 1, steps: half1})
	for _, change := range []string{
		`{"spec": {"stratgy": {}}}`,
		`{"spec": {"strategy": {"canary": {"steps": [{"setWieght": 20}]}}}}`,
		`{"spec": {"template": {"spec": {"containers": [{"name": "web", "imgae": "x"}]}}}}`,
		`{"spec": {"strategy": {"canary": {"trafficRouting": {"istio": {"virtualServce": {"name": "x"}}}}}}}`,
	} {
		options := patchOptions
		options.FieldValidation = metav1.FieldValidationStrict
		_, err := all.rollouts.ArgoprojV1alpha1().Rollouts(s.ns).Patch(t.Context(), name, types.MergePatchType, []byte(change), options)
		if err == nil || !strings.Contains(err.Error(), "unknown field") {
			t.Errorf("%s: %v, want an unknown field to be refused", change, err)
		}
	}
}

const half1 = "setWeight: 50\npause: {}"

// The API server itself holds what no controller could make good again. Shows
// compatibility 1.
func TestSchema(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: none, replicas: 1, steps: half1})
	_, err := s.tryPatch(t.Context(), types.MergePatchType, "spec: {selector: {matchLabels: {app: other}}}")
	if err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("another selector: %v, want it to be refused as immutable", err)
	}
	_, err = s.tryPatch(t.Context(), types.MergePatchType, "spec: {strategy: {canary: {steps: [{setMirrorRoute: {percentage: 5}}]}}}")
	if !apierrors.IsInvalid(err) {
		t.Errorf("a mirror route without a name: %v, want it to be refused", err)
	}
	s.patch(`spec: {strategy: {canary: {trafficRouting: {plugins: {example.com/own: {any: {thing: [1, "two"]}}}}}}}`)
	raw, err := all.dynamic.Resource(v1alpha1.SchemeGroupVersion.WithResource("rollouts")).Namespace(s.ns).Get(t.Context(), name, getOptions)
	if err != nil {
		t.Fatal(err)
	}
	text, err := raw.MarshalJSON()
	if err != nil || !strings.Contains(string(text), `"example.com/own":{"any":{"thing":[1,"two"]}}`) {
		t.Errorf("the configuration of a plugin was not kept: %s %v", text, err)
	}
}
