// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

// Share is the canary's part of a pair's sum for a weight of total, rounded
// down where it is not a whole number. ok is false where sum cannot express the
// weight: one above 0 would become 0, and its smallest part passes the weight.
//
// Of a sum of 90, a weight of 33 of 100 is 29 (29.7 rounded down). Of a sum of
// 51 a weight of 1 is refused: the smallest part of it is nearly 2 of 100.
func Share(weight, total int32, sum int64) (canary int64, ok bool) {
	w, t := int64(weight), int64(total)
	switch {
	case sum < 2 || t < 1:
		return 0, false
	case w <= 0:
		return 0, true
	case w >= t:
		return sum, true
	}
	canary = part(w, t, sum)
	return canary, canary > 0
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
