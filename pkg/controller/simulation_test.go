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
// clients and users that write at any time, other tools that revert, data
// planes that die, failed and lost writes, and a controller that dies between
// two writes. Every write is judged by the invariants. In the end the world
// becomes a friendly place, and the rollout has to come to rest.
//
// A failure prints the run as a story, ready for testdata/stories.
func TestSimulation(t *testing.T) {
	t.Parallel()
	var rollouts, writes, done int64
	rapid.Check(t, func(t *rapid.T) {
		s := &simulation{t: t, w: world.New()}
		s.begin()
		t.Repeat(s.actions())
		s.settle()
		rollouts, writes, done = rollouts+1, writes+s.w.Judged, done+s.done
	})
	t.Logf("%d rollouts: %d writes judged, %d things done to them by others", rollouts, writes, done)
}

// simulation is one run, written down as a story.
type simulation struct {
	t     *rapid.T
	w     *world.World
	trial trial
	story strings.Builder
	// misspelt: the steps are not in order.
	misspelt bool
	// done counts what others than the controller have done, faults included.
	done int64
}

// do is one command of the story, and fails on a breach.
func (s *simulation) do(command, input string, args ...string) {
	if !slices.Contains([]string{"sync", "sync-twice", "wait", "manual", "auto"}, command) {
		s.done++
	}
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

// begin deploys v1 of a random shop, makes it healthy, and deploys v2.
func (s *simulation) begin() {
	s.trial = drawTrial(s.t)
	s.story.WriteString("# What this run of the simulation found.\n\n")
	s.do("manual", "")
	switch steps := strings.Join(s.trial.steps, "\n") + "\n"; {
	case s.trial.lender != "":
		s.do("migrate", steps, "mesh", s.trial.mesh, "kind", s.trial.lender)
	case s.trial.scaleDown == "":
		s.do("first", steps, "mesh", s.trial.mesh)
	default:
		s.do("migrate", steps, "mesh", s.trial.mesh, "scaleDown", s.trial.scaleDown)
		s.do("resize", "", "to", fmt.Sprint(s.trial.replicas))
	}
	if s.trial.routed() && rapid.IntRange(0, 3).Draw(s.t, "ack timeout") == 3 {
		s.do("ack-timeout", "", "for", "3s")
		s.silence()
	}
	s.do("spec", s.trial.spec+"\n")
	if s.trial.scaleDown != "" && rapid.Bool().Draw(s.t, "takes over in trouble") {
		s.takeOver()
	}
	s.do("ready", "", "v1", "all")
	s.do("auto", "")
	s.do("wait", "", "for", "6s")
	s.demand(s.w.Unrest())
	s.do("deploy", "", "image", "v2")
	s.forward()
	s.quiet()
	s.do("manual", "")
	s.begun()
}

// silence adds a Gateway that never answers.
func (s *simulation) silence() {
	if slices.Contains(s.trial.kinds(), "gatewayAPI") && rapid.Bool().Draw(s.t, "silent parent") {
		s.do("acks", "", "silent", "old")
		s.do("add-parent", "", "name", "old")
	}
}

// quiet lets a rollout that nothing is wrong with come to rest at its step, and
// asks the oracle.
func (s *simulation) quiet() {
	if !rapid.Bool().Draw(s.t, "quiet") {
		return
	}
	s.do("ready", "", "v2", "all")
	s.stand()
	s.demand(s.w.Oracle())
	s.lose()
}

// lose takes the managed routes away, by hand or with the pods that they lead
// to: they are back within T (invariant 6).
func (s *simulation) lose() {
	switch rapid.SampledFrom([]string{"nothing", "routes", "pods", "routes and controller"}).Draw(s.t, "lost") {
	case "nothing":
		return
	case "routes":
		s.do("drop-managed", "")
	case "pods":
		s.do("ready", "", "v2", "0")
		s.do("wait", "", "for", "6s")
		s.do("ready", "", "v2", "all")
	case "routes and controller":
		s.do("drop-managed", "")
		s.do("restart-controller", "")
	}
	s.do("wait", "", "for", "1500ms") // after the half a second of every command
	s.demand(s.w.Restored())
}

// stand lets a rollout come as far as it can by itself, and demands that it
// says what keeps it there (invariant 13).
func (s *simulation) stand() {
	s.do("wait", "", "for", "80s")
	before := s.w.Version()
	s.do("wait", "", "for", "11s")
	if s.w.Version() == before {
		s.demand(s.w.Silence())
		s.demand(s.w.Stranded())
		s.demand(s.w.Misstated())
	}
}

// demand fails unless nothing is wrong.
func (s *simulation) demand(wrong string) {
	if wrong != "" {
		s.fail(wrong + "\n" + s.w.Show())
	}
}

// forward lets an update come as far as some step before anything goes wrong.
func (s *simulation) forward() {
	if !rapid.Bool().Draw(s.t, "forward") {
		return
	}
	s.do("ready", "", "v2", "all")
	for range rapid.IntRange(0, len(s.trial.steps)).Draw(s.t, "promotions") {
		s.do("promote", "")
	}
	s.do("ready", "", "v2", rapid.SampledFrom([]string{"0", "1", "all"}).Draw(s.t, "pods"))
}

// actions of everybody who can touch a rollout, each as often as it is listed.
func (s *simulation) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){}
	often := func(times int, name string, action func(*rapid.T)) {
		for i := range times {
			actions[fmt.Sprint(name, i)] = func(t *rapid.T) {
				action(t)
				s.work(t)
			}
		}
	}
	often(5, "wait", s.drawn("wait", "for", "100ms", "600ms", "1s", "2s", "6s", "35s"))
	often(8, "ready", s.ready)
	s.clients(often)
	s.meddlers(often)
	s.troubles(often)
	s.coincidences(often)
	return actions
}

