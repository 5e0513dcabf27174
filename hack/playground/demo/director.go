package demo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	lookEvery    = 150 * time.Millisecond
	stepPatience = 90 * time.Second // for anything to happen

	good, bad   = "v2", "v3"
	badFailRate = 0.25
	// So much of it makes the owners of the shop abort.
	badErrors, badPercent = 10, 10
)

// step of a release, at which the rollout waits for its owners.
type step struct {
	name   string
	index  int // in the manifest
	weight int // percent
}

// steps of manifests/rollout.yaml.
var steps = [...]step{
	{name: "header route", index: 2, weight: 0},
	{name: "5 %", index: 5, weight: 5},
	{name: "25 %", index: 7, weight: 25},
	{name: "50 %", index: 9, weight: 50},
}

// Names of where a release can end.
const (
	promoted  = "100 %"
	takenBack = "aborted"
)

// act is what is being shown.
type act struct {
	title   string
	steps   []string // that it goes through
	step    string   // the present one
	version string   // whose share is measured; "" if none is
	wanted  float64  // percent of it
	other   string   // has the rest
}

// director plays the story: it acts as the owners of the shop would, and
// watches.
type director struct {
	*stage
	view    view
	act     act
	now     scene
	results []measurement
}

func newDirector(options Options, v view) *director {
	return &director{stage: &stage{options: options, tally: newTally()}, view: v}
}

