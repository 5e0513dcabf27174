// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation_test

import (
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// routed is a rollout with everything that is supported, over two data planes.
const routed = `
spec:
  replicas: 4
  minReadySeconds: 5
  progressDeadlineSeconds: 60
  progressDeadlineAbort: true
  revisionHistoryLimit: 0
  paused: true
  restartAt: "2026-01-02T03:04:05Z"
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: shop:v1}]}}
  strategy:
    canary:
      stableService: shop
      canaryService: shop-canary
      maxSurge: 0
      maxUnavailable: "50"
      scaleDownDelaySeconds: 0
      abortScaleDownDelaySeconds: 0
      trafficRouting:
        managedRoutes: [{name: beta}, {name: copy}]
        istio:
          virtualServices: [{name: shop, routes: [web]}]
        gatewayAPI:
          namespace: gateways
          httpRoutes: [{name: shop, useHeaderRoutes: true, rules: [web]}]
      steps:
      - setCanaryScale: {replicas: 1}
      - setCanaryScale: {weight: 10}
      - setCanaryScale: {matchTrafficWeight: true}
      - setHeaderRoute: {name: beta, match: [{headerName: x-beta, headerValue: {exact: "1"}}, {headerName: agent, headerValue: {prefix: Moz}}, {headerName: agent, headerValue: {regex: .*}}]}
      - setHeaderRoute: {name: beta}
      - setMirrorRoute: {name: copy, percentage: 0, match: [{method: {exact: GET}, path: {prefix: /}, headers: {x: {regex: .}}}]}
      - setMirrorRoute: {name: copy}
      - setWeight: 0
      - pause: {}
      - pause: {duration: 10}
      - pause: {duration: "10"}
      - pause: {duration: 1h30m}
      - setWeight: 100
`

// basic is a rollout whose pods are the weight.
const basic = `
spec:
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}}
  strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}
`

func decode(t *testing.T, text string) *v1alpha1.Rollout {
	t.Helper()
	ro := &v1alpha1.Rollout{}
	if err := yaml.UnmarshalStrict([]byte(text), ro); err != nil {
		t.Fatal(err)
	}
	return ro
}

// able can do everything; each kind is in it that the rollout names.
func able(ro *v1alpha1.Rollout) map[string]mesh.Features {
	all := mesh.Features{HeaderMatch: []string{"exact", "prefix", "regex"}, Mirror: true, MirrorPercent: true, Total: true}
	kinds := map[string]mesh.Features{}
	if c := ro.Spec.Strategy.Canary; c != nil && c.TrafficRouting != nil {
		if c.TrafficRouting.Istio != nil {
			kinds["istio"] = all
		}
		if c.TrafficRouting.GatewayAPI != nil || c.TrafficRouting.Plugins[v1alpha1.GatewayAPIPlugin] != nil {
			kinds["gatewayAPI"] = all
		}
	}
	return kinds
}

// A row changes one place of a valid rollout.
type row struct {
	name string
	base string
	// from is replaced with to.
	from, to string
	want     []string
}

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if strings.Count(r.base, r.from) == 0 {
				t.Fatalf("%q is not in the rollout", r.from)
			}
			ro := decode(t, strings.Replace(r.base, r.from, r.to, 1))
			var got []string
			for _, err := range validation.Validate(ro, able(ro)) {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(r.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

const canary = "spec.strategy.canary."

func TestSpec(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"all that is supported is valid", routed, "", "", nil},
		{"pods as weight are valid", basic, "", "", nil},
		{"replicas", basic, "spec:", "spec:\n  replicas: -1", []string{`spec.replicas: Invalid value: -1: must be 0 or more`}},
		{"no replicas at all are valid", basic, "spec:", "spec:\n  replicas: 0", nil},
		{"min ready", basic, "spec:", "spec:\n  minReadySeconds: -1", []string{`spec.minReadySeconds: Invalid value: -1: must be 0 or more`}},
		{"history", basic, "spec:", "spec:\n  revisionHistoryLimit: -1", []string{`spec.revisionHistoryLimit: Invalid value: -1: must be 0 or more`}},
		{"deadline", basic, "spec:", "spec:\n  progressDeadlineSeconds: -1", []string{`spec.progressDeadlineSeconds: Invalid value: -1: must be 0 or more`}},
		{"the deadline is not after min ready", routed, "minReadySeconds: 5", "minReadySeconds: 60", []string{`spec.progressDeadlineSeconds: Invalid value: 60: must be greater than minReadySeconds`}},
		{"the default deadline is not after min ready", basic, "spec:", "spec:\n  minReadySeconds: 600", []string{`spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds`}},
		{"no selector", basic, "selector: {matchLabels: {app: shop}}", "", []string{`spec.selector: Required value: set labels that the pod template has`}},
		{"an empty selector", basic, "{matchLabels: {app: shop}}", "{}", []string{`spec.selector: Invalid value: "{}": empty selector is invalid for a Rollout: set labels that the pod template has`}},
		{"a malformed selector", basic, "{matchLabels: {app: shop}}", "{matchExpressions: [{key: app, operator: Is}]}", []string{`spec.selector: Invalid value: "<error>": "Is" is not a valid label selector operator`}},
		{"a selector for other pods", basic, "matchLabels: {app: shop}", "matchLabels: {app: cart}", []string{"spec.template.metadata.labels: Invalid value: {\"app\":\"shop\"}: `selector` does not match template `labels`"}},
		{"no strategy", basic, "{canary: {steps: [{setWeight: 50}, {pause: {}}]}}", "{}", []string{`spec.strategy: Required value: set canary`}},
		{"two strategies", basic, "{canary: {", "{blueGreen: {activeService: shop}, canary: {", []string{
			`spec.strategy.blueGreen: Forbidden: not supported`,
			`spec.strategy: Invalid value: "canary and blueGreen": set one of them`,
		}},
		{"every mistake is told", basic, "spec:", "spec:\n  replicas: -1\n  paused: true\n  minReadySeconds: -1\n  workloadRef: {name: a}", []string{
			`spec.replicas: Invalid value: -1: must be 0 or more`,
			`spec.minReadySeconds: Invalid value: -1: must be 0 or more`,
			`spec.workloadRef: Forbidden: not supported`,
		}},
	})
}

