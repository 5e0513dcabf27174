// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package meshtest

import (
	"errors"
	"slices"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// gitops is who makes the drift.
const gitops = "gitops"

// drift is what somebody else does to an object that carries a route.
type drift struct {
	name string
	make func(b *bench, obj *unstructured.Unstructured)
	// canary is its weight that must be seen then, of 100.
	canary int32
}

func drifts() []drift {
	return []drift{
		{"takes the canary's weight away", weighing(func(s, c int64) (int64, int64) { return s + c, 0 }), 0},
		{"gives the canary all", weighing(func(s, c int64) (int64, int64) { return 0, s + c }), 100},
		{"gives the canary three quarters", weighing(func(s, c int64) (int64, int64) { return s + c - (s+c)*3/4, (s + c) * 3 / 4 }), 75},
		{"gives the canary all of what is mirrored", func(b *bench, obj *unstructured.Unstructured) {
			first := true
			b.Weigh(obj, b.Route.Stable, b.Route.Canary, func(s, c int64) (int64, int64) {
				if first {
					first = false
					return 0, s + c
				}
				return s, c
			})
		}, 100},
		{"removes a managed route", func(b *bench, obj *unstructured.Unstructured) { b.Drop(obj, preview) }, -1},
		{"reverts the object", func(b *bench, obj *unstructured.Unstructured) {
			for _, before := range b.before {
				if before.GetName() == obj.GetName() && before.GetNamespace() == obj.GetNamespace() {
					obj.Object["spec"] = before.DeepCopy().Object["spec"]
					obj.SetAnnotations(before.GetAnnotations())
				}
			}
		}, -1},
		{"takes off the annotation", func(_ *bench, obj *unstructured.Unstructured) {
			annotations := obj.GetAnnotations()
			delete(annotations, kit.EditorsAnnotation)
			obj.SetAnnotations(annotations)
		}, -1},
		{"spoils the annotation", func(_ *bench, obj *unstructured.Unstructured) {
			annotations := obj.GetAnnotations()
			annotations[kit.EditorsAnnotation] = "{"
			obj.SetAnnotations(annotations)
		}, -1},
	}
}

func weighing(change Weights) func(*bench, *unstructured.Unstructured) {
	return func(b *bench, obj *unstructured.Unstructured) { b.Weigh(obj, b.Route.Stable, b.Route.Canary, change) }
}

// checkDrift: what somebody else does is seen, with his name, and is undone; a
// weight that came and went leaves its trace in the edition. Shows compatibility
// 24.
func checkDrift(t *testing.T, b *bench) {
	r := b.route(20, header(preview), mirror(shadow, 50))
	for _, d := range drifts() {
		b.apply(t, r)
		want, was := b.contents(), b.observe(t, r)
		for i, o := range r.Objects {
			if o.WeightOnly && d.canary < 0 {
				continue // it may have nothing of it
			}
			b.store.Edit(o, gitops, func(obj *unstructured.Unstructured) { d.make(b, obj) })
			b.driftSeen(t, r, o, d)
			b.apply(t, r)
			b.settled(t, r)
			if diff := cmp.Diff(want, b.contents()); diff != "" {
				t.Errorf("%s: not repaired (-want +got):\n%s", d.name, diff)
			}
			if d.canary >= 0 && b.observe(t, r).Objects[i].Edition == was.Objects[i].Edition {
				t.Errorf("%s: %s is of the same edition once that is undone", d.name, o)
			}
		}
	}
}

// contents of the objects that a route decides.
func (b *bench) contents() []any {
	var all []any
	for _, obj := range b.store.Objects(b.Route.Objects) {
		all = append(all, obj.Object["spec"], obj.GetAnnotations())
	}
	return all
}

func (b *bench) driftSeen(t *testing.T, r mesh.Route, o mesh.Object, d drift) {
	t.Helper()
	seen := b.observe(t, r)
	if seen.Matches {
		t.Errorf("%s: %s is not seen", o, d.name)
	}
	state := seen.Objects[slices.IndexFunc(r.Objects, func(x mesh.Object) bool { return x.String() == o.String() })]
	if state.Manager != gitops {
		t.Errorf("%s: %s is seen as done by %q", o, d.name, state.Manager)
	}
	if d.canary >= 0 && state.Canary != d.canary {
		t.Errorf("%s: %s is seen as a weight of %d, want %d", o, d.name, state.Canary, d.canary)
	}
}

// checkConflict: on a cache that is behind, Apply and Remove fail with a
// conflict, or write nothing.
func checkConflict(t *testing.T, b *bench) {
	b.apply(t, b.route(33, header(preview)))
	b.store.Freeze()
	for _, o := range b.Route.Objects {
		b.store.Edit(o, "user", func(obj *unstructured.Unstructured) { obj.SetLabels(map[string]string{"edited": "yes"}) })
	}
	for _, f := range []func() error{
		func() error { return b.router.Apply(t.Context(), b.route(50)) },
		func() error { return b.router.Remove(t.Context(), b.route(0)) },
	} {
		b.unwritten(t, func() {
			err := f()
			var fault *mesh.Fault
			if !apierrors.IsConflict(err) || errors.As(err, &fault) {
				t.Errorf("got %v, want a conflict", err)
			}
		})
	}
	b.store.Thaw()
	b.apply(t, b.route(50))
	b.carried(t, b.route(50))
	b.settled(t, b.route(50))
}

// checkFailedWrites: each single write may be lost before or after it was
// stored. The pair's sum holds at any time, and the next Apply completes it.
func checkFailedWrites(t *testing.T, b *bench) {
	steps := []mesh.Route{b.route(33, header(preview)), b.route(50, mirror(shadow, 50)), b.route(100), b.route(0)}
	last := b.route(0)
	b.apply(t, last)
	for _, failure := range []Failure{BeforeCommit, AfterCommit} {
		for _, r := range steps {
			for range r.Objects {
				b.store.FailNext(failure)
				err := b.router.Apply(t.Context(), r)
				var fault *mesh.Fault
				if b.store.failed() && (!errors.Is(err, errLost) || errors.As(err, &fault)) {
					t.Errorf("%s: a lost write is answered with %v", brief(r), err)
				}
				b.whole(t, last, r)
			}
			b.store.FailNext(None)
			b.apply(t, r)
			b.carried(t, r)
			b.settled(t, r)
			last = r
		}
	}
	b.removeFails(t)
}

// whole: every pair has its sum, and the canary's part of it is that of one of
// the routes.
func (b *bench) whole(t *testing.T, routes ...mesh.Route) {
	t.Helper()
	for _, w := range b.Weighted {
		got := b.split(w.Request).Shares
		sum := b.sumOf(w, 100)
		fits := slices.ContainsFunc(routes, func(r mesh.Route) bool {
			part, _ := share(r.Weight, r.Total, sum)
			return got[r.Canary] == part
		})
		if got[b.Route.Stable]+got[b.Route.Canary] != sum || !fits {
			t.Errorf("%+v is split %v amid a write from %s to %s", w.Request, got, brief(routes[0]), brief(routes[1]))
		}
	}
}

func (b *bench) removeFails(t *testing.T) {
	t.Helper()
	for _, failure := range []Failure{BeforeCommit, AfterCommit} {
		b.apply(t, b.route(33, header(preview)))
		b.store.FailNext(failure)
		if err := b.router.Remove(t.Context(), b.route(0)); !errors.Is(err, errLost) {
			t.Errorf("Remove answers a lost write with %v", err)
		}
		b.remove(t, b.route(0))
		b.carried(t, b.route(0))
		b.unchanged(t, b.route(0))
	}
}

// checkFailedReads: nothing is known and nothing is written.
func checkFailedReads(t *testing.T, b *bench) {
	r := b.route(33)
	for _, failure := range []error{mesh.ErrStale, errLost} {
		b.store.FailReads(failure)
		seen, err := b.router.Observe(t.Context(), r)
		if !errors.Is(err, failure) || seen.Level != mesh.Unknown || seen.Matches {
			t.Errorf("observed %+v, %v while reads fail with %v", seen, err, failure)
		}
		b.store.FailReads(nil)
		b.unwritten(t, func() {
			b.store.FailReads(failure)
			if err := b.router.Apply(t.Context(), r); !errors.Is(err, failure) {
				t.Errorf("Apply: %v, want %v", err, failure)
			}
			if err := b.router.Remove(t.Context(), r); !errors.Is(err, failure) {
				t.Errorf("Remove: %v, want %v", err, failure)
			}
			b.store.FailReads(nil)
		})
	}
}
