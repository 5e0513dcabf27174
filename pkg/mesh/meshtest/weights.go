// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package meshtest

import (
	"fmt"
	"maps"
	"math/big"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"github.com/google/go-cmp/cmp"
)

// checkBefore holds the fixture itself to what the other checks need.
func checkBefore(t *testing.T, b *bench) {
	if len(b.Weighted) == 0 {
		t.Fatal("the fixture has no request that the pair answers")
	}
	for _, w := range b.Weighted {
		answer := b.split(w.Request)
		for service := range answer.Shares {
			if _, foreign := w.Besides[service]; service != b.Route.Stable && service != b.Route.Canary && !foreign {
				t.Errorf("%+v is answered by %s", w.Request, service)
			}
		}
	}
	for _, r := range b.Others {
		if len(b.split(r).Shares) == 0 {
			t.Errorf("%+v is answered by nobody", r)
		}
	}
}

// share is what the canary should have of a sum, in exact arithmetic; ok is
// false where the sum cannot express it.
func share(weight, total int32, sum int64) (canary int64, ok bool) {
	exact := new(big.Rat).Mul(big.NewRat(int64(weight), int64(total)), big.NewRat(sum, 1))
	canary = new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()
	return canary, canary > 0 || weight == 0
}

// part of a sum that the canary should have of a route.
func part(r mesh.Route, sum int64) int64 {
	canary, _ := share(r.Weight, r.Total, sum)
	if r.Step {
		return canary
	}
	rest, _ := share(r.Total-r.Least, r.Total, sum)
	return max(canary, sum-rest)
}

// sumOf the pair that answers a request.
func (b *bench) sumOf(w Weighted, total int32) int64 {
	if w.Sum > 0 {
		return w.Sum
	}
	return b.Alone(total)
}

// expressible: every pair of the fixture can have that weight.
func (b *bench) expressible(weight, total int32) bool {
	for _, w := range b.Weighted {
		if _, ok := share(weight, total, b.sumOf(w, total)); !ok {
			return false
		}
	}
	return true
}

// carried: a proxy would send each of the fixture's requests as r asks for
// where no managed route matches it.
func (b *bench) carried(t *testing.T, r mesh.Route) {
	t.Helper()
	for _, w := range b.Weighted {
		canary := part(r, b.sumOf(w, r.Total))
		want := map[string]int64{r.Canary: canary, r.Stable: b.sumOf(w, r.Total) - canary}
		maps.Copy(want, w.Besides)
		if diff := cmp.Diff(shares(want), b.split(w.Request).Shares); diff != "" {
			t.Errorf("%s: %+v (-want +got):\n%s", brief(r), w.Request, diff)
		}
	}
}

// seenToCarry: Observe says what r asks for, rounded up by less than one part
// of the smallest sum.
func (b *bench) seenToCarry(t *testing.T, r mesh.Route) {
	t.Helper()
	seen := b.observe(t, r)
	var canary, stable int32
	for _, w := range b.Weighted {
		sum := b.sumOf(w, r.Total)
		part := part(r, sum)
		canary, stable = max(canary, unit(part, sum, r.Total)), max(stable, unit(sum-part, sum, r.Total))
	}
	if seen.Canary != canary || seen.Stable != stable {
		t.Errorf("%s: observed %d and %d, want %d and %d", brief(r), seen.Stable, seen.Canary, stable, canary)
	}
	if seen.Kind != b.Kind.Name || seen.Best != b.Kind.Best || seen.Level == mesh.Unknown || len(seen.Objects) != len(r.Objects) {
		t.Errorf("%s: observed %s, %v of %v, %d objects", brief(r), seen.Kind, seen.Level, seen.Best, len(seen.Objects))
	}
	for _, state := range seen.Objects {
		if state.Ours == r.AtRest() && !state.Object.WeightOnly || state.ResourceVersion == "" || state.Fault != "" || state.Missing || state.Manager == kit.FieldManager {
			t.Errorf("%s: state of %s: %+v", brief(r), state.Object, state)
		}
	}
}

// unit turns a part of sum into units of total, rounded up.
func unit(part, sum int64, total int32) int32 {
	exact := new(big.Rat).Mul(big.NewRat(part, sum), big.NewRat(int64(total), 1))
	whole, rest := new(big.Int).QuoRem(exact.Num(), exact.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		return int32(whole.Int64()) + 1
	}
	return int32(whole.Int64())
}

// checkWeights, edge case 42: whatever the user wrote, 0 and 0 or nothing at all,
// a pair alone has the total, and beside others the sum that it had, if that can
// express the weight.
func checkWeights(t *testing.T, b *bench) {
	for _, weight := range []int32{0, 1, 2, 33, 99, 100, 50, 100, 0} {
		b.appliedOrRefused(t, b.route(weight))
	}
}

// checkTotals, edge case 41: a total that the plane cannot express is rounded, or
// refused with no write.
func checkTotals(t *testing.T, b *bench) {
	for _, total := range []int32{1000, 100_000_000} {
		for _, parts := range []int32{0, 1, 10, 333, 990, 999, 1000} {
			for _, off := range []int32{0, 1} {
				r := b.route(min(total/1000*parts+off, total))
				r.Total = total
				b.appliedOrRefused(t, r)
			}
		}
	}
}

