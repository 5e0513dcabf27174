// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package meshtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// checkSchema: an object that the API server refuses, or stores otherwise
// than it was written, is the user's to mend: retrying would not help.
func checkSchema(t *testing.T, b *bench) {
	r := b.route(33, header(preview))
	b.unwritten(t, func() {
		b.store.FailNext(Rejected)
		_ = faulty(t, b.router.Apply(t.Context(), single(r)), r.Objects[0].String())
	})
	b.store.FailNext(Dropped)
	fault := faulty(t, b.router.Apply(t.Context(), r), r.Objects[0].String())
	if !strings.HasPrefix(fault.Field, "/spec/") {
		t.Errorf("the fault %+v does not name the field that was dropped", *fault)
	}
}

// checkMissing: an object that does not exist is a fault that names it, and
// keeps no other from its route. There is nothing to remove from it.
func checkMissing(t *testing.T, b *bench) {
	for _, gone := range b.Route.Objects {
		fresh := newBench(t, b.Fixture)
		fresh.store.Delete(gone)
		r := fresh.route(33)
		_ = faulty(t, fresh.router.Apply(t.Context(), r), gone.String())
		seen := fresh.observe(t, r)
		if seen.Matches {
			t.Errorf("%s is missing, but Matches is true", gone)
		}
		for _, state := range seen.Objects {
			missing := state.Object.String() == gone.String()
			if state.Missing != missing || state.Matches == missing || missing && (state.Stable > 0 || state.Canary > 0) {
				t.Errorf("%s is missing; seen of %s: %+v", gone, state.Object, state)
			}
		}
		fresh.remove(t, r)
		fresh.store.FailNext(BeforeCommit)
		err := fresh.router.Apply(t.Context(), fresh.route(50))
		var fault *mesh.Fault
		if fresh.store.failed() && (!errors.Is(err, errLost) || errors.As(err, &fault)) {
			t.Errorf("%s is missing, and a write of another failed, which is worth another try; got %v", gone, err)
		}
	}
}

// checkMistakes: an object that cannot carry the route is a fault that names
// it and the field. It is left as it is, and keeps no other from its route;
// Remove never fails on it.
func checkMistakes(t *testing.T, b *bench) {
	if len(b.Broken) == 0 {
		t.Error("the plane knows no mistake")
	}
	for _, m := range b.Broken {
		t.Run(m.Name, func(t *testing.T) {
			b := newBench(t, b.Fixture)
			bad := b.Route.Objects[0]
			b.store.Edit(bad, "user", m.Make)
			b.unwritten(t, func() { _ = faulty(t, b.router.Apply(t.Context(), single(b.route(0))), bad.String()) })
			spoilt := b.store.Object(bad)
			r := b.route(33, header(preview))
			err := b.router.Apply(t.Context(), r)
			fault := faulty(t, err, bad.String())
			if !strings.HasPrefix(fault.Field, m.Field) {
				t.Errorf("the fault %+v does not name %s", *fault, m.Field)
			}
			if got := b.store.Object(bad); got.GetResourceVersion() != spoilt.GetResourceVersion() {
				t.Errorf("an object with a mistake was written: %v", got.Object)
			}
			for i, state := range b.observe(t, r).Objects {
				if state.Matches == (i == 0) || (state.Fault != "") != (i == 0) {
					t.Errorf("seen of object %d: %+v", i, state)
				}
			}
			b.remove(t, r)
		})
	}
	b.mistakeOnTheWay(t)
}

// single is r on its first object alone.
func single(r mesh.Route) mesh.Route {
	r.Objects = r.Objects[:1]
	return r
}

// mistakeOnTheWay: a mistake that is made while a route is carried does not
// keep managed routes alive when all should be at rest.
func (b *bench) mistakeOnTheWay(t *testing.T) {
	t.Helper()
	for _, m := range b.Broken {
		b := newBench(t, b.Fixture)
		bad := b.Route.Objects[0]
		b.apply(t, b.route(33, header(preview)))
		b.store.Edit(bad, "user", m.Make)
		_ = faulty(t, b.router.Apply(t.Context(), b.route(0)), bad.String())
		for _, name := range b.Names(b.store.Object(bad)) {
			if strings.HasPrefix(name, preview) {
				t.Errorf("%s: at rest, but %s is still there", m.Name, name)
			}
		}
		b.unwritten(t, func() { _ = b.router.Apply(t.Context(), b.route(0)) })
	}
}

// checkHandOver: a rollout that goes on with other Services leaves nothing
// with the ones before.
func checkHandOver(t *testing.T, b *bench) {
	if b.Neighbour.Stable == "" {
		return
	}
	b.apply(t, b.route(33, header(preview)))
	r := b.route(20, header(shadow))
	r.Stable, r.Canary, r.Objects = b.Neighbour.Stable, b.Neighbour.Canary, b.Neighbour.Objects
	b.apply(t, r)
	b.settled(t, r)
	b.carriedBare(t, b.route(0), b.Weighted)
	for _, w := range b.Neighbours {
		part, _ := share(20, 100, b.sumOf(w, 100))
		if got := b.split(w.Request).Shares; got[r.Canary] != part {
			t.Errorf("%+v: got %v, want %d for %s", w.Request, got, part, r.Canary)
		}
	}
	b.remove(t, r)
	b.unchanged(t, r, b.Route)
}