type often func(times int, name string, action func(*rapid.T))

func (s *simulation) plain(command string) func(*rapid.T) {
	return func(*rapid.T) { s.do(command, "") }
}

func (s *simulation) drawn(command, arg string, values ...string) func(*rapid.T) {
	return func(t *rapid.T) { s.do(command, "", arg, rapid.SampledFrom(values).Draw(t, arg)) }
}

// clients write to the Rollout.
func (s *simulation) clients(often often) {
	often(4, "promote", s.plain("promote"))
	often(3, "scale", s.drawn("scale", "to", "0", "1", "3", "4", "10", "15"))
	often(2, "jitter", s.jitter)
	often(3, "deploy", s.drawn("deploy", "image", "v1", "v2", "v3"))
	often(1, "restart", s.drawn("restart", "in", "0s", "1s", "3s"))
	often(1, "skip-to", s.drawn("skip", "to", "0", "1", "2", "5"))
	often(1, "steps", func(t *rapid.T) { s.do("steps", strings.Join(drawSteps(t, s.trial), "\n")+"\n") })
	often(1, "metadata", func(t *rapid.T) {
		s.do("spec", rapid.SampledFrom([]string{
			`{"spec":{"strategy":{"canary":{"canaryMetadata":{"labels":{"role":"canary"}},"stableMetadata":{"labels":{"role":"stable"}}}}}}`,
			`{"spec":{"strategy":{"canary":{"canaryMetadata":{"labels":{"role":"other"}},"stableMetadata":{"labels":{"tier":"one"}}}}}}`,
			`{"spec":{"strategy":{"canary":{"canaryMetadata":null}}}}`,
			`{"spec":{"strategy":{"canary":{"stableMetadata":null}}}}`,
		}).Draw(t, "metadata")+"\n")
	})
	often(1, "misspell", s.misspell)
	often(1, "mend", s.mend)
	for _, command := range []string{"promote-full", "abort", "retry", "pause", "unpause", "skip"} {
		often(1, command, s.plain(command))
	}
}

// jitter is an autoscaler that cannot make up its mind.
func (s *simulation) jitter(t *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(t, "jitters") {
		s.do("scale", "", "to", rapid.SampledFrom([]string{"2", "3", "4", "5"}).Draw(t, "to"))
		s.round()
	}
}

// meddlers edit by hand what the rollout needs.
func (s *simulation) meddlers(often often) {
	often(1, "touch", s.drawn("touch", "service", "stable", "canary"))
	often(1, "plant", func(t *rapid.T) {
		s.do("plant", "", "image", rapid.SampledFrom([]string{"v2", "v3"}).Draw(t, "image"),
			"template", rapid.SampledFrom([]string{"v2", "v3"}).Draw(t, "template"), "owner", rapid.SampledFrom([]string{"none", "gone", "rollout"}).Draw(t, "owner"))
	})
	often(1, "resize", s.drawn("resize-set", rapid.SampledFrom(versions).Draw(s.t, "resized"), "0", "1", "3"))
	often(1, "remove-set", s.drawn("remove", "set", "v1", "v2", "v3"))
	often(1, "disown", s.drawn("disown", "image", "v1", "v2", "v3"))
	often(1, "restart-controller", s.plain("restart-controller"))
	if s.trial.scaleDown != "" {
		often(2, "resize-workload", s.drawn("resize", "to", "0", "1", "3", "12"))
	}
	if s.trial.mesh == "none" {
		return
	}
	often(1, "point", func(t *rapid.T) {
		s.do("point", "", "service", rapid.SampledFrom([]string{"stable", "canary"}).Draw(t, "service"),
			"image", rapid.SampledFrom([]string{"none", "v1", "v2", "nobody"}).Draw(t, "image"))
	})
	often(1, "remove-service", s.drawn("remove", "service", "stable", "canary"))
	often(2, "restore", s.plain("restore"))
	if s.trial.mesh == "service" {
		return
	}
	often(1, "touch-route", s.drawn("touch", "route", "httproutes", "virtualservices", "testroutes"))
	often(1, "weigh", s.drawn("weigh", "canary", "0", "40", "100"))
	often(1, "neighbour", s.drawn("neighbour", "weight", "0", "20", "40"))
	often(2, "revert", func(*rapid.T) { s.do("revert", "", "by", "argocd") })
	often(1, "reverter", s.drawn("reverter", "by", "argocd", "argocd", ""))
	often(1, "drop-managed", s.plain("drop-managed"))
	often(1, "remove-route", func(t *rapid.T) {
		s.do("remove", "", "route", "web", "of", rapid.SampledFrom([]string{"httproutes", "virtualservices", "testroutes"}).Draw(t, "of"))
	})
}