// checkNoStep, edge case 13: a weight that no step asks for is rounded down as far
// as it has to be, and up where stable cannot take the rest.
func checkNoStep(t *testing.T, b *bench) {
	for _, weight := range []int32{500, 333, 5, 1, 0} {
		for _, least := range []int32{0, 1, weight / 2, weight} {
			r := b.route(weight)
			r.Total, r.Step, r.Least = 1000, false, min(least, weight)
			b.apply(t, r)
			b.carried(t, r)
			b.seenToCarry(t, r)
			b.settled(t, r)
		}
	}
}

// appliedOrRefused: a weight that can be expressed arrives, another one is a
// fault and changes nothing.
func (b *bench) appliedOrRefused(t *testing.T, r mesh.Route) {
	t.Helper()
	if b.expressible(r.Weight, r.Total) {
		b.apply(t, r)
		b.carried(t, r)
		b.seenToCarry(t, r)
		b.settled(t, r)
		return
	}
	err := b.router.Apply(t.Context(), r)
	if err == nil {
		t.Errorf("%s cannot be expressed, but was applied", brief(r))
		return
	}
	for i, o := range r.Objects {
		if seen := b.observe(t, r).Objects[i]; !seen.Matches && seen.Fault == "" {
			t.Errorf("%s: %s neither carries it nor says why", brief(r), o)
		}
	}
	b.unwritten(t, func() { _ = b.router.Apply(t.Context(), r) })
}

// checkSwap: a promotion by ping-pong moves no traffic, and the next release
// goes the other way.
func checkSwap(t *testing.T, b *bench) {
	if !b.Kind.Features.PingPong {
		t.Skip("not declared")
	}
	before := b.route(100)
	b.apply(t, before)
	after := b.route(0)
	after.Stable, after.Canary = before.Canary, before.Stable
	var was []map[string]int64
	for _, w := range b.Weighted {
		was = append(was, b.split(w.Request).Shares)
	}
	b.apply(t, after)
	for i, w := range b.Weighted {
		if diff := cmp.Diff(was[i], b.split(w.Request).Shares); diff != "" {
			t.Errorf("the swap moved %+v (-before +after):\n%s", w.Request, diff)
		}
	}
	b.settled(t, after)
	after.Weight = 20
	b.apply(t, after)
	b.carried(t, after)
	b.seenToCarry(t, after)
	b.settled(t, after)
}

// checkForeign: all that is not ours is as it was at any time.
func checkForeign(t *testing.T, b *bench) {
	asked := map[string]Answer{}
	for _, r := range b.Others {
		asked[fmt.Sprint(r)] = b.split(r)
	}
	for _, r := range []mesh.Route{
		b.route(0), b.route(20), b.route(33, header(preview)), b.route(100, header(preview), mirror(shadow, 30)), b.route(10), b.route(0),
	} {
		b.apply(t, r)
		b.unchanged(t, r)
		if len(r.Managed) > 0 && !b.Narrow {
			continue
		}
		for _, other := range b.Others {
			if diff := cmp.Diff(asked[fmt.Sprint(other)], b.split(other)); diff != "" {
				t.Errorf("%s: %+v (-before +after):\n%s", brief(r), other, diff)
			}
		}
	}
}

// checkRemove: what is left is what the user wrote, with the pair at rest.
func checkRemove(t *testing.T, b *bench) {
	for _, r := range []mesh.Route{
		b.route(0), b.route(33), b.route(0, header(preview)), b.route(100, header(preview), mirror(shadow, 50)),
	} {
		b.apply(t, r)
		b.remove(t, b.route(0)) // the plan of a rollout that is gone knows no weight
		b.carried(t, b.route(0))
		b.unchanged(t, r)
		for i, state := range b.observe(t, b.route(0)).Objects {
			_, annotated := b.store.Object(state.Object).GetAnnotations()[kit.EditorsAnnotation]
			if state.Ours || annotated || !state.Matches || len(state.Managed) > 0 {
				t.Errorf("%s: object %d after Remove: %+v, annotated: %t", brief(r), i, state, annotated)
			}
		}
		b.unwritten(t, func() { b.remove(t, r) })
	}
	b.leftoversAreEnough(t)
}

// leftoversAreEnough: what the annotation says is all that it takes to undo a
// route of a Rollout that is gone.
func (b *bench) leftoversAreEnough(t *testing.T) {
	t.Helper()
	for _, weight := range []int32{33, 0} {
		b.apply(t, b.route(weight, header(preview), mirror(shadow, 50)))
		for _, o := range b.Route.Objects {
			left := kit.Leftovers(b.store.Object(o), mesh.Object{Resource: o.Resource, Kind: o.Kind})
			if len(left) != 1 && !o.WeightOnly {
				t.Errorf("%s tells of %d rollouts", o, len(left))
			}
			for _, r := range left {
				b.remove(t, r)
			}
		}
		b.carried(t, b.route(0))
		b.unchanged(t, b.route(0))
	}
}
