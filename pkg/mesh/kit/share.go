// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

// Share is the canary's part of a pair's sum for a weight of total. Where it
// is not a whole number it is rounded down, but a weight above 0 never
// becomes 0, and one below total never the whole sum, so that no side gets
// more than the step by more than a unit. ok is false where sum is too small
// for that.
//
// Of a sum of 90, a weight of 33 of 100 is 29.
func Share(weight, total, sum int32) (canary int32, ok bool) {
	switch {
	case weight <= 0:
		return 0, true
	case weight >= total:
		return sum, true
	case sum < 2:
		return 0, false
	}
	return max(1, min(sum-1, int32(int64(weight)*int64(sum)/int64(total)))), true
}

// Weight is the inverse of Share: what a part of a pair's sum stands for, in
// units of total, rounded up. A sum of 0 sends nothing anywhere.
func Weight(part, sum, total int32) int32 {
	if sum <= 0 || part <= 0 {
		return 0
	}
	return int32((int64(part)*int64(total) + int64(sum) - 1) / int64(sum))
}
