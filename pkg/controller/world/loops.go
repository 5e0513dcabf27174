// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Loops of the controller in a fixed order.
func (w *World) Loops() []string {
	var names []string
	for name := range w.Controller.Loops() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Sync lets one loop work once on the rollout. One sync writes an object at
// most once (invariant 7).
func (w *World) Sync(loop string) {
	w.written = map[string]int{}
	defer func() {
		if died := recover(); died != nil {
			if _, ok := died.(crashed); !ok {
				panic(died)
			}
			w.Restart()
		}
	}()
	if w.OnPass != nil && loop == "rollout" {
		w.pass()
	}
	delete(w.due, loop)
	if next := w.Controller.Loops()[loop].Process(context.Background(), Key); next > 0 {
		w.due[loop] = w.Clock.Now().Add(next)
	}
	for object, n := range w.written {
		if n > 1 {
			w.Breaches = append(w.Breaches, fmt.Sprintf("INV-7: %s wrote %s %d times in one sync", loop, object, n))
		}
	}
}

// SyncTwice lets one loop work twice, while its caches hear of nothing: what the
// first time has written is not written again (invariant 7).
func (w *World) SyncTwice(loop string) {
	held := w.held
	w.held = map[string]bool{}
	for resource := range w.API.objects {
		w.held[resource.Resource] = true
	}
	w.Sync(loop)
	w.Sync(loop)
	w.held = held
	w.deliverAll()
}

// Settle lets the loops work in turn until all of them have written nothing
// since the last write, or since one has woken the others, and fails if that takes too long.
func (w *World) Settle() error {
	if w.down {
		return nil
	}
	loops := w.Loops()
	for i, quiet := 0, 0; i < 100*len(loops); i++ {
		before := w.API.version
		w.Sync(loops[i%len(loops)])
		if quiet++; w.API.version != before || w.woken {
			quiet, w.woken = 0, false
		}
		if quiet == len(loops) {
			return nil
		}
	}
	return fmt.Errorf("no rest after 100 rounds")
}

// Tick lets time pass. As in a real process, a loop works when something has
// changed, or when it has asked to: what nobody asked for does not happen.
func (w *World) Tick(d time.Duration) error {
	end := w.Clock.Now().Add(d)
	if w.down {
		w.Clock.SetTime(end)
		return nil
	}
	for {
		next := end
		for _, at := range w.due {
			if at.Before(next) {
				next = at
			}
		}
		if a := w.autoscaler; a != nil && a.next.Before(next) {
			next = a.next
		}
		if r := w.reverter; r != nil && r.next.Before(next) {
			next = r.next
		}
		if replaced := w.Clock.Now().Add(time.Second); len(w.evicted) > 0 && replaced.Before(next) {
			next = replaced
		}
		w.Clock.SetTime(next)
		before := w.API.version
		w.replace()
		w.revertDue()
		if a := w.autoscaler; a != nil && !a.next.After(next) {
			w.autoscale()
		}
		for _, name := range w.Loops() {
			if at, asked := w.due[name]; asked && !at.After(next) {
				w.Sync(name)
			}
		}
		if w.API.version != before {
			if err := w.Settle(); err != nil {
				return err
			}
		}
		if !next.Before(end) {
			return nil
		}
	}
}
