// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"fmt"
	"math"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// edge case 41: what a pair whose weights are not those of the step gets. Shows
// compatibility B12.
func TestShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		weight, total int32
		sum           int64
		canary        int64
		ok            bool
	}{
		{0, 100, 100, 0, true},
		{33, 100, 100, 33, true},
		{100, 100, 100, 100, true},
		{33, 100, 90, 29, true},         // 29.7 rounded down
		{1, 100, 100, 1, true},          //
		{1, 100, 99, 0, false},          // the smallest part is 1.01 of 100
		{1, 100, 51, 0, false},          // 1.96 of 100
		{1, 100, 20, 0, false},          // 5 of 100
		{5, 100, 20, 1, true},           // 1 exactly
		{99, 100, 20, 19, true},         // 19.8 rounded down
		{5, 1000, 100, 0, false},        // 10 of 1000
		{10, 1000, 100, 1, true},        //
		{15, 1000, 100, 1, true},        // 1.5 rounded down
		{0, 100, 1, 0, false},           // no step could ever be expressed
		{100, 100, 0, 0, false},         //
		{50, 0, 100, 0, false},          // no total
		{-1, 100, 100, 0, true},         // held to what a weight can be
		{101, 100, 100, 100, true},      //
		{1, 100_000_000, 100, 0, false}, //
		{99_999_999, 100_000_000, 1_000_000, 999_999, true},
		{math.MaxInt32 - 1, math.MaxInt32, MaxSum, MaxSum - 2, true}, // no overflow
	} {
		t.Run(fmt.Sprintf("%d of %d in %d", c.weight, c.total, c.sum), func(t *testing.T) {
			t.Parallel()
			canary, ok := Share(mesh.Route{Weight: c.weight, Total: c.total, Step: true}, c.sum)
			if ok != c.ok || ok && canary != c.canary {
				t.Errorf("got %d, %t, want %d, %t", canary, ok, c.canary, c.ok)
			}
		})
	}
}

// edge case 13: what no step asks for is never refused. The canary gets no more
// than the weight, but where stable cannot take the rest.
func TestShareOfNoStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		weight, least int32
		sum, canary   int64
	}{
		{10, 0, 2, 0},
		{30, 0, 10, 3},
		{36, 0, 10, 3},
		{36, 30, 10, 3},
		{36, 31, 10, 4}, // stable can take 69, and would have 70
		{40, 40, 2, 1},
		{40, 99, 2, 1}, // a Least above the weight asks for no more than that
		{100, 0, 1, 1},
		{50, 0, 1, 0},
		{0, 0, 0, 0},
		{100, 0, 0, 0},
	} {
		t.Run(fmt.Sprintf("%d, at least %d, in %d", c.weight, c.least, c.sum), func(t *testing.T) {
			t.Parallel()
			canary, ok := Share(mesh.Route{Weight: c.weight, Total: 100, Least: c.least}, c.sum)
			if !ok || canary != c.canary {
				t.Errorf("got %d, %t, want %d", canary, ok, c.canary)
			}
		})
	}
}

// What Share gives a step, Weight reads as the weight, or less than a part too little.
func TestWeightInvertsShare(t *testing.T) {
	t.Parallel()
	for _, total := range []int32{2, 100, 1000, 100_000_000} {
		for _, sum := range []int64{2, 90, 100, 999, 1_000_000, MaxSum} {
			for i := range int32(101) {
				weight := int32(int64(total) * int64(i) / 100)
				canary, ok := Share(mesh.Route{Weight: weight, Total: total, Step: true}, sum)
				if !ok {
					continue
				}
				got := int64(Weight(canary, sum, total))
				part := (int64(total) + sum - 1) / sum // what one of sum is worth
				if off := got - int64(weight); off > 0 || off < -part || (got == 0) != (weight == 0) || canary > sum {
					t.Errorf("%d of %d in %d is %d, which reads as %d", weight, total, sum, canary, got)
				}
			}
		}
	}
	for _, c := range []struct {
		canary, sum int64
		want        int32
	}{{0, 0, 0}, {5, 0, 0}, {0, 5, 0}, {5, 5, 100}, {1, 1000, 1}, {6, 5, 100}} {
		if got := Weight(c.canary, c.sum, 100); got != c.want {
			t.Errorf("%d of %d is %d, want %d", c.canary, c.sum, got, c.want)
		}
	}
}
