package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	playground "github.com/sluice-rollouts/sluice/hack/playground"
	"github.com/sluice-rollouts/sluice/hack/playground/netns"
)

// envBinaries names the folder with the programs. hack/test-dataplanes.sh sets
// it; then nothing is skipped.
const envBinaries = "PLAYGROUND_BINARIES"

// TestMain runs the tests in a network namespace where they need one.
func TestMain(m *testing.M) {
	netns.Main()
	if os.Getenv(envBinaries) == "" {
		os.Exit(m.Run())
	}
	if netns.IsInside() {
		if _, err := netns.Enter(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	code, err := netns.Run(0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func TestAbortMidway(t *testing.T) {
	d := openShop(t)
	ctx := t.Context()
	do(t, d.climb(ctx, good, 3))
	do(t, d.abort(ctx))
	do(t, d.takeBack(ctx, func(s scene) bool { return s.rollout.Status.Phase == "Degraded" }))
	do(t, d.goodbye(ctx, good))
	judged(t, d)
	if now := d.now.pods["v1"]; now != (podCount{replicas, replicas}) {
		t.Errorf("after the abort v1 has %+v pods, want %d", now, replicas)
	}
}

func TestBackToTheStableTemplateMidway(t *testing.T) {
	d := openShop(t)
	ctx := t.Context()
	do(t, d.climb(ctx, good, 3))
	do(t, d.apply(ctx, "rollout.yaml", d.values("v1", 0)))
	do(t, d.takeBack(ctx, func(s scene) bool { return s.rollout.healthy() }))
	do(t, d.goodbye(ctx, good))
	judged(t, d)
	if d.now.rollout.Status.Abort {
		t.Errorf("the rollout counts as aborted: %s", d.now.rollout)
	}
}

// The controller is killed twice: when a step has just begun, and between the
// moment at which all traffic is on the canary and the one at which the stable
// Service is pointed at it.
func TestControllerKilledMidway(t *testing.T) {
	d := openShop(t)
	ctx := t.Context()
	kill := func() {
		t.Helper()
		d.view.say("killing the controller: %s", d.now)
		d.controller.Kill()
		do(t, d.startController())
	}
	do(t, d.climb(ctx, good, 2))
	do(t, d.promote(ctx))
	kill()
	do(t, d.reach(ctx, steps[3]))
	do(t, d.measure(ctx, true, always))
	do(t, d.promote(ctx))
	do(t, d.until(ctx, "all traffic is on the canary", func(s scene) bool { return s.served.canary == 100 }))
	kill()
	do(t, d.until(ctx, "the release is through", func(s scene) bool { return s.rollout.healthy() && s.served.is(0, false) }))
	do(t, d.goodbye(ctx, "v1"))
	judged(t, d)
}

func TestReplicasChangeMidway(t *testing.T) {
	d := openShop(t)
	ctx := t.Context()
	do(t, d.climb(ctx, good, 2))
	do(t, d.scale(ctx, replicas+2))
	do(t, d.until(ctx, "both versions have grown", podsAre(podCount{6, 6}, podCount{2, 2})))
	do(t, d.promote(ctx))
	do(t, d.reach(ctx, steps[3]))
	do(t, d.scale(ctx, replicas))
	do(t, d.until(ctx, "both versions have shrunk", podsAre(podCount{4, 4}, podCount{2, 2})))
	do(t, d.measure(ctx, true, always))
	do(t, d.promote(ctx))
	do(t, d.until(ctx, "the release is through", func(s scene) bool { return s.rollout.healthy() && s.served.is(0, false) }))
	do(t, d.goodbye(ctx, "v1"))
	judged(t, d)
	if now := d.now.pods[good]; now != (podCount{replicas, replicas}) {
		t.Errorf("at the end %s has %+v pods, want %d", good, now, replicas)
	}
}

// climb releases a version up to one of the steps.
func (d *director) climb(ctx context.Context, version string, to int) error {
	d.act = act{title: version + " replaces v1", version: version, other: "v1", steps: names(steps[:])}
	if err := d.release(ctx, version, 0); err != nil {
		return err
	}
	for i, s := range steps[:to+1] {
		if err := d.reach(ctx, s); err != nil {
			return err
		}
		if i == to {
			break
		}
		if err := d.promote(ctx); err != nil {
			return err
		}
	}
	return nil
}

// scale changes its size as kubectl scale does.
func (s *shop) scale(ctx context.Context, size int) error {
	return s.patch(ctx, "scale", fmt.Sprintf(`{"spec":{"replicas":%d}}`, size))
}

func always(scene) bool { return true }

func podsAre(stable, canary podCount) func(scene) bool {
	return func(s scene) bool { return s.pods["v1"] == stable && s.pods[good] == canary }
}

// openShop starts all parts and opens the shop with v1.
func openShop(t *testing.T) *director {
	t.Helper()
	d := startParts(t)
	do(t, d.open(t.Context()))
	return d
}

// startParts starts all parts, and opens nothing.
func startParts(t *testing.T) *director {
	t.Helper()
	bin := os.Getenv(envBinaries)
	if bin == "" {
		t.Skip("it needs a data plane: run hack/test-dataplanes.sh")
	}
	d := newDirector(Options{
		Playground: playground.Options{BinDir: bin, Dir: t.TempDir(), Drain: 2 * time.Second},
		Source:     "../../..",
		Rate:       240,
	}, logged{t})
	t.Cleanup(func() {
		d.close()
		if t.Failed() {
			t.Logf("the controller's log ends with:\n%s", lastLines(filepath.Join(d.options.Playground.Dir, "logs", "sluice-controller.log")))
		}
	})
	do(t, d.build(t.Context(), d.view.say))
	return d
}

func lastLines(file string) string {
	const most = 80
	content, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// do ends the test if something could not be done.
func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// judged ends the traffic, and fails the test for every promise that was broken.
func judged(t *testing.T, d *director) {
	t.Helper()
	d.stopLoad()
	_, all := d.tally.read()
	t.Logf("%d requests sent, %d failed", all.sent, all.failed)
	for _, p := range judge(d.results, all) {
		t.Error(p)
	}
	for _, f := range all.failures {
		t.Logf("failed at %s: %s", f.sent.Format(time.StampMilli), f.reason)
	}
	if all.answers["v1"] == 0 || all.answers[good] == 0 {
		t.Errorf("answers by version: %v, want some of v1 and of %s", all.answers, good)
	}
}

// logged is a view for tests.
type logged struct{ t *testing.T }

func (l logged) say(format string, args ...any) {
	l.t.Helper()
	l.t.Logf(time.Now().Format("15:04:05.000 ")+format, args...)
}
func (logged) show(act, scene) {}
func (logged) close()          {}
