// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"slices"
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
	out := s.w.Do(command, byName, input)
	if strings.Contains(out, "BREACH") || strings.Contains(out, "no rest") {
		s.fail(out)
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
	s.do("first", strings.Join(steps, "\n")+"\n", "mesh", mesh)
	s.do("spec", fmt.Sprintf(`{"spec":{"replicas":%d,"strategy":{"canary":{"maxUnavailable":%d,"scaleDownDelaySeconds":%d,"abortScaleDownDelaySeconds":%d}}}}`+"\n",
		rapid.SampledFrom([]int{1, 2, 3, 10}).Draw(s.t, "replicas"), rapid.IntRange(0, 2).Draw(s.t, "maxUnavailable"),
		rapid.SampledFrom([]int{0, 5, 30}).Draw(s.t, "delay"), rapid.SampledFrom([]int{0, 5, 30}).Draw(s.t, "abortDelay")))
	s.do("ready", "", "v1", "all")
	s.do("wait", "", "for", "6s")
	s.do("manual", "")
	s.do("deploy", "", "image", "v2")
}

// actions of everybody who can touch a rollout.
func (s *simulation) actions() map[string]func(*rapid.T) {
	plain := func(command string) func(*rapid.T) { return func(*rapid.T) { s.do(command, "") } }
	drawn := func(command, arg string, values ...string) func(*rapid.T) {
		return func(t *rapid.T) { s.do(command, "", arg, rapid.SampledFrom(values).Draw(t, arg)) }
	}
	loops := append(s.w.Loops(), s.w.Loops()...)
	actions := map[string]func(*rapid.T){
		"wait":    drawn("wait", "for", "100ms", "600ms", "1s", "2s", "6s", "35s"),
		"round":   func(*rapid.T) { s.round() },
		"round2":  func(*rapid.T) { s.round(); s.round() },
		"fail":    drawn("fail", "how", "refused", "lost", "unanswered", "timeout"),
		"crash":   drawn("crash", "after", "1", "2", "3"),
		"deploy":  drawn("deploy", "image", "v1", "v2", "v3"),
		"scale":   drawn("scale", "to", "0", "1", "4", "10", "15"),
		"ready":   func(t *rapid.T) { s.ready(t) },
		"ready2":  func(t *rapid.T) { s.ready(t) },
		"hold":    plain("hold"),
		"deliver": plain("deliver"),
		"restart": plain("restart-controller"),
		"acks":    drawn("acks", "on", "true", "false"),
		"edit":    plain("drop-managed"),
	}
	for _, command := range []string{"promote", "promote-full", "abort", "retry", "pause", "unpause"} {
		actions[command] = plain(command)
	}
	for i, loop := range loops {
		actions[fmt.Sprint("sync", i)] = func(*rapid.T) { s.do("sync", "", "loop", loop) }
	}
	return actions
}

// round lets every loop work once, in an order that is drawn.
func (s *simulation) round() {
	for _, loop := range rapid.Permutation(s.w.Loops()).Draw(s.t, "order") {
		s.do("sync", "", "loop", loop)
	}
}

// ready sets the pods that are ready of a version that exists.
func (s *simulation) ready(t *rapid.T) {
	images := slices.DeleteFunc([]string{"v1", "v2", "v3"}, func(image string) bool { return s.w.SetOf(image) == "" })
	s.do("ready", "", rapid.SampledFrom(images).Draw(t, "image"), rapid.SampledFrom([]string{"0", "1", "3", "all", "all"}).Draw(t, "pods"))
}

// settle makes the world friendly, and demands that the rollout gets to where
// its user wants it, by an abort or by a promotion (invariants 8, 9 and 12).
func (s *simulation) settle() {
	s.do("auto", "")
	s.do("acks", "", "on", "true")
	s.do("unpause", "")
	for _, image := range []string{"v1", "v2", "v3"} {
		if s.w.SetOf(image) != "" {
			s.do("ready", "", image, "all")
		}
	}
	end := rapid.SampledFrom([]string{"abort", "promote-full"}).Draw(s.t, "end")
	if end == "promote-full" {
		s.do("retry", "")
	}
	s.do(end, "")
	for _, image := range []string{"v1", "v2", "v3"} {
		if s.w.SetOf(image) != "" {
			s.do("ready", "", image, "all")
		}
	}
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
