// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/controller/world"

	"pgregory.net/rapid"
)

// TestTakeOver takes over from another controller wherever that may have
// stopped, reachable or not: any step, any selectors, any weight, any pods. No
// write is a breach, no ReplicaSet is made, and all comes to rest, by a
// promotion or as aborted.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := world.New()
		mesh, left := leftBehind(t)
		story := "given mesh=" + mesh + "\n" + left + "----\n\n"
		do := func(verb, input string, args map[string]string) {
			if err := w.Act(verb, args, input); err != nil {
				t.Fatalf("%s: %v\n%s", verb, err, story)
			}
			if b := w.Breached(); b != "" {
				t.Fatalf("%s: %s\n%s", verb, b, story)
			}
			for _, e := range w.Events() {
				if strings.Contains(e, " NewReplicaSetCreated ") {
					t.Fatalf("%s\n%s", e, story)
				}
			}
		}
		do("given", left, map[string]string{"mesh": mesh})
		do("wait", "", map[string]string{"for": "10s"})
		do("ready", "", map[string]string{"v1": "all", "v2": "all"})
		for range 8 { // more than there are pauses
			do("wait", "", map[string]string{"for": "40s"})
			do("unpause", "", nil)
			do("promote", "", nil)
		}
		do("wait", "", map[string]string{"for": "2m"})
		if why := w.Unrest(); why != "" {
			t.Fatalf("not at rest: %s\n%s\n%s", why, story, w.Show())
		}
	})
}

// leftBehind draws a rollout from v1 to v2, or back, as YAML of the verb given.
func leftBehind(t *rapid.T) (mesh, yaml string) {
	draw := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	pods := func(of string) string {
		n := rapid.IntRange(0, 10).Draw(t, of)
		set := fmt.Sprintf("{pods: %d, ready: %d", n, rapid.IntRange(0, n).Draw(t, of+" ready"))
		if rapid.Bool().Draw(t, of+" due") {
			set += ", deadline: " + draw(of+" deadline", "-5s", "5s", "40s")
		}
		return set + "}"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "steps: [%s]\n", draw("steps", "{setWeight: 20}, {pause: {}}", "{setWeight: 50}, {pause: {duration: 10}}, {setWeight: 80}, {pause: {}}", "{setCanaryScale: {replicas: 2}}, {setWeight: 30}, {pause: {}}"))
	fmt.Fprintf(&b, "sets: {v1: %s, v2: %s}\n", pods("v1"), pods("v2"))
	fmt.Fprintf(&b, "stable: %s\ncurrent: %s\n", draw("stable", "v1", "v2"), draw("current", "v1", "v2"))
	fmt.Fprintf(&b, "s: %s\nc: %s\n", draw("S", `""`, "v1", "v2"), draw("C", `""`, "v1", "v2"))
	fmt.Fprintf(&b, "weight: %s\n", draw("weight", "0", "20", "50", "100"))
	fmt.Fprintf(&b, "spec: {paused: %v, strategy: {canary: {dynamicStableScale: %v}}}\n", rapid.Bool().Draw(t, "paused"), rapid.Bool().Draw(t, "dynamic"))
	fmt.Fprintf(&b, "status: {currentStepIndex: %d, %s}\n", rapid.IntRange(0, 4).Draw(t, "index"), draw("how",
		"abort: false", "abort: true", `abort: true, abortedAt: "2025-12-31T23:59:00Z"`, "promoteFull: true",
		`controllerPause: true, pauseConditions: [{reason: CanaryPauseStep, startTime: "2025-12-31T23:59:00Z"}]`))
	return draw("mesh", "", "istio"), b.String()
}