func TestCanary(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"no room to move", routed, `maxUnavailable: "50"`, `maxUnavailable: 0%`, []string{canary + `maxSurge: Invalid value: "0": maxSurge and maxUnavailable both can not be zero; raise one of them`}},
		{"a surge of nothing known", routed, `maxSurge: 0`, `maxSurge: lots`, []string{canary + `maxSurge: Invalid value: "lots": must be a number or a percentage, 0 or more`}},
		{"a negative unavailability", routed, `maxUnavailable: "50"`, `maxUnavailable: -1`, []string{canary + `maxUnavailable: Invalid value: "-1": must be a number or a percentage, 0 or more`}},
		{"one Service for both roles", routed, "canaryService: shop-canary", "canaryService: shop", []string{canary + `stableService: Invalid value: "shop": must not be the same Service as canaryService`}},
		{"no stable Service", routed, "stableService: shop", "", []string{canary + `stableService: Required value: traffic is split between two Services; name the stable one`}},
		{"no canary Service", routed, "canaryService: shop-canary", "", []string{canary + `canaryService: Required value: traffic is split between two Services; name the canary one`}},
		{"a scale-down delay for pods as weight", basic, "canary: {", "canary: {scaleDownDelaySeconds: 30, ", []string{canary + `scaleDownDelaySeconds: Invalid value: 30: can only be set with trafficRouting; remove it`}},
		{"an abort delay for pods as weight is valid", basic, "canary: {", "canary: {abortScaleDownDelaySeconds: 30, ", nil},
		{"a negative delay", routed, "abortScaleDownDelaySeconds: 0", "abortScaleDownDelaySeconds: -1", []string{canary + `abortScaleDownDelaySeconds: Invalid value: -1: must be 0 or more`}},
		{"no data plane", basic, "canary: {", "canary: {trafficRouting: {}, ", []string{canary + `trafficRouting: Required value: name a data plane, istio or gatewayAPI`}},
	})
}

