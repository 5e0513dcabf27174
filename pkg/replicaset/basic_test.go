// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import "testing"

// TestTargetVectors. Shows compatibility 3.
func TestTargetVectors(t *testing.T) {
	t.Parallel()
	type v struct {
		n, surge, w int32
		c, s        int32
	}
	var vs []v
	row := func(n, surge int32, c, s int32, ws ...int32) {
		for _, w := range ws {
			vs = append(vs, v{n, surge, w, c, s})
		}
	}
	row(1, 0, 0, 1, 0, 1, 49)
	row(1, 0, 1, 0, 50, 99, 100)
	row(1, 1, 0, 1, 0)
	row(1, 1, 1, 1, 1, 49, 50, 99)
	row(1, 1, 1, 0, 100)
	row(2, 0, 0, 2, 0)
	row(2, 0, 1, 1, 1, 50, 99)
	row(2, 0, 2, 0, 100)
	row(2, 1, 0, 2, 0)
	row(2, 1, 1, 2, 1)
	row(2, 1, 1, 1, 50)
	row(2, 1, 2, 1, 99)
	row(2, 1, 2, 0, 100)
	row(3, 0, 1, 2, 10, 25, 33, 34, 49)
	row(3, 0, 2, 1, 50)
	row(3, 1, 1, 3, 10, 25)
	row(3, 1, 1, 2, 33, 34)
	row(3, 1, 2, 2, 49, 50)
	row(10, 0, 1, 9, 1, 14)
	row(10, 0, 2, 8, 15, 16)
	row(10, 0, 9, 1, 99)
	row(10, 1, 0, 10, 0)
	row(10, 1, 1, 10, 1)
	row(10, 1, 2, 9, 18, 19)
	row(10, 1, 2, 8, 20, 23)
	row(10, 1, 3, 8, 24, 25)
	row(10, 1, 10, 1, 99)
	row(10, 1, 10, 0, 100)
	for _, x := range vs {
		got := Target(x.n, x.w, 100, x.surge)
		if got.Canary != x.c || got.Stable != x.s {
			t.Errorf("N=%d surge=%d W=%d: got %d/%d want %d/%d", x.n, x.surge, x.w, got.Canary, got.Stable, x.c, x.s)
		}
	}
}

// TestStepVectors. Shows compatibility 3.
func TestStepVectors(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		n, w, surge, unavailable int32
		stable, canary           Side
		others                   int32
		want                     Pair
	}{
		{10, 20, 2, 0, Side{10, 10}, Side{}, 0, Pair{10, 2}},
		{10, 20, 2, 0, Side{10, 10}, Side{2, 2}, 0, Pair{8, 2}},
		{10, 30, 2, 0, Side{10, 10}, Side{}, 0, Pair{10, 2}},
		{10, 20, 0, 2, Side{10, 10}, Side{}, 0, Pair{8, 0}},
		{10, 30, 0, 2, Side{10, 10}, Side{}, 0, Pair{8, 0}},
		{10, 50, 2, 1, Side{10, 10}, Side{}, 0, Pair{9, 2}},
		{10, 0, 1, 1, Side{10, 10}, Side{1, 1}, 0, Pair{10, 0}},
		{10, 100, 1, 1, Side{1, 1}, Side{10, 10}, 0, Pair{0, 10}},
		{10, 100, 3, 0, Side{7, 8}, Side{6, 3}, 0, Pair{7, 6}},
		{10, 100, 1, 0, Side{10, 2}, Side{10, 8}, 0, Pair{2, 9}},
		{10, 30, 1, 0, Side{1, 1}, Side{}, 3, Pair{7, 1}},
		{10, 30, 0, 3, Side{8, 5}, Side{4, 4}, 0, Pair{7, 3}},
		{10, 30, 0, 1, Side{8, 6}, Side{4, 2}, 3, Pair{8, 4}},
		{10, 5, 0, 1, Side{10, 10}, Side{}, 0, Pair{9, 0}},
		{10, 5, 0, 1, Side{9, 9}, Side{}, 0, Pair{9, 1}},
		{10, 10, 0, 1, Side{10, 10}, Side{}, 0, Pair{9, 0}},
		{1, 20, 1, 0, Side{1, 1}, Side{}, 0, Pair{1, 1}},
		{1, 90, 1, 0, Side{1, 1}, Side{}, 0, Pair{1, 1}},
		{1, 49, 0, 1, Side{1, 1}, Side{}, 0, Pair{1, 0}},
		{1, 51, 0, 1, Side{1, 1}, Side{}, 0, Pair{0, 0}},
		{1, 51, 0, 1, Side{}, Side{}, 0, Pair{0, 1}},
		{4, 100, 1, 0, Side{4, 1}, Side{}, 0, Pair{4, 1}},
		{3, 99, 0, 2, Side{3, 3}, Side{}, 0, Pair{1, 0}},
		{3, 99, 0, 2, Side{1, 1}, Side{}, 0, Pair{1, 2}},
		{4, 0, 1, 0, Side{}, Side{4, 4}, 0, Pair{1, 4}},
		{4, 0, 1, 0, Side{1, 0}, Side{4, 4}, 0, Pair{1, 4}},
		{4, 0, 1, 0, Side{1, 1}, Side{4, 4}, 0, Pair{1, 3}},
		{4, 100, 4, 4, Side{4, 4}, Side{}, 0, Pair{0, 4}},
		{4, 100, 3, 0, Side{4, 4}, Side{}, 0, Pair{4, 3}},
	} {
		got := Step(x.n, Target(x.n, x.w, 100, x.surge), Budget{x.surge, x.unavailable}, x.stable, x.canary, x.others)
		if got != x.want {
			t.Errorf("%+v: got %+v", x, got)
		}
	}
}

// TestNeedVectors. Shows compatibility B12.
func TestNeedVectors(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ weight, desired, total, want int32 }{
		{0, 10, 100, 0},
		{10, 10, 100, 1},
		{20, 10, 100, 2},
		{25, 10, 100, 3},
		{33, 10, 100, 4},
		{99, 10, 100, 10},
		{100, 10, 100, 10},
		{100000000, 23, 100000000, 23},
		{5, 0, 100, 0},
		{1, 1, 100, 1},
		{200, 4, 100, 8},
		{1 << 30, 1 << 30, 100, 1<<31 - 1},
	} {
		if got := Need(x.weight, x.desired, x.total); got != x.want {
			t.Errorf("Need(%d, %d, %d) = %d, want %d", x.weight, x.desired, x.total, got, x.want)
		}
	}
}

func TestPodsCarryOnlyWhatTheyAreNeededFor(t *testing.T) {
	t.Parallel()
	for desired := int32(0); desired <= 30; desired++ {
		for pods := int32(0); pods <= 31; pods++ {
			w := Carries(pods, desired, 100)
			if Need(w, desired, 100) > pods {
				t.Fatalf("%d of %d pods carry %d, which needs %d", pods, desired, w, Need(w, desired, 100))
			}
			if w < 100 && Need(w+1, desired, 100) <= pods {
				t.Fatalf("%d of %d pods could carry %d, not just %d", pods, desired, w+1, w)
			}
		}
	}
}
