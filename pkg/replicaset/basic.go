// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

// Pair is a number of pods for each side.
type Pair struct{ Stable, Canary int32 }

// Target gives the pods of each side that come closest to a weight where the
// pods themselves are the weight. It may use one pod more than desired where
// surge allows and that is closer.
//
// With 10 pods and a weight of 15, 2 of 10 is as close as 1 of 10, and more
// is preferred; with a surge, 2 of 11 is no closer, so 2 and 8 it is.
//
// Source: wire contract 2.9.3, step A.
func Target(desired, weight, total int32, surge int32) Pair {
	if desired == 0 {
		return Pair{}
	}
	product := int64(weight) * int64(desired)
	floor := int32(product / int64(total))
	ceil := ceilDiv(product, int64(total))
	zeroOK := weight == 0 || weight == total || (desired == 1 && surge == 0)

	var candidates []candidate
	add := func(canary, sum int32) { candidates = append(candidates, candidate{canary, sum}) }
	if ceil < desired || zeroOK {
		add(ceil, desired)
	}
	if !tied(desired, weight, total) && (floor != 0 || zeroOK) {
		add(floor, desired)
	}
	if surge > 0 {
		// One pod more, with the canary's share taken of desired as before.
		add(ceil, desired+1)
		if !tied(desired+1, weight, total) && (floor != 0 || zeroOK) {
			add(floor, desired+1)
		}
	}
	return closest(candidates, desired, weight, total)
}

// tied reports whether pods x weight / total lies exactly between two integers.
func tied(pods, weight, total int32) bool {
	return int64(weight)*int64(pods)%int64(total)*2 == int64(total)
}

type candidate struct{ canary, sum int32 }

// closest picks the candidate whose share is nearest to weight, the earliest
// of equals. |canary x total / sum - weight| is compared without division.
func closest(candidates []candidate, desired, weight, total int32) Pair {
	best := Pair{Stable: desired}
	var bestErr, bestSum int64 = -1, 1
	for _, c := range candidates {
		diff := int64(c.canary)*int64(total) - int64(weight)*int64(c.sum)
		if diff < 0 {
			diff = -diff
		}
		if bestErr < 0 || diff*bestSum < bestErr*int64(c.sum) {
			best, bestErr, bestSum = Pair{c.sum - c.canary, c.canary}, diff, int64(c.sum)
		}
	}
	return best
}

// Side is a ReplicaSet as it stands: the pods it was told to have, and how
// many of them are available.
type Side struct{ Spec, Available int32 }

// counted is the part of a side that can be relied on.
func (s Side) counted() int32 { return min(s.Spec, s.Available) }

// Budget bounds how far the pods of all revisions may stray from desired:
// never more than desired+Surge told to run, never fewer than
// desired-Unavailable available.
type Budget struct{ Surge, Unavailable int32 }

// Step moves both sides as far towards target as budget allows. others is the
// sum of the spec of all other revisions; while it is not 0 nothing shrinks,
// because the others drain first.
//
// With 10 desired, surge 2 and unavailable 1, from 10/0 towards 5/5: there is
// room for 2 new pods, and of 10 available ones 1 may go: 9/2.
//
// Source: wire contract 2.9.3, step B.
func Step(desired int32, target Pair, budget Budget, stable, canary Side, others int32) Pair {
	next := grow(desired+budget.Surge-stable.Spec-canary.Spec-others, target, stable, canary)
	if others > 0 {
		return next
	}
	minAvailable := desired - budget.Unavailable
	if target.Canary >= canary.Spec {
		next.Stable, next.Canary = shrink(minAvailable, desired+budget.Surge, target.Stable, stable, canary, next.Stable, next.Canary)
	} else {
		next.Canary, next.Stable = shrink(minAvailable, desired+budget.Surge, target.Canary, canary, stable, next.Canary, next.Stable)
	}
	return next
}

// grow spends room on the stable side first.
func grow(room int32, target Pair, stable, canary Side) Pair {
	next := Pair{stable.Spec, canary.Spec}
	for _, side := range []struct {
		size   *int32
		target int32
	}{{&next.Stable, target.Stable}, {&next.Canary, target.Canary}} {
		if add := min(room, side.target-*side.size); add > 0 {
			*side.size += add
			room -= add
		}
	}
	return next
}

// shrink takes pods off the draining side while the other side's available
// pods and the draining side's spec together exceed minAvailable, and then
// brings the sum down to most: first off the other side, as far as
// minAvailable is kept, the rest off the draining one.
func shrink(minAvailable, most, target int32, draining, other Side, drain, keep int32) (newDrain, newKeep int32) {
	room := other.counted() + draining.Spec - minAvailable
	if room <= 0 {
		return drain, keep
	}
	if draining.Spec > target {
		drain = max(target, draining.Spec-room)
	}
	excess := drain + keep - most
	if excess <= 0 {
		return drain, keep
	}
	cut := min(excess, keep)
	if lacking := minAvailable - min(drain, draining.Available) - min(keep-cut, other.Available); lacking > 0 {
		cut -= min(cut, lacking)
	}
	return max(0, drain-(excess-cut)), keep - cut
}

// Drain gives the size of each of the other revisions, newest first in the
// order given by the caller: pods that are not available go at once (oldest
// revision first, which is of no matter as all go), then available ones while
// more than desired-unavailable are available in all.
//
// Source: wire contract 2.9.4, basic.
func Drain(others []Side, availableInAll, minAvailable int32) []int32 {
	sizes := make([]int32, len(others))
	room := availableInAll - minAvailable
	for i, o := range others {
		sizes[i] = o.counted()
		if take := min(room, sizes[i]); take > 0 {
			sizes[i] -= take
			room -= take
		}
	}
	return sizes
}
