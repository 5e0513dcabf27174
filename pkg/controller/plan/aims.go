// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// What rules aim at: how many pods each side has for a weight, and how many of
// them are enough.

// filled is how many pods of n carry everything: enough of D, or of fewer
// where n once had all its pods for a smaller D, so that an autoscaler that
// keeps raising D cannot hold the door shut.
func (v *view) filled() int32 {
	filled := v.desired
	if f := v.current.FilledFor; f > 0 {
		filled = min(f, v.desired)
	}
	return v.canary.Enough(filled)
}

// asked is the weight that the steps up to index ask for, the size of n for
// them, and how many pods are enough for the weight. An explicit scale that
// was set before the weight says what is enough; one that came after it can
// only add pods. One that is a number of pods is meant as it is written, unless
// stable gives pods away for it.
//
// With 10 pods, [setCanaryScale 1, setWeight 50] is done with 1 pod, and
// [setWeight 50, setCanaryScale 1] with 5.
func (v *view) asked(index int) (weight, size, enough int32) {
	if v.desired == 0 {
		return 0, 0, 0
	}
	weight = weightAt(v.steps, index, v.total)
	least, floored := v.need(weight), v.floored
	if len(managedAt(v.canary, index)) > 0 {
		least = max(1, least)
	}
	size, enough = least, least
	if scale, at := explicitScale(v.steps, index); scale != nil && v.routed && index < len(v.steps) {
		explicit := v.need(deref(scale.Weight))
		if scale.Replicas != nil {
			explicit = max(0, *scale.Replicas)
			if !v.canary.DynamicStableScale {
				floored = func(pods int32) int32 { return pods }
			}
		}
		if _, weightStep := lastWeight(v.steps, index); at < weightStep {
			least = min(1, least)
			enough = max(least, explicit)
		}
		size = max(least, explicit)
	}
	return weight, floored(size), v.canary.Enough(floored(enough))
}

// managed are the routes that the steps up to index ask for. A promotion in full
// asks for none.
func (v *view) managed(index int) []mesh.Managed {
	if v.promoteFull() {
		return nil
	}
	return managedAt(v.canary, index)
}

// floored is the least that minPodsPerReplicaSet leaves of a number of pods,
// never more than D. No pods stay none.
func (v *view) floored(pods int32) int32 {
	if pods == 0 || !v.routed {
		return pods
	}
	return max(pods, min(deref(v.canary.MinPodsPerReplicaSet), v.desired))
}

// stableSize is the pods of stable beside a weight of the canary: D, or with
// dynamicStableScale only its own share.
func (v *view) stableSize(weight int32) int32 {
	if !v.canary.DynamicStableScale {
		return v.desired
	}
	return v.floored(v.need(v.total - weight))
}

// givenAway is the weight for which stable gives pods away at this step: that of
// the canary, or what an explicit scale by weight gives it the pods of, if that is
// less.
func (v *view) givenAway(weight int32) int32 {
	if scale, _ := explicitScale(v.steps, v.index); scale != nil && scale.Replicas == nil {
		weight = min(weight, *scale.Weight)
	}
	return weight
}

// prewarmed is size, or what the next step that needs pods asks for, if that
// is more and the user wants it started early.
func (v *view) prewarmed(size int32) int32 {
	if !v.canary.Prewarm {
		return size
	}
	next := v.index + 1
	for next < len(v.steps) && v.steps[next].SetWeight == nil && v.steps[next].SetCanaryScale == nil {
		next++
	}
	_, more, _ := v.asked(next)
	return max(size, more)
}

// ramp is the weight that an abort leaves to the canary for now, and what it
// waits for: 0, unless the user wants it taken back in parts. Several objects
// take each part one after the other.
func (v *view) ramp() (weight int32, waiting *Blocked) {
	r := v.canary.AbortRamp
	if r == nil || v.seen.canary == 0 {
		return 0, nil
	}
	if v.seen.lowest < v.seen.canary {
		return v.seen.lowest, nil
	}
	if left := v.rampDue(); left > 0 {
		return v.seen.canary, &Blocked{GateRamp, "Rollout " + v.Rollout.Name, fmt.Sprint("weight ", v.seen.canary), fmt.Sprint("weight ", max(0, v.seen.canary-r.Decrement))}
	}
	return max(0, v.seen.canary-r.Decrement), nil
}

// rampDue is how long the ramp of an abort rests at the weight that is
// observed, 0 or less for no longer.
func (v *view) rampDue() time.Duration {
	r, w := v.canary.AbortRamp, v.status.Canary.Weights
	switch {
	case r == nil || !v.aborted():
		return 0
	case w == nil || !v.recorded(v.seen):
		return time.Duration(r.IntervalSeconds) * time.Second
	}
	return w.Since.Add(time.Duration(r.IntervalSeconds) * time.Second).Sub(v.Now)
}

func deref(p *int32) int32 {
	if p == nil {
		return 0
	}
	return *p
}

// aims keeps stable full and retires all others, each with its own delay once
// it carries nothing; only the newest of them wait, as many as
// scaleDownDelayRevisionLimit says. The caller overrides the current revision.
func (v *view) aims(delay time.Duration) map[string]aim {
	aims := map[string]aim{}
	waiting := int32(0)
	for _, r := range slices.Backward(v.Revisions) {
		d := delay
		if r.Spec > 0 && !v.isCurrent(&r) && r.Hash != v.stable.Hash {
			if limit := v.canary.ScaleDownDelayRevisionLimit; limit != nil && waiting >= *limit {
				d = 0
			}
			waiting++
		}
		aims[r.Hash] = aim{delay: &d}
	}
	aims[v.stable.Hash] = aim{size: v.desired}
	return aims
}

// frozen leaves every revision but stable as it is. Stable has D, or with
// dynamicStableScale what it has of D, and what its weight beside the canary's
// needs.
func (v *view) frozen(weight int32) map[string]aim {
	size := v.stableSize(weight)
	return map[string]aim{v.stable.Hash: {size: max(size, min(v.stable.Spec, v.desired))}}
}

// restOfCanary is the revision that C selects while it carries nothing: the
// stable one. Services that swap roles stay where they are, once they are
// somewhere.
func (v *view) restOfCanary() string {
	if v.swaps() && v.revision(v.Slots[mesh.Canary].Hash) != nil {
		return ""
	}
	return v.stable.Hash
}

// swaps reports whether the Services swap roles at a promotion.
func (v *view) swaps() bool { return v.routed && v.canary.PingPong != nil }