// checkNeighbours: two rollouts that share objects come to rest with both
// routes, whoever writes first, and each takes back only its own.
func checkNeighbours(t *testing.T, b *bench) {
	if b.Neighbour.Stable == "" {
		return
	}
	other := b.Neighbour
	other.Weight, other.Reserved = 40, []string{"beta", "dark"}
	for _, managed := range [][]mesh.Managed{nil, {header("beta")}, {mirror("dark", 10)}, {header("beta"), mirror("dark", 10)}} {
		ours := b.route(33, header(preview), mirror(shadow, 50))
		other.Managed = managed
		for range 3 {
			b.apply(t, ours)
			b.apply(t, other)
		}
		b.settled(t, ours)
		b.settled(t, other)
		b.bothCarried(t, ours, other)
		b.apply(t, b.route(10))
		b.settled(t, other)
		b.bothCarried(t, b.route(10), other)
		b.remove(t, ours)
		b.settled(t, other)
		b.bothCarried(t, b.route(0), other)
		b.remove(t, other)
		b.unchanged(t, ours, other)
	}
}

func (b *bench) bothCarried(t *testing.T, ours, other mesh.Route) {
	t.Helper()
	b.carriedBare(t, ours, b.Weighted)
	b.carriedBare(t, other, b.Neighbours)
}

// carriedBare: by the user's own rules requests go as r asks for.
func (b *bench) carriedBare(t *testing.T, r mesh.Route, requests []Weighted) {
	t.Helper()
	for _, w := range requests {
		w.Method = "POST" // no mirror route of the suite takes it
		part, _ := share(r.Weight, 100, b.sumOf(w, 100))
		if got := b.split(w.Request).Shares; got[r.Canary] != part || got[r.Stable] != b.sumOf(w, 100)-part {
			t.Errorf("%s of %s: %+v goes to %v", brief(r), r.Rollout, w.Request, got)
		}
	}
}

// checkLevels: a Kind that can be Acked is so only when all that serve an
// object have said so of this generation.
func checkLevels(t *testing.T, b *bench) {
	r := b.route(33)
	b.apply(t, r)
	if b.Kind.Best < mesh.Acked {
		if seen := b.observe(t, r); seen.Level != b.Kind.Best {
			t.Errorf("level %v, want %v", seen.Level, b.Kind.Best)
		}
		return
	}
	b.level(t, r, mesh.Accepted)
	for i, o := range r.Objects {
		b.store.Edit(o, "mesh", func(obj *unstructured.Unstructured) { b.Acknowledge(obj, "") })
		if i < len(r.Objects)-1 {
			b.level(t, r, mesh.Accepted)
		}
	}
	b.level(t, r, mesh.Acked)
	r = b.route(50)
	b.apply(t, r)
	b.level(t, r, mesh.Accepted)
	b.store.Edit(r.Objects[0], "mesh", func(obj *unstructured.Unstructured) { b.Acknowledge(obj, "no such port") })
	b.level(t, r, mesh.Accepted)
	if refused := b.observe(t, r).Objects[0].Refused; len(refused) == 0 || !strings.Contains(refused[0].Message, "no such port") || refused[0].Parent == "" {
		t.Errorf("Refused is %+v, want what the parent said", refused)
	}
}

func (b *bench) level(t *testing.T, r mesh.Route, want mesh.Level) {
	t.Helper()
	seen := b.observe(t, r)
	if seen.Level != want {
		t.Errorf("level %v, want %v", seen.Level, want)
	}
	for _, state := range seen.Objects {
		if (state.Level == mesh.Acked) == (state.Waiting != nil || len(state.Refused) > 0) {
			t.Errorf("%s is at level %v, but waits for %v, refused by %v", state.Object, state.Level, state.Waiting, state.Refused)
		}
	}
}

func checkCancelled(t *testing.T, b *bench) {
	ctx := cancelled(t)
	b.unwritten(t, func() {
		if err := b.router.Apply(ctx, b.route(33)); !errors.Is(err, context.Canceled) {
			t.Errorf("Apply: %v", err)
		}
		if err := b.router.Remove(ctx, b.route(33)); !errors.Is(err, context.Canceled) {
			t.Errorf("Remove: %v", err)
		}
	})
	seen, err := b.router.Observe(ctx, b.route(0))
	if !errors.Is(err, context.Canceled) || seen.Level != mesh.Unknown || seen.Matches {
		t.Errorf("Observe: %+v, %v", seen, err)
	}
}

// checkNoObjects: nothing is known of a route that has no object.
func checkNoObjects(t *testing.T, b *bench) {
	r := b.route(33)
	r.Objects = nil
	b.apply(t, r)
	b.remove(t, r)
	if seen := b.observe(t, r); seen.Level != mesh.Unknown || seen.Matches {
		t.Errorf("Observe: %+v", seen)
	}
}
