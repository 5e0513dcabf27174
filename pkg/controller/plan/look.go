// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"
)

// view is a snapshot with what every rule asks for worked out once.
type view struct {
	Snapshot
	canary *v1alpha1.CanaryStrategy
	status *v1alpha1.RolloutStatus
	// desired is D, total W.
	desired, total int32
	budget         replicaset.Budget
	steps          []v1alpha1.CanaryStep
	// index of the current step, 0 to len(steps).
	index int
	// stable and current revision, nil where there is none.
	stable, current *Revision
	// routed: weights are in route objects, not in numbers of pods.
	routed bool
	seen   traffic
}

// traffic is what was observed, over all Kinds and objects.
type traffic struct {
	// any: at least one Kind is known. all: every Kind is. acked: every Kind
	// is known as well as it can be. final: acked, or waited for long enough.
	any, all, acked, final bool
	// stable and canary are the highest weights of the Kinds that are known.
	// lowest is the least canary weight on any object of theirs.
	stable, canary, lowest int32
	managed                []string
	// edition of the route objects, "" where there are none.
	edition string
	// matches: the goal of the current step is what the objects say.
	matches bool
	// settled: final, and untouched for as long as the settle time.
	settled bool
}

func look(s Snapshot) *view {
	ro := s.Rollout
	v := &view{
		Snapshot: s,
		canary:   canaryOf(ro),
		status:   &ro.Status,
		desired:  ro.Spec.Desired(),
		total:    Total(ro),
		routed:   len(s.Traffic) > 0,
	}
	v.steps = v.canary.Steps
	v.budget = replicaset.Budget{Surge: ro.Spec.MaxSurge(), Unavailable: ro.Spec.MaxUnavailable()}
	v.index = stepIndex(ro)
	v.current = v.revision(v.status.CurrentPodHash)
	v.seen = v.observe()
	v.stable = v.findStable()
	return v
}

// canaryOf never is nil, so that a rollout whose strategy is refused can
// still be looked at.
func canaryOf(ro *v1alpha1.Rollout) *v1alpha1.CanaryStrategy {
	if c := ro.Spec.Strategy.Canary; c != nil {
		return c
	}
	return &v1alpha1.CanaryStrategy{}
}

// Total is W.
func Total(ro *v1alpha1.Rollout) int32 {
	if tr := canaryOf(ro).TrafficRouting; tr != nil && tr.MaxTrafficWeight != nil && *tr.MaxTrafficWeight > 0 {
		return *tr.MaxTrafficWeight
	}
	return 100
}

// revision with that hash, nil if there is none.
func (v *view) revision(hash string) *Revision {
	if i := slices.IndexFunc(v.Revisions, func(r Revision) bool { return r.Hash == hash }); i >= 0 && hash != "" {
		return &v.Revisions[i]
	}
	return nil
}

// findStable also finds the stable revision of a rollout whose status was
// lost: the one that its own stable Service still selects.
func (v *view) findStable() *Revision {
	if v.status.StableRS != "" {
		return v.revision(v.status.StableRS)
	}
	if s := v.Slots[mesh.Stable]; s.Owner == v.Rollout.Name && !v.rolesLost() {
		return v.revision(s.Hash)
	}
	return nil
}

func (v *view) observe() traffic {
	t := traffic{all: true, acked: true, matches: true, lowest: v.total}
	for _, o := range v.Traffic {
		t.matches = t.matches && o.Matches
		for _, s := range o.Objects {
			if o.Level > mesh.Unknown && !s.Missing {
				t.lowest = min(t.lowest, s.Canary)
			}
		}
		t.add(o.Level, o.Best, o.Canary)
		if o.Level > mesh.Unknown {
			t.stable = max(t.stable, o.Stable)
			t.managed = append(t.managed, o.Managed...)
		}
	}
	for _, o := range v.Orphans {
		if o.Object.Router != "" && !o.Clean {
			t.add(o.Level, o.Level, o.Canary)
			t.managed = append(t.managed, o.Managed...)
		}
	}
	slices.Sort(t.managed)
	t.managed = slices.Compact(t.managed)
	if v.routed {
		t.edition = v.edition()
	}
	t.final = t.all && (t.acked || v.ackOverdue(t))
	t.settled = v.settled(t)
	return t
}

func (t *traffic) add(level, best mesh.Level, canary int32) {
	t.acked = t.acked && level >= best
	if level == mesh.Unknown {
		t.all, t.acked = false, false
		return
	}
	t.any = true
	t.canary = max(t.canary, canary)
}

// carried is the weight that a role must be taken to have.
func (v *view) carried(role mesh.Role) int32 {
	switch {
	case !v.routed:
		return 0
	case !v.seen.settled:
		return v.total
	case role == mesh.Stable:
		return v.seen.stable
	default:
		return v.seen.canary
	}
}

// carriedBy is the weight of all roles whose Service selects r, or may do so,
// at most W.
func (v *view) carriedBy(r *Revision) int32 {
	var sum int32
	for role, slot := range v.Slots {
		if slot.Hash == r.Hash || slot.Stale {
			sum += v.carried(role)
		}
	}
	return min(sum, v.total)
}

// available pods of r, as new decisions may count on them: none while its
// status is older than its spec, and none that are about to go.
func available(r *Revision) int32 {
	if r == nil || r.Lagging || r.Stale {
		return 0
	}
	return held(r)
}

// availableInAll are the available pods of all revisions.
func (v *view) availableInAll() int32 {
	var sum int32
	for i := range v.Revisions {
		sum += available(&v.Revisions[i])
	}
	return sum
}

// held are the pods of r that what it carries already may count on: scaling it
// up takes none away.
func held(r *Revision) int32 {
	if r == nil {
		return 0
	}
	return min(r.Spec, r.Available)
}

// need is the number of pods for a weight of W.
func (v *view) need(weight int32) int32 { return replicaset.Need(weight, v.desired, v.total) }

// atStable reports whether the current revision is the stable one.
func (v *view) atStable() bool {
	return v.stable != nil && v.current != nil && v.stable.Hash == v.current.Hash
}

// outdated reports whether the template or the steps are not the ones that
// status was written for.
func (v *view) outdated() bool {
	return v.status.CurrentPodHash != v.Template || !v.stepsKnown()
}

// stepsKnown reports whether the steps are those that status was written for, so
// that its index is one of theirs.
func (v *view) stepsKnown() bool { return v.status.CurrentStepHash == v.StepHash }

// selected reports whether a role Service selects r, or may do so.
func (v *view) selected(r *Revision) bool {
	for _, slot := range v.Slots {
		if slot.Hash == r.Hash || slot.Stale {
			return true
		}
	}
	return false
}

// third is the revision that C selects and that is neither n nor s, nil for
// none.
func (v *view) third() *Revision {
	r := v.revision(v.Slots[mesh.Canary].Hash)
	if r == nil || v.current == nil || v.stable == nil || r.Hash == v.current.Hash || r.Hash == v.stable.Hash {
		return nil
	}
	return r
}

// mayAdvance: nothing that is invalid, missing or unknown holds the rollout.
func (v *view) mayAdvance() bool {
	return len(v.Invalid) == 0 && len(v.Refs) == 0 && v.Untried == "" && !v.Going && (v.Workload == nil || v.Workload.Known)
}

// understood reports whether the template that the spec asks for is known, with
// what it means, and can be told apart from every other.
func (v *view) understood() bool {
	return v.Untried == "" && !v.Taken && (v.Workload == nil || !v.Workload.Unread)
}