// troubles are the controller's own.
func (s *simulation) troubles(often often) {
	often(2, "fail", s.drawn("fail", "how", "refused", "lost", "unanswered", "timeout"))
	often(2, "crash", s.drawn("crash", "after", "1", "2", "3"))
	often(3, "hold", s.drawn("hold", "resource", "rollouts", "replicasets", "services", "endpointslices", "httproutes", "virtualservices", "testroutes"))
	often(4, "deliver", s.plain("deliver"))
	often(2, "sleep", s.drawn("sleep", "controller", "replicasets", "endpointslices", "kubelets"))
	often(1, "blind", s.drawn("blind", "resource", "rollouts", "replicasets", "services", "httproutes", "virtualservices", "testroutes"))
	often(3, "awake", s.plain("awake"))
	often(2, "acks", s.drawn("acks", "on", "true", "false"))
	often(1, "refuse", func(t *rapid.T) {
		s.do("acks", "", "on", rapid.SampledFrom([]string{"", "true"}).Draw(t, "now"), "refuse", "BadValue", "part", rapid.SampledFrom([]string{"", "ResolvedRefs", "PartiallyInvalid"}).Draw(t, "part"))
	})
	often(1, "dead", func(t *rapid.T) {
		s.do("acks", "", "on", "false", "of", rapid.SampledFrom([]string{"httproutes", "testroutes"}).Draw(t, "of"))
	})
}

// work lets the loops do their part: some of them once, or all a few times. Now
// and then everybody has known for long by then what has happened.
func (s *simulation) work(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "late") == 4 {
		s.do("wait", "", "for", "3s")
	}
	if rapid.Bool().Draw(t, "one") {
		s.do(rapid.SampledFrom([]string{"sync", "sync-twice"}).Draw(t, "sync"), "", "loop", rapid.SampledFrom(s.loops()).Draw(t, "loop"))
		return
	}
	for range rapid.IntRange(0, 4).Draw(t, "rounds") {
		s.round()
	}
}

// round lets every loop work once, in an order that is drawn.
func (s *simulation) round() {
	s.do("sync", "", "loop", strings.Join(rapid.Permutation(s.loops()).Draw(s.t, "order"), "+"))
}

// loops that have something to do with the trial.
func (s *simulation) loops() []string {
	return slices.DeleteFunc(s.w.Loops(), func(loop string) bool {
		kind, traffic := strings.CutPrefix(loop, "traffic-")
		return traffic && !slices.Contains(s.trial.kinds(), kind)
	})
}

// versions that are deployed.
var versions = []string{"v1", "v2", "v3"}

// ready sets the pods that are ready of a version.
func (s *simulation) ready(t *rapid.T) {
	s.do("ready", "", rapid.SampledFrom(versions).Draw(t, "image"), rapid.SampledFrom([]string{"0", "1", "3", "all", "all"}).Draw(t, "pods"))
}

// settle makes the world friendly, and demands that the rollout gets to where
// its user wants it, by an abort or by a promotion (invariants 8, 9 and 12).
func (s *simulation) settle() {
	if rapid.Bool().Draw(s.t, "stands") {
		s.do("auto", "")
		s.stand() // with all that is broken in the cluster
		s.do("manual", "")
	}
	s.do("reverter", "")
	s.do("restore", "")
	s.mend(s.t)
	s.do("acks", "", "on", "true")
	s.do("unpause", "")
	if s.trial.scaleDown != "" {
		s.do("resize", "", "to", "1")
	}
	if s.trial.lender == "ReplicaSet" {
		s.do("scale", "", "to", "10") // with fewer its pods cannot be replaced behind a Service
	}
	for _, image := range versions {
		s.do("ready", "", image, "all")
	}
	s.do("auto", "")
	if rapid.Bool().Draw(s.t, "steps on") {
		s.stand()
		s.demand(s.w.Oracle())
	}
	end := rapid.SampledFrom([]string{"abort", "promote-full"}).Draw(s.t, "end")
	if end == "promote-full" {
		s.do("retry", "")
	}
	s.do(end, "")
	s.do("wait", "", "for", "700s") // longer than any progress deadline
	s.demand(s.w.Unrest())
	before := s.w.Version()
	s.do("wait", "", "for", "120s")
	if after := s.w.Version(); after != before {
		s.fail(fmt.Sprintf("%d writes at rest (invariant 12)", after-before))
	}
}
