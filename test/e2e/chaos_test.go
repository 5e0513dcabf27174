// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	chaosShops   = 10
	chaosUpdates = 5 // of each shop
	// chaosPatience: how long one update may take among kills.
	chaosPatience = 5 * time.Minute
	// A slow machine does no more than this, and then what is left in peace:
	// each start costs it what updates need.
	maxKills     = 60
	maxHandOvers = 15
)

// seedOf is that of $SEED, or a new one. A run with the same seed does the same
// at the same points; how long each takes is up to the machine.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SEED=%d", seed)
	return seed
}

// 50 updates on both data planes come to their right end while the controller
// is killed at random moments, and none of its writes broke an invariant.
func TestKill(t *testing.T) {
	t.Parallel()
	seed := seedOf(t)
	const instance = "chaos"
	start := func() *controller { return ownController(t, instance, "--leader-elect=false") }
	c := start()
	kills := chaos(t, instance, seed, chaosUpdates, func(random *rand.Rand, done <-chan struct{}) int {
		for kills := range maxKills {
			select {
			case <-done:
				return kills
			case <-time.After(time.Duration(300+random.IntN(5000)) * time.Millisecond):
			}
			c.kill()
			c = start()
		}
		return maxKills
	})
	figure("updates while the controller is killed", fmt.Sprintf("%d, with %d kills", chaosShops*chaosUpdates, kills))
	if kills < 5 {
		t.Errorf("only %d kills: this proves nothing", kills)
	}
}

// edge case 29: the same with two controllers and a lease: the leader is told to stop, so
// that the other takes over at once, or killed, so that the lease has to run
// out first. Shows failure-modes 32.
func TestLeaderKill(t *testing.T) {
	t.Parallel()
	seed := seedOf(t)
	const instance = "election"
	start := func() *controller { return ownController(t, instance, "--leader-elect=true") }
	leader := start()
	last := leads(t, instance, "")
	other := start()
	handOvers := chaos(t, instance, seed, 2, func(random *rand.Rand, done <-chan struct{}) int {
		for n := range maxHandOvers {
			select {
			case <-done:
				return n
			case <-time.After(time.Duration(1000+random.IntN(3000)) * time.Millisecond):
			}
			if n%3 == 1 {
				leader.kill()
			} else {
				leader.stop()
			}
			if last = leads(t, instance, last); last == "" {
				return n
			}
			leader, other = other, start()
		}
		return maxHandOvers
	})
	figure("updates while the lease changes hands", fmt.Sprintf("%d, with %d leaders stopped or killed", chaosShops*2, handOvers))
	if handOvers < 3 {
		t.Errorf("only %d hand-overs: this proves nothing", handOvers)
	}
}

// leads waits until somebody else than before holds the lease. It is for any
// goroutine: "" says that it has failed.
func leads(t *testing.T, instance, before string) (now string) {
	t.Helper()
	err := poll(t.Context(), deadline, func() (err error) {
		if now, err = holder(t.Context(), instance); err == nil && (now == before || now == "") {
			err = fmt.Errorf("the lease is held by %q", now)
		}
		return err
	})
	if err != nil {
		t.Error(err)
		return ""
	}
	return now
}

// marks are on pods that run, and change with each promotion.
const marks = `
	canaryMetadata: {labels: {part: canary}}
	stableMetadata: {labels: {part: stable}}`

// chaos makes the shops and their updates while disturb runs, and judges what
// was written.
func chaos(t *testing.T, instance string, seed uint64, updates int, disturb func(*rand.Rand, <-chan struct{}) int) (disturbed int) {
	t.Helper()
	var shops []*shop
	var namespaces []string
	for i := range chaosShops {
		s := newShop(t, order{router: routers[i%2], instance: instance, canary: soon + marks, patient: chaosPatience, steps: `
			setHeaderRoute: {name: preview, match: [{headerName: x-preview, headerValue: {exact: "yes"}}]}
			setWeight: 25
			pause: {duration: 1s}
			setWeight: 75
			pause: {duration: 1s}`})
		shops, namespaces = append(shops, s), append(namespaces, s.ns)
	}
	for _, s := range shops {
		s.until("Healthy", func(v view) bool { return v.phase == "Healthy" })
	}
	done := make(chan struct{})
	var disturbing, updating sync.WaitGroup
	disturbing.Go(func() { disturbed = disturb(rand.New(rand.NewPCG(seed, 0)), done) })
	var stopped atomic.Bool
	for i, s := range shops {
		updating.Go(func() {
			defer func() {
				if t.Failed() {
					stopped.Store(true)
				}
			}()
			random := rand.New(rand.NewPCG(seed, uint64(i+1)))
			for n := range updates {
				if stopped.Load() {
					return
				}
				s.updateAtRandom(random, fmt.Sprintf("v%d", n+2))
			}
		})
	}
	updating.Wait()
	close(done)
	disturbing.Wait()
	if t.Failed() {
		return disturbed
	}
	for _, s := range shops {
		last := fmt.Sprintf("v%d", updates+1)
		s.atRest(last)
		s.carry(last, "part=stable", int(s.rollout().Spec.Desired()))
	}
	noBreach(t, namespaces...)
	return disturbed
}

// updateAtRandom releases a version, with a change of mind or of size on the
// way, and waits for its right end.
func (s *shop) updateAtRandom(random *rand.Rand, version string) {
	s.t.Helper()
	step := 1 + random.IntN(5)
	s.deploy(version)
	s.until(fmt.Sprintf("%s at step %d", version, step), func(v view) bool {
		i := v.ro.Status.CurrentStepIndex
		return v.phase != "Unobserved" && i != nil && int(*i) >= step && v.sets[version] != nil
	})
	switch random.IntN(5) {
	case 0:
		s.abort()
		s.until(version+" aborted or done", func(v view) bool {
			return v.phase == "Degraded" && v.weights == "100/0" || v.isDone(version)
		})
		s.retry()
	case 1:
		s.promoteFull()
	case 2:
		s.scale(int32(2 + random.IntN(5)))
	case 3:
		s.deploy(version + "-fix")
		s.until("the fix started", func(v view) bool { return v.phase != "Unobserved" && v.sets[version+"-fix"] != nil })
		s.deploy(version)
	}
	s.until(version+" done", func(v view) bool { return v.isDone(version) })
}

// isDone reports whether a version is released, and has all of the traffic.
func (v view) isDone(version string) bool {
	return v.phase == "Healthy" && v.stable == version && v.canary == version && v.weights == "100/0" && len(v.managed) == 0
}

// atRest waits until a version runs alone, with all its pods.
func (s *shop) atRest(version string) {
	s.t.Helper()
	s.until(version+" alone", func(v view) bool {
		for other, rs := range v.sets {
			if want := *v.ro.Spec.Replicas; other == version && (*rs.Spec.Replicas != want || rs.Status.AvailableReplicas != want) {
				return false
			} else if other != version && *rs.Spec.Replicas+rs.Status.Replicas > 0 {
				return false
			}
		}
		return v.isDone(version)
	})
}

// noBreach judges what was written in some namespaces.
func noBreach(t *testing.T, namespaces ...string) {
	t.Helper()
	if err := all.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	judge, err := all.tape.judge(namespaces...)
	if err != nil {
		t.Fatal(err)
	}
	if judge.Judged == 0 {
		t.Error("no write was judged")
	}
	if len(judge.Breaches) > 0 {
		t.Errorf("%d of %d writes broke an invariant:\n%s", len(judge.Breaches), judge.Judged, strings.Join(judge.Breaches, "\n"))
	}
}
