// Package demo plays a release on a real control plane with real traffic, and
// checks what a release promises: that no request fails, and that each version
// gets its share. It judges by the answers to the requests alone, not by what
// the controller says of itself.
package demo

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Run plays the demo and tells of it on out, live if that is a terminal. It
// returns whether all promises were kept; an error says why it could not be
// played to the end.
func Run(ctx context.Context, out *os.File, options Options) (kept bool, err error) {
	d := newDirector(options, newView(out, time.Now(), options.Rate))
	defer d.close()
	defer d.view.close()
	if err := d.build(ctx, d.view.say); err != nil {
		return false, err
	}
	if err := d.play(ctx); err != nil {
		return false, d.explain(out, err)
	}
	if !options.Keep {
		d.stopLoad()
	}
	d.view.close()
	_, totals := d.tally.read()
	summarize(out, d.results, totals)
	kept = conclude(out, judge(d.results, totals))
	if !options.Keep {
		return kept, nil
	}
	fmt.Fprintf(out, keeping, d.p.Kubeconfig, d.p.URL)
	if err := d.goOn(ctx); ctx.Err() == nil {
		return false, err
	}
	return kept, nil
}

// goOn shows what others do with the shop. Shares are those since the data plane
// last changed its split.
func (d *director) goOn(ctx context.Context) error {
	d.act = act{title: "yours to play with"}
	var split served
	return d.watch(ctx, func(now scene) bool {
		if now.served != split {
			split = now.served
			d.tally.open(time.Now())
		}
		return false
	})
}

const keeping = `
All of it goes on until you press Ctrl-C, the traffic too. To use it:

  export KUBECONFIG=%s
  curl %s

`

// explain tells of the traffic until the story broke off. It does not judge:
// what came after might have broken a promise.
func (d *director) explain(out *os.File, err error) error {
	d.view.close()
	if _, totals := d.tally.read(); totals.sent > 0 {
		summarize(out, d.results, totals)
		fmt.Fprintln(out, "BROKEN OFF: this is what was measured until then")
	}
	return err
}
