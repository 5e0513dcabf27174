// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// misspell: the spec is not in order, until it is mended.
func (s *simulation) misspell(t *rapid.T) {
	const spec = `{"spec":{"strategy":%s}}` + "\n"
	wrong := []string{`{"blueGreen":{"activeService":"both"}}`, "steps"}
	if s.named() {
		wrong = append(wrong, `{"canary":{"stableService":"typo"}}`, `{"canary":{"canaryService":"typo"}}`)
	}
	if slices.Contains(s.trial.kinds(), "gatewayAPI") {
		wrong = append(wrong, `{"canary":{"trafficRouting":{"gatewayAPI":{"httpRoute":"typo"}}}}`)
	}
	switch patch := rapid.SampledFrom(wrong).Draw(t, "wrong"); patch {
	case "steps":
		s.misspelt = true
		s.do("steps", strings.Join(drawSteps(t, s.trial), "\n")+"\nsetWeight: 100001\n")
	default:
		s.do("spec", fmt.Sprintf(spec, patch))
	}
}

// mend what is wrong with the spec.
func (s *simulation) mend(t *rapid.T) {
	patch := map[string]any{}
	if s.named() {
		patch["stableService"], patch["canaryService"] = "stable", "canary"
	}
	if slices.Contains(s.trial.kinds(), "gatewayAPI") {
		patch["trafficRouting"] = map[string]any{"gatewayAPI": map[string]any{"httpRoute": "web"}}
	}
	text, err := json.Marshal(map[string]any{"spec": map[string]any{"strategy": map[string]any{"blueGreen": nil, "canary": patch}}})
	if err != nil {
		t.Fatal(err)
	}
	s.do("spec", string(text)+"\n")
	if s.misspelt {
		s.misspelt = false
		s.do("steps", strings.Join(drawSteps(t, s.trial), "\n")+"\n")
	}
}

// named: the spec names both role Services, and they do not swap roles.
func (s *simulation) named() bool {
	return s.trial.mesh != "none" && !strings.Contains(s.trial.spec, "pingPong")
}