func TestSteps(t *testing.T) {
	t.Parallel()
	step := canary + "steps[0]"
	const weight = "setWeight: 50"
	check(t, []row{
		{"a weight below nothing", basic, weight, "setWeight: -1", []string{step + `.setWeight: Invalid value: -1: must be between 0 and 100`}},
		{"a weight above all", basic, weight, "setWeight: 101", []string{step + `.setWeight: Invalid value: 101: must be between 0 and 100`}},
		{"two steps in one", basic, weight, weight + ", pause: {}", []string{step + `: Invalid value: "setWeight, pause": a step has only one of these; make several steps`}},
		{"an empty step", basic, weight, "", []string{step + `: Invalid value: "{}": the step is empty; set one of setWeight, pause, setCanaryScale, setHeaderRoute, setMirrorRoute`}},
		{"a pause backwards", basic, weight, "pause: {duration: -1}", []string{step + `.pause.duration: Invalid value: "-1": must be a number of seconds, or a duration such as 10m`}},
		{"a pause of nothing known", basic, weight, "pause: {duration: soon}", []string{step + `.pause.duration: Invalid value: "soon": must be a number of seconds, or a duration such as 10m`}},
		{"a canary scale for pods as weight", basic, weight, "setCanaryScale: {replicas: 1}", []string{step + `.setCanaryScale: Invalid value: "": needs trafficRouting; remove the step, or set it`}},
		{"a header route for pods as weight", basic, weight, "setHeaderRoute: {name: beta}", []string{step + `.setHeaderRoute: Invalid value: "beta": needs trafficRouting; remove the step, or set it`}},
		{"a mirror route for pods as weight", basic, weight, "setMirrorRoute: {name: beta}", []string{step + `.setMirrorRoute: Invalid value: "beta": needs trafficRouting; remove the step, or set it`}},
		{"a header route that is not listed", routed, "managedRoutes: [{name: beta}, {name: copy}]", "managedRoutes: [{name: copy}]", []string{
			canary + `steps[3].setHeaderRoute.name: Invalid value: "beta": is not in trafficRouting.managedRoutes; add it there`,
			canary + `steps[4].setHeaderRoute.name: Invalid value: "beta": is not in trafficRouting.managedRoutes; add it there`,
		}},
		{"a mirror route that is not listed", routed, "percentage: 0", "percentage: 101, match: []}\n      - setMirrorRoute: {name: other", []string{
			canary + `steps[5].setMirrorRoute.percentage: Invalid value: 101: must be between 0 and 100`,
			canary + `steps[6].setMirrorRoute.name: Invalid value: "other": is not in trafficRouting.managedRoutes; add it there`,
		}},
		{"a header without a name", routed, "headerName: x-beta", `headerName: ""`, []string{canary + `steps[3].setHeaderRoute.match[0].headerName: Required value: name the header`}},
		{"a header without a value", routed, `headerValue: {exact: "1"}`, "headerValue: null", []string{canary + `steps[3].setHeaderRoute.match[0].headerValue: Required value: set exact, prefix or regex`}},
		{"a header with two values", routed, `{exact: "1"}`, `{exact: "1", regex: "1"}`, []string{canary + `steps[3].setHeaderRoute.match[0].headerValue: Invalid value: {"exact":"1","regex":"1"}: set exactly one of exact, prefix and regex`}},
		{"a path of no kind", routed, "path: {prefix: /}", "path: {}", []string{canary + `steps[5].setMirrorRoute.match[0].path: Invalid value: {}: set exactly one of exact, prefix and regex`}},
		{"a mirrored header of no kind", routed, "headers: {x: {regex: .}}", "headers: {x: {}, a: {}}", []string{
			canary + `steps[5].setMirrorRoute.match[0].headers[a]: Invalid value: {}: set exactly one of exact, prefix and regex`,
			canary + `steps[5].setMirrorRoute.match[0].headers[x]: Invalid value: {}: set exactly one of exact, prefix and regex`,
		}},
		{"managed routes that no HTTPRoute would carry", routed, "useHeaderRoutes: true", "useHeaderRoutes: false", []string{
			canary + `steps[3].setHeaderRoute.name: Invalid value: "beta": none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one`,
			canary + `steps[4].setHeaderRoute.name: Invalid value: "beta": none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one`,
			canary + `steps[5].setMirrorRoute.name: Invalid value: "copy": none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one`,
			canary + `steps[6].setMirrorRoute.name: Invalid value: "copy": none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one`,
		}},
	})
}

func TestADataPlaneThatLacksAFeatureIsNamed(t *testing.T) {
	t.Parallel()
	ro := decode(t, routed)
	kinds := able(ro)
	kinds["istio"] = mesh.Features{HeaderMatch: []string{"exact"}}
	var got []string
	for _, err := range validation.Validate(ro, kinds) {
		got = append(got, err.Error())
	}
	want := []string{
		canary + `steps[3].setHeaderRoute.match[1].headerValue.prefix: Invalid value: "agent": not supported by istio`,
		canary + `steps[3].setHeaderRoute.match[2].headerValue.regex: Invalid value: "agent": not supported by istio`,
		canary + `steps[5].setMirrorRoute: Invalid value: "copy": not supported by istio`,
		canary + `steps[6].setMirrorRoute: Invalid value: "copy": not supported by istio`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
