// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// trial is a random rollout: where it runs, its steps, and the rest of its spec
// as a patch.
type trial struct {
	mesh  string
	total int
	steps []string
	spec  string
	// scaleDown of the Deployment that it takes over from, "" for none.
	scaleDown string
	// lender is the kind of what only lends its template, "" for none.
	lender   string
	replicas int
}

func (s trial) routed() bool { return len(s.kinds()) > 0 }

// kinds of data planes.
func (s trial) kinds() []string {
	var kinds []string
	for name := range strings.SplitSeq(s.mesh, "+") {
		if kind := map[string]string{"gateway": "gatewayAPI", "istio": "istio", "test": "testroutes"}[name]; kind != "" {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// drawTrial draws every field that has a meaning on what it runs on.
func drawTrial(t *rapid.T) trial {
	s := trial{total: 100}
	s.mesh = rapid.SampledFrom([]string{
		"gateway", "istio", "gateway", "istio", "test", "gateway+istio", "istio+test", "gateway+istio+test", "service", "none",
	}).Draw(t, "mesh")
	spec, canary := map[string]any{}, map[string]any{}
	optional := func(in map[string]any, name string, values ...any) {
		if v := rapid.SampledFrom(append([]any{nil, nil}, values...)).Draw(t, name); v != nil {
			in[name] = v
		}
	}
	s.replicas = rapid.SampledFrom([]int{10, 1, 2, 3, 5}).Draw(t, "replicas")
	spec["replicas"] = s.replicas
	s.scaleDown = rapid.SampledFrom([]string{"", "", "", "never", "onsuccess", "progressively"}).Draw(t, "scaleDown")
	if s.scaleDown == "" {
		s.lender = rapid.SampledFrom([]string{"", "", "", "", "PodTemplate", "ReplicaSet"}).Draw(t, "lender")
	}
	if s.lender == "ReplicaSet" {
		spec["replicas"], s.replicas = 10, 10 // as many as that has, so that its pods can be replaced behind the Services
	}
	optional(spec, "minReadySeconds", 1)
	optional(spec, "progressDeadlineSeconds", 30)
	if spec["progressDeadlineSeconds"] != nil {
		optional(spec, "progressDeadlineAbort", true)
	}
	optional(spec, "revisionHistoryLimit", 0, 1)
	optional(spec, "rollbackWindow", map[string]any{"revisions": 1})
	optional(canary, "maxSurge", 0, 1, "25%", "50%")
	optional(canary, "maxUnavailable", 0, 1, 2, "50%")
	if canary["maxSurge"] == 0 && canary["maxUnavailable"] == 0 {
		delete(canary, "maxUnavailable")
	}
	optional(canary, "replicaProgressThreshold", map[string]any{"type": "Percent", "value": 50}, map[string]any{"type": "Pods", "value": 1})
	optional(canary, "abortScaleDownDelaySeconds", 0, 5, 30)
	optional(canary, "antiAffinity", map[string]any{"requiredDuringSchedulingIgnoredDuringExecution": map[string]any{}},
		map[string]any{"preferredDuringSchedulingIgnoredDuringExecution": map[string]any{"weight": 7}})
	optional(canary, "canaryMetadata", map[string]any{"labels": map[string]any{"role": "canary"}})
	optional(canary, "stableMetadata", map[string]any{"labels": map[string]any{"role": "stable"}})
	if s.routed() {
		drawRouted(t, &s, canary, optional)
	}
	spec["strategy"] = map[string]any{"canary": canary}
	text, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		t.Fatal(err)
	}
	s.spec, s.steps = string(text), drawSteps(t, s)
	return s
}

// drawRouted draws the fields that need traffic routing.
func drawRouted(t *rapid.T, s *trial, canary map[string]any, optional func(in map[string]any, name string, values ...any)) {
	optional(canary, "scaleDownDelaySeconds", 0, 5, 30)
	optional(canary, "scaleDownDelayRevisionLimit", 0, 1)
	optional(canary, "minPodsPerReplicaSet", 2)
	optional(canary, "dynamicStableScale", true)
	if canary["dynamicStableScale"] != nil {
		delete(canary, "scaleDownDelaySeconds")
	}
	for _, extra := range []string{"boundedScaleUp", "prewarm"} {
		optional(canary, extra, true)
	}
	optional(canary, "abortRamp", map[string]any{"decrement": 20, "intervalSeconds": 5})
	optional(canary, "drainGate", map[string]any{"timeoutSeconds": 5})
	if rapid.IntRange(0, 5).Draw(t, "pingPong") == 5 {
		canary["stableService"], canary["canaryService"] = nil, nil
		canary["pingPong"] = map[string]any{"pingService": "stable", "pongService": "canary"}
	}
	routing := map[string]any{}
	optional(routing, "maxTrafficWeight", 1000, 10)
	if w, ok := routing["maxTrafficWeight"].(int); ok {
		s.total = w
	}
	canary["trafficRouting"] = routing
}

// drawSteps draws one to five steps.
func drawSteps(t *rapid.T, s trial) []string {
	kinds := []string{"pause: {}", "pause: {duration: 3s}"}
	for _, percent := range []int{0, 10, 20, 50, 90, 100} {
		kinds = append(kinds, fmt.Sprintf("setWeight: %d", percent*s.total/100))
	}
	if s.routed() {
		kinds = append(kinds,
			"setWeight: 1",
			"setCanaryScale: {replicas: 1}", fmt.Sprintf("setCanaryScale: {weight: %d}", 30*s.total/100), "setCanaryScale: {matchTrafficWeight: true}",
			`setHeaderRoute: {name: preview, match: [{headerName: x, headerValue: {exact: "y"}}]}`, "setHeaderRoute: {name: preview}",
			"setMirrorRoute: {name: shadow, percentage: 10, match: [{path: {prefix: /}}]}", "setMirrorRoute: {name: shadow}",
		)
		kinds = append(kinds, kinds[len(kinds)-4:]...) // what begins with a route has no weight to keep its pods
	}
	return rapid.SliceOfN(rapid.SampledFrom(kinds), 1, 5).Draw(t, "steps")
}
