// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import "github.com/sluice-rollouts/sluice/pkg/mesh"

// Share is the canary's part of a pair's sum for the weight of a route, rounded
// down where it is not a whole number. ok is false for a step that sum cannot
// express: one above 0 would become 0, as its smallest part passes the weight.
// What is no step becomes 0 then, or as many parts as its Least asks for.
//
// Of a sum of 90, a weight of 33 of 100 is 29 (29.7 rounded down). Of a sum of
// 2 a step of 30 is refused: the smallest part of it is 50 of 100. In an abort it
// is 0, but 1 while stable cannot take more than 70.
func Share(route mesh.Route, sum int64) (canary int64, ok bool) {
	w, t := int64(route.Weight), int64(route.Total)
	switch {
	case t < 1:
		return 0, false
	case w <= 0:
		return 0, sum > 1 || !route.Step
	case w >= t:
		return sum, sum > 1 || !route.Step
	}
	canary = part(w, t, sum)
	if route.Step {
		return canary, canary > 0
	}
	least := min(max(0, int64(route.Least)), w)
	return max(canary, sum-part(t-least, t, sum)), true
}

// part is w*sum/t rounded down, for 0 <= w <= t, without overflow.
func part(w, t, sum int64) int64 { return sum/t*w + sum%t*w/t }

// Weight is the inverse of Share: what a part of a pair's sum stands for, in
// units of total, rounded up. A sum of 0 sends nothing anywhere.
func Weight(canary, sum int64, total int32) int32 {
	switch {
	case sum <= 0 || canary <= 0:
		return 0
	case canary >= sum:
		return total
	}
	return int32((canary*int64(total) + sum - 1) / sum)
}

// MaxSum is the largest sum of a pair's weights that is understood. With it
// none of the above overflows.
const MaxSum = 1 << 31
