// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import "math"

// Need is the number of pods that a weight of total needs when desired pods
// carry everything: 0 for no weight or no desired pods, else
// max(1, ceil(weight x desired / total)).
//
// With 10 desired pods a weight of 33 of 100 needs ceil(3.3) = 4.
func Need(weight, desired, total int32) int32 {
	if weight <= 0 || desired <= 0 {
		return 0
	}
	return max(1, ceilDiv(int64(weight)*int64(desired), int64(total)))
}

// Carries is the highest weight of total whose Need is at most pods:
// floor(pods x total / desired), and never above total. Where no pods are
// desired nothing is needed, and any number carries all.
//
// Of 10 desired pods, 3 carry a weight of 30 of 100.
func Carries(pods, desired, total int32) int32 {
	if desired <= 0 || pods >= desired {
		return total
	}
	if pods <= 0 {
		return 0
	}
	return int32(int64(pods) * int64(total) / int64(desired))
}

// ceilDiv is a/b rounded up, and at most what a number of pods can be.
func ceilDiv(a, b int64) int32 { return int32(min((a+b-1)/b, math.MaxInt32)) }
