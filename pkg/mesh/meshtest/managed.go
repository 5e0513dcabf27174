// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package meshtest

import (
	"slices"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"github.com/google/go-cmp/cmp"
)

// canaryHeader is the header of the suite's header routes.
const canaryHeader = "X-Canary"

// header route that takes canaryHeader: yes.
func header(name string) mesh.Managed {
	return mesh.Managed{Name: name, Headers: []mesh.HeaderMatch{{Header: canaryHeader, Value: mesh.Pattern{Exact: "yes"}}}}
}

// mirror route of the requests that are GET.
func mirror(name string, percent int32) mesh.Managed {
	return mesh.Managed{Name: name, Mirror: []mesh.RequestMatch{{Method: &mesh.Pattern{Exact: "GET"}}}, Percent: percent}
}

// pattern of a kind that Features names, with values that it matches and some
// that it does not.
type pattern struct {
	kind  string
	value mesh.Pattern
	yes   []string
	no    []string
}

func patterns() []pattern {
	return []pattern{
		{"exact", mesh.Pattern{Exact: "v1.2"}, []string{"v1.2"}, []string{"", "v1.23", "av1.2", "v1x2"}},
		{"prefix", mesh.Pattern{Prefix: "v1.2"}, []string{"v1.2", "v1.23", "v1.2 beta"}, []string{"", "v1", "av1.2", "v1x2"}},
		{"regex", mesh.Pattern{Regex: "v[0-9]+|beta"}, []string{"v1", "v23", "beta"}, []string{"", "v", "xbeta", "beta2"}},
	}
}

func checkHeaders(t *testing.T, b *bench) {
	for i, p := range patterns() {
		r := b.route(int32(20*i), mesh.Managed{Name: preview, Headers: []mesh.HeaderMatch{{Header: canaryHeader, Value: p.value}}})
		if !slices.Contains(b.Kind.Features.HeaderMatch, p.kind) {
			continue // checkUndeclared has it
		}
		b.apply(t, r)
		b.carried(t, r)
		b.seenToCarry(t, r)
		b.settled(t, r)
		for _, w := range b.Weighted {
			before := b.split(w.Request)
			for _, value := range p.yes {
				b.routed(t, w, before, map[string]string{canaryHeader: value}, !w.Bare)
			}
			for _, value := range p.no {
				b.routed(t, w, before, map[string]string{canaryHeader: value}, false)
			}
		}
		if diff := cmp.Diff(b.managedOn(preview), b.observe(t, r).Managed); diff != "" {
			t.Errorf("Managed (-want +got):\n%s", diff)
		}
	}
}

// routed: a request with these headers goes to the canary alone, or as the
// weights say.
func (b *bench) routed(t *testing.T, w Weighted, weights Answer, headers map[string]string, toCanary bool) {
	t.Helper()
	r := w.Request
	for name, value := range headers {
		r = r.with(name, value)
	}
	got := b.split(r)
	if toCanary {
		if len(got.Shares) != 1 || got.Shares[b.Route.Canary] == 0 {
			t.Errorf("%+v goes to %v, want the canary alone", r, got.Shares)
		}
		if got.Mirrors[b.Route.Canary] > 0 {
			t.Errorf("%+v goes to the canary, and is mirrored to it", r)
		}
		return
	}
	if diff := cmp.Diff(weights, got); diff != "" {
		t.Errorf("%+v (-by weight +got):\n%s", r, diff)
	}
}

