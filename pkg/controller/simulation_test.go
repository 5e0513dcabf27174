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

// TestSimulation tries random rollouts in a world where everything goes wrong:
// loops that run on stale caches, pods that come and go, an autoscaler,
// clients that write at any time, failed and lost writes, and a controller that
// dies between two writes. Every write is judged by the invariants. In the end
// the world becomes a friendly place, and the rollout has to come to rest.
//
// A failure prints the run as a story, ready for testdata/stories.
func TestSimulation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &simulation{t: t, w: world.New()}
		s.begin()
		t.Repeat(s.actions())
		s.settle()
	})
}

// simulation is one run, written down as a story.
type simulation struct {
	t     *rapid.T
	w     *world.World
	story strings.Builder
	steps int
}

// do is one command of the story, and fails on a breach.
func (s *simulation) do(command, input string, args ...string) {
	s.story.WriteString(command)
	byName := map[string]string{}
	for i := 0; i < len(args); i += 2 {
		byName[args[i]] = args[i+1]
		fmt.Fprintf(&s.story, " %s=%s", args[i], args[i+1])
	}
	s.story.WriteString("\n" + input + "----\n\n")
	err := s.w.Act(command, byName, input)
	if breached := s.w.Breached(); err != nil || breached != "" {
		s.fail(fmt.Sprintf("%s%v", breached, err))
	}
}

func (s *simulation) fail(why string) {
	s.t.Fatalf("%s\nas a story:\n\n%s", why, s.story.String())
}

// begin deploys v1 of a shop with random steps, and makes it healthy.
func (s *simulation) begin() {
	mesh := rapid.SampledFrom([]string{"", "istio"}).Draw(s.t, "mesh")
	steps := rapid.SliceOfN(rapid.SampledFrom([]string{
		"setWeight: 0", "setWeight: 5", "setWeight: 20", "setWeight: 50", "setWeight: 90", "setWeight: 100",
		"pause: {}", "pause: {duration: 3s}",
		"setCanaryScale: {replicas: 1}", "setCanaryScale: {weight: 30}", "setCanaryScale: {matchTrafficWeight: true}",
		`setHeaderRoute: {name: preview, match: [{headerName: x, headerValue: {exact: "y"}}]}`, "setHeaderRoute: {name: preview}",
		"setMirrorRoute: {name: shadow, percentage: 10, match: [{path: {prefix: /}}]}",
	}), 1, 5).Draw(s.t, "steps")
	s.steps = len(steps)
	s.story.WriteString("# What this run of the simulation found.\n\n")
	s.do("manual", "")
	s.do("first", strings.Join(steps, "\n")+"\n", "mesh", mesh)
	s.do("spec", fmt.Sprintf(`{"spec":{"replicas":%d,"strategy":{"canary":{"maxUnavailable":%d,"scaleDownDelaySeconds":%d,"abortScaleDownDelaySeconds":%d}}}}`+"\n",
		rapid.SampledFrom([]int{1, 2, 3, 10}).Draw(s.t, "replicas"), rapid.IntRange(0, 2).Draw(s.t, "maxUnavailable"),
		rapid.SampledFrom([]int{0, 5, 30}).Draw(s.t, "delay"), rapid.SampledFrom([]int{0, 5, 30}).Draw(s.t, "abortDelay")))
	s.do("ready", "", "v1", "all")
	s.do("auto", "")
	s.do("spec", `{"spec":{"strategy":{"canary":{"canaryMetadata":{"labels":{"role":"canary"}},"stableMetadata":{"labels":{"role":"stable"}}}}}}`+"\n")
	s.do("wait", "", "for", "6s")
	s.do("deploy", "", "image", "v2")
	s.forward()
	s.do("manual", "")
}

// forward lets an update come as far as some step before anything goes wrong.
func (s *simulation) forward() {
	if !rapid.Bool().Draw(s.t, "forward") {
		return
	}
	s.do("ready", "", "v2", "all")
	for range rapid.IntRange(0, s.steps).Draw(s.t, "promotions") {
		s.do("promote", "")
	}
	s.do("ready", "", "v2", rapid.SampledFrom([]string{"0", "1", "all"}).Draw(s.t, "pods"))
}