// play plays the whole story.
func (d *director) play(ctx context.Context) error {
	for _, part := range []func(context.Context) error{d.open, d.releaseGood, d.releaseBad} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// open opens the shop, and sends the first customers.
func (d *director) open(ctx context.Context) error {
	d.act = act{title: "opening the shop"}
	d.view.say("deploying v1 of a shop: %d pods that carry %d requests per second each", replicas, perPod(d.options.Rate))
	if err := d.apply(ctx, "edge.yaml", d.values("v1", 0)); err != nil {
		return err
	}
	if err := d.apply(ctx, "rollout.yaml", d.values("v1", 0)); err != nil {
		return err
	}
	err := d.until(ctx, "the shop is open", func(s scene) bool {
		return s.rollout.healthy() && s.served.is(0, false) && d.answers(ctx)
	})
	if err != nil {
		return err
	}
	d.view.say("the shop is open: %d requests per second, one in %d with %s: true", d.options.Rate, betaEvery, headerBeta)
	d.send(ctx)
	return nil
}

// releaseGood takes a version all the way.
func (d *director) releaseGood(ctx context.Context) error {
	d.act = act{title: good + " replaces v1", version: good, other: "v1", steps: append(names(steps[:]), promoted)}
	if err := d.release(ctx, good, 0); err != nil {
		return err
	}
	for _, s := range steps {
		if err := d.reach(ctx, s); err != nil {
			return err
		}
		if err := d.measure(ctx, true, func(scene) bool { return true }); err != nil {
			return err
		}
		if err := d.promote(ctx); err != nil {
			return err
		}
	}
	// From the first moment on, because it is here that Services change hands.
	d.act.step, d.act.wanted = promoted, 100
	if err := d.until(ctx, "all traffic is on "+good, func(s scene) bool { return s.served.canary == 100 || s.rollout.healthy() }); err != nil {
		return err
	}
	if err := d.measure(ctx, false, func(s scene) bool { return s.rollout.healthy() && s.served.is(0, false) }); err != nil {
		return err
	}
	d.view.say("%s is the stable version now", good)
	return d.goodbye(ctx, "v1")
}

// releaseBad takes a version until its errors show, and back.
func (d *director) releaseBad(ctx context.Context) error {
	d.act = act{title: bad + " replaces " + good, version: bad, other: good, steps: append(names(steps[:2]), takenBack)}
	if err := d.release(ctx, bad, badFailRate); err != nil {
		return err
	}
	if err := d.reach(ctx, steps[0]); err != nil {
		return err
	}
	d.view.say("somebody is in a hurry: %s is promoted before it was tried with %s", bad, headerBeta)
	if err := d.promote(ctx); err != nil {
		return err
	}
	if err := d.reach(ctx, steps[1]); err != nil {
		return err
	}
	if err := d.measure(ctx, true, func(s scene) bool { return isBad(s.totals) }); err != nil {
		return err
	}
	d.view.say("%.0f %% of what %s answers are errors: abort", percent(d.now.totals.errors[bad], d.now.totals.answers[bad]), bad)
	if err := d.abort(ctx); err != nil {
		return err
	}
	aborted := time.Now()
	if err := d.takeBack(ctx, func(s scene) bool { return s.rollout.Status.Phase == "Degraded" }); err != nil {
		return err
	}
	d.view.say("the last request that %s got was sent %.1f s after the abort", bad, max(0, d.now.totals.last[bad].Sub(aborted).Seconds()))
	return d.goodbye(ctx, bad)
}

func names(steps []step) []string {
	var names []string
	for _, s := range steps {
		names = append(names, s.name)
	}
	return names
}

func isBad(t totals) bool {
	return t.errors[bad] >= badErrors && percent(t.errors[bad], t.answers[bad]) >= badPercent
}

// release applies a new version.
func (d *director) release(ctx context.Context, version string, failRate float64) error {
	d.view.say("releasing %s", version)
	return d.apply(ctx, "rollout.yaml", d.values(version, failRate))
}

// reach waits until the rollout waits at a step, and the data plane serves it.
func (d *director) reach(ctx context.Context, s step) error {
	d.act.step, d.act.wanted = s.name, float64(s.weight)
	d.tally.open(time.Now())
	return d.until(ctx, d.act.version+" is at "+s.name, func(now scene) bool {
		return now.rollout.pausedAt(s.index) && now.served.is(s.weight, true)
	})
}

// takeBack waits until the canary gets nothing any more, and counts.
func (d *director) takeBack(ctx context.Context, also func(scene) bool) error {
	d.act.step, d.act.wanted = takenBack, 0
	if err := d.until(ctx, "the traffic is taken back", func(s scene) bool { return s.served.is(0, false) }); err != nil {
		return err
	}
	return d.measure(ctx, false, also)
}

// measure counts requests from now on, until there are enough of them and what
// else is waited for has happened.
func (d *director) measure(ctx context.Context, beta bool, also func(scene) bool) error {
	m := measurement{step: d.act.step, version: d.act.version, wanted: d.act.wanted, beta: beta}
	d.tally.open(time.Now())
	err := d.until(ctx, "enough requests are counted at "+m.step, func(s scene) bool {
		return total(s.window.plain) >= needed(m.wanted) && also(s)
	})
	m.got = d.now.window
	d.results = append(d.results, m)
	d.view.say("%s", m)
	return err
}

// goodbye waits until the pods of a version are gone.
func (d *director) goodbye(ctx context.Context, version string) error {
	if err := d.until(ctx, "the pods of "+version+" are gone", func(s scene) bool { return s.pods[version].all == 0 }); err != nil {
		return err
	}
	d.view.say("the pods of %s are gone", version)
	return nil
}

// until watches until something holds, or for too long.
func (d *director) until(ctx context.Context, what string, holds func(scene) bool) error {
	late := fmt.Errorf("it took more than %s", stepPatience)
	ctx, cancel := context.WithTimeoutCause(ctx, stepPatience, late)
	defer cancel()
	if err := d.watch(ctx, holds); err != nil {
		return fmt.Errorf("wait until %s: %w; %s", what, err, d.now)
	}
	return nil
}

// watch looks again and again, and shows what it sees, until something holds.
func (d *director) watch(ctx context.Context, holds func(scene) bool) error {
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for {
		now, err := d.look(ctx)
		if err == nil {
			d.now = now
			d.view.show(d.act, now)
			if holds(now) {
				return nil
			}
		}
		select {
		case <-ticks.C:
		case err := <-d.p.Failed():
			return err
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