// managedOn gives the names of managed routes, as Observe says them: a Kind
// may need several rules for one, whose names it numbers.
func (b *bench) managedOn(names ...string) []string {
	var all []string
	for _, obj := range b.store.Objects(b.Route.Objects) {
		for _, name := range b.Names(obj) {
			if slices.ContainsFunc(names, func(n string) bool { return name == n || len(name) > len(n) && name[:len(n)+1] == n+"-" }) {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func checkSeveralHeaders(t *testing.T, b *bench) {
	if !slices.Contains(b.Kind.Features.HeaderMatch, "exact") {
		return
	}
	yes := mesh.Pattern{Exact: "yes"}
	r := b.route(20, mesh.Managed{Name: preview, Headers: []mesh.HeaderMatch{{Header: "X-One", Value: yes}, {Header: "X-Two", Value: yes}}})
	b.apply(t, r)
	b.settled(t, r)
	for _, w := range b.Weighted {
		before := b.split(w.Request)
		b.routed(t, w, before, map[string]string{"X-One": "yes", "X-Two": "yes"}, !w.Bare)
		b.routed(t, w, before, map[string]string{"X-One": "yes"}, !w.Bare && !b.AllHeaders)
		b.routed(t, w, before, map[string]string{"X-Two": "yes"}, !w.Bare && !b.AllHeaders)
		b.routed(t, w, before, map[string]string{"X-Two": "no"}, false)
	}
}

func checkMirrors(t *testing.T, b *bench) {
	if !b.Kind.Features.Mirror {
		return
	}
	for _, weight := range []int32{0, 33, 100} {
		for _, percent := range []int32{0, 1, 50, 100} {
			if percent < 100 && !b.Kind.Features.MirrorPercent {
				continue
			}
			r := b.route(weight, mirror(shadow, percent))
			b.apply(t, r)
			b.settled(t, r)
			b.seenToCarry(t, r)
			for _, w := range b.Weighted {
				w.Method = "POST"
				b.mirrored(t, w, 0)
				w.Method = "GET"
				b.mirrored(t, w, int64(percent))
			}
		}
	}
	b.severalMatches(t)
}

// mirrored: the canary gets a copy of so many percent, and the weights hold.
func (b *bench) mirrored(t *testing.T, w Weighted, percent int64) {
	t.Helper()
	if w.Bare {
		percent = 0
	}
	got := b.split(w.Request)
	if got.Mirrors[b.Route.Canary] != percent {
		t.Errorf("%+v is mirrored to %v, want %d%% to the canary", w.Request, got.Mirrors, percent)
	}
	if diff := cmp.Diff(b.byWeight(w).Shares, got.Shares); diff != "" {
		t.Errorf("%+v (-by weight +mirrored):\n%s", w.Request, diff)
	}
}

// byWeight is the answer to a request where no managed route is.
func (b *bench) byWeight(w Weighted) Answer {
	objs := b.store.Objects(b.Route.Objects)
	for _, obj := range objs {
		b.Drop(obj, b.Route.Reserved...)
	}
	return b.Split(objs, w.Request)
}

// severalMatches: any element of a mirror route is enough, all of one element
// must hold.
func (b *bench) severalMatches(t *testing.T) {
	t.Helper()
	r := b.route(20, mesh.Managed{Name: shadow, Percent: 100, Mirror: []mesh.RequestMatch{
		{Method: &mesh.Pattern{Exact: "GET"}, Headers: map[string]mesh.Pattern{"X-Copy": {Exact: "1"}, "X-Zone": {Prefix: "eu-"}}},
		{Method: &mesh.Pattern{Exact: "PUT"}},
	}})
	b.apply(t, r)
	b.settled(t, r)
	for _, w := range b.Weighted {
		w.Method = "GET"
		b.mirrored(t, w, 0)
		w.Request = w.with("X-Copy", "1")
		b.mirrored(t, w, 0)
		w.Request = w.with("X-Zone", "eu-west")
		b.mirrored(t, w, 100)
		w.Method = "PUT"
		b.mirrored(t, w, 100)
	}
}

// checkOrder: of two managed routes that match, the first one in Managed wins.
func checkOrder(t *testing.T, b *bench) {
	if !b.Kind.Features.Mirror || len(b.Kind.Features.HeaderMatch) == 0 {
		return
	}
	orders := [][]mesh.Managed{
		{header(preview), mirror(shadow, 100)},
		{mirror(shadow, 100), header(preview)},
		{header(preview), mirror(shadow, 100)},
	}
	for _, managed := range orders {
		r := b.route(20, managed...)
		b.apply(t, r)
		b.settled(t, r)
		for _, w := range b.Weighted {
			w.Method = "GET"
			w.Request = w.with(canaryHeader, "yes")
			if managed[0].Name == preview {
				b.routed(t, w, b.byWeight(w), nil, !w.Bare)
				continue
			}
			b.mirrored(t, w, 100)
		}
	}
}

// checkManagedChange: a managed route that is no longer wanted goes, one that
// changes is made anew.
func checkManagedChange(t *testing.T, b *bench) {
	if !b.Kind.Features.Mirror || len(b.Kind.Features.HeaderMatch) == 0 {
		return
	}
	other := header(preview)
	other.Headers = []mesh.HeaderMatch{{Header: "X-Beta", Value: mesh.Pattern{Exact: "1"}}}
	for _, managed := range [][]mesh.Managed{{header(preview), mirror(shadow, 10)}, {mirror(shadow, 10)}, {other}, {}} {
		r := b.route(20, managed...)
		b.apply(t, r)
		b.settled(t, r)
		if diff := cmp.Diff(b.managedOn(names(managed)...), b.managedOn(b.Route.Reserved...)); diff != "" {
			t.Errorf("%s: managed routes (-want +got):\n%s", brief(r), diff)
		}
		for _, w := range b.Weighted {
			w.Method = "POST"
			b.routed(t, w, b.byWeight(w), map[string]string{canaryHeader: "yes"}, !w.Bare && slices.Contains(names(managed), preview) && len(managed) == 2)
			b.routed(t, w, b.byWeight(w), map[string]string{"X-Beta": "1"}, !w.Bare && len(managed) == 1 && managed[0].Name == preview)
		}
	}
}

// checkUndeclared: what Features does not name is a fault, and nothing of the
// route is written.
func checkUndeclared(t *testing.T, b *bench) {
	features := b.Kind.Features
	var undeclared []mesh.Managed
	for _, p := range patterns() {
		if !slices.Contains(features.HeaderMatch, p.kind) {
			undeclared = append(undeclared, mesh.Managed{Name: preview, Headers: []mesh.HeaderMatch{{Header: canaryHeader, Value: p.value}}})
		}
	}
	if !features.Mirror {
		undeclared = append(undeclared, mirror(shadow, 100))
	}
	if !features.MirrorPercent {
		undeclared = append(undeclared, mirror(shadow, 50))
	}
	for _, m := range undeclared {
		r := b.route(20, m)
		b.unwritten(t, func() {
			err := b.router.Apply(t.Context(), r)
			_ = faulty(t, err, r.Objects[0].String())
		})
	}
}

// checkForeignName: a rule of the user's own that happens to have a reserved
// name is neither taken over nor taken away.
func checkForeignName(t *testing.T, b *bench) {
	r := b.route(50, header(preview))
	named := slices.DeleteFunc(b.Names(b.before[0]), func(name string) bool { return name == "" })
	if len(named) == 0 || len(b.Kind.Features.HeaderMatch) == 0 {
		return
	}
	r.Reserved = []string{named[0]}
	r.Managed[0].Name = named[0]
	r.Objects = r.Objects[:1]
	if r.Objects[0].WeightOnly {
		return
	}
	b.unwritten(t, func() { _ = faulty(t, b.router.Apply(t.Context(), r), r.Objects[0].String()) })
	b.remove(t, r)
	got := b.Names(b.store.Object(r.Objects[0]))
	if diff := cmp.Diff(b.Names(b.before[0]), got); diff != "" {
		t.Errorf("rules (-before +after Remove):\n%s", diff)
	}
	b.fallsAllTheSame(t, r)
}

// fallsAllTheSame, edge case 11: a managed route of r that the object cannot carry
// holds back a raise, but no fall, and the ones that are there stay.
func (b *bench) fallsAllTheSame(t *testing.T, r mesh.Route) {
	t.Helper()
	both := r
	r.Weight, r.Managed, r.Reserved = 50, []mesh.Managed{header(preview)}, append(r.Reserved, preview)
	b.apply(t, r)
	both.Weight, both.Managed, both.Reserved = 80, append(both.Managed, header(preview)), r.Reserved
	b.unwritten(t, func() { _ = faulty(t, b.router.Apply(t.Context(), both), r.Objects[0].String()) })
	both.Weight, r.Weight = 20, 20
	_ = faulty(t, b.router.Apply(t.Context(), both), r.Objects[0].String())
	b.settled(t, r)
	b.unwritten(t, func() { _ = b.router.Apply(t.Context(), both) })
}