// actions of everybody who can touch a rollout, each as often as it is listed.
func (s *simulation) actions() map[string]func(*rapid.T) {
	plain := func(command string) func(*rapid.T) { return func(*rapid.T) { s.do(command, "") } }
	drawn := func(command, arg string, values ...string) func(*rapid.T) {
		return func(t *rapid.T) { s.do(command, "", arg, rapid.SampledFrom(values).Draw(t, arg)) }
	}
	actions := map[string]func(*rapid.T){}
	often := func(times int, name string, action func(*rapid.T)) {
		for i := range times {
			actions[fmt.Sprint(name, i)] = func(t *rapid.T) {
				action(t)
				s.work(t)
			}
		}
	}
	often(5, "wait", drawn("wait", "for", "100ms", "600ms", "1s", "2s", "6s", "35s"))
	often(8, "ready", s.ready)
	often(4, "promote", plain("promote"))
	often(3, "scale", drawn("scale", "to", "0", "1", "3", "4", "10", "15"))
	often(2, "deploy", drawn("deploy", "image", "v1", "v2", "v3"))
	often(2, "fail", drawn("fail", "how", "refused", "lost", "unanswered", "timeout"))
	often(2, "crash", drawn("crash", "after", "1", "2", "3"))
	often(3, "hold", drawn("hold", "resource", "rollouts", "replicasets", "services", "endpointslices", "httproutes", "virtualservices"))
	often(4, "deliver", plain("deliver"))
	often(2, "sleep", drawn("sleep", "controller", "replicasets", "endpointslices"))
	often(2, "awake", plain("awake"))
	often(2, "acks", drawn("acks", "on", "true", "false"))
	often(1, "plant", func(t *rapid.T) {
		s.do("plant", "", "image", rapid.SampledFrom([]string{"v2", "v3"}).Draw(t, "image"),
			"template", rapid.SampledFrom([]string{"v2", "v3"}).Draw(t, "template"), "owner", rapid.SampledFrom([]string{"none", "gone", "rollout"}).Draw(t, "owner"))
	})
	often(3, "metadata", func(t *rapid.T) {
		s.do("spec", rapid.SampledFrom([]string{
			`{"spec":{"strategy":{"canary":{"canaryMetadata":{"labels":{"role":"canary"}},"stableMetadata":{"labels":{"role":"stable"}}}}}}`,
			`{"spec":{"strategy":{"canary":{"canaryMetadata":{"labels":{"role":"other"}},"stableMetadata":{"labels":{"tier":"one"}}}}}}`,
			`{"spec":{"strategy":{"canary":{"canaryMetadata":null}}}}`,
			`{"spec":{"strategy":{"canary":{"stableMetadata":null}}}}`,
		}).Draw(t, "metadata")+"\n")
	})
	for _, command := range []string{"promote-full", "abort", "retry", "pause", "unpause", "restart-controller", "drop-managed"} {
		often(1, command, plain(command))
	}
	return actions
}

// work lets the loops do their part: some of them once, or all a few times.
func (s *simulation) work(t *rapid.T) {
	if rapid.Bool().Draw(t, "one") {
		s.do("sync", "", "loop", rapid.SampledFrom(s.w.Loops()).Draw(t, "loop"))
		return
	}
	for range rapid.IntRange(0, 4).Draw(t, "rounds") {
		s.round()
	}
}

// round lets every loop work once, in an order that is drawn.
func (s *simulation) round() {
	for _, loop := range rapid.Permutation(s.w.Loops()).Draw(s.t, "order") {
		s.do("sync", "", "loop", loop)
	}
}

// ready sets the pods that are ready of a version.
func (s *simulation) ready(t *rapid.T) {
	s.do("ready", "", rapid.SampledFrom(versions).Draw(t, "image"), rapid.SampledFrom([]string{"0", "1", "3", "all", "all"}).Draw(t, "pods"))
}

// versions that are deployed.
var versions = []string{"v1", "v2", "v3"}

// settle makes the world friendly, and demands that the rollout gets to where
// its user wants it, by an abort or by a promotion (invariants 8, 9 and 12).
func (s *simulation) settle() {
	s.do("acks", "", "on", "true")
	s.do("unpause", "")
	for _, image := range versions {
		s.do("ready", "", image, "all")
	}
	s.do("auto", "")
	end := rapid.SampledFrom([]string{"abort", "promote-full"}).Draw(s.t, "end")
	if end == "promote-full" {
		s.do("retry", "")
	}
	s.do(end, "")
	s.do("wait", "", "for", "90s")
	if wrong := s.w.Unrest(); wrong != "" {
		s.fail(wrong + "\n" + s.w.Show())
	}
	before := s.w.Version()
	s.do("wait", "", "for", "120s")
	if after := s.w.Version(); after != before {
		s.fail(fmt.Sprintf("%d writes at rest (invariant 12)", after-before))
	}
}
