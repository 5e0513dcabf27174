// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
)

// restartPause is how long to wait between looks at pods that cannot be
// evicted yet.
const restartPause = 30 * time.Second

// RestartDue reports whether the pods that are older than spec.restartAt have
// to go. Only then does a snapshot need Pods.
func RestartDue(ro *v1alpha1.Rollout, now time.Time) bool {
	at, done := ro.Spec.RestartAt, ro.Status.RestartedAt
	return at != nil && !at.After(now) && (done == nil || done.Before(at))
}

// old reports whether a restart wants p gone.
func (v *view) old(p Pod) bool { return p.Created.Before(v.Rollout.Spec.RestartAt.Time) }

// restarting are the revisions whose pods a restart replaces: stable, then the
// current one, then what may serve besides. One with a deadline only waits for
// its end, and with new pods would do no more.
func (v *view) restarting() []*Revision {
	all := []*Revision{v.stable, v.current}
	for i := range v.Revisions {
		if r := &v.Revisions[i]; r.Spec > 0 && r.Deadline == nil {
			all = append(all, r)
		}
	}
	return slices.DeleteFunc(all, func(r *Revision) bool { return r == nil })
}

// evictions names the pods that go now: those of stable first, no more at a
// time than evictable allows.
func (v *view) evictions(o *orders) []string {
	if !RestartDue(v.Rollout, v.Now) {
		return nil
	}
	if v.Pods == nil {
		o.block(GateObservation, "Rollout "+v.Rollout.Name, "unknown", "a list of its pods, to restart them")
	}
	for _, r := range v.restarting() {
		var names []string
		left := false
		room := v.evictable(r, *o)
		for _, p := range v.Pods {
			if p.Hash != r.Hash || !v.old(p) {
				continue
			}
			left = true
			if !p.Terminating && int32(len(names)) < room {
				names = append(names, p.Name)
			}
		}
		if left && len(names) == 0 {
			o.block(GateCapacity, "ReplicaSet "+r.Name, min(available(r), v.readyPods(r)), "more, to evict a pod older than spec.restartAt")
		}
		if left {
			return names
		}
	}
	return nil
}

// evictable is how many pods of r may go now: maxUnavailable (at least 1) may be
// missing of a revision, or of all of them where pods are the weight, but of
// several never the last one that is ready: maxUnavailable is of D, and r may
// have fewer. A scale-down in the same pass has spent that already.
func (v *view) evictable(r *Revision, o orders) int32 {
	budget, ready := max(v.budget.Unavailable, 1), min(available(r), v.readyPods(r))
	room := budget - (r.Spec - ready)
	if r.Spec > 1 {
		room = min(room, ready-1)
	}
	if o.sets[r.Hash].Shrinks {
		return 0
	}
	if v.routed {
		return room
	}
	for _, set := range o.sets {
		if set.Shrinks {
			return 0
		}
	}
	var all int32
	for i := range v.Revisions {
		all += min(available(&v.Revisions[i]), v.readyPods(&v.Revisions[i]))
	}
	return min(room, budget-(v.desired-all))
}

// readyPods of r by the pods themselves: what was just evicted may still be
// counted in the status of its ReplicaSet.
func (v *view) readyPods(r *Revision) int32 {
	var n int32
	for _, p := range v.Pods {
		if p.Hash == r.Hash && p.Ready && !p.Terminating {
			n++
		}
	}
	return n
}

// reportRestart notes a restart as done once no old pod is left that it
// replaces. A new revision has only new pods.
func (v *view) reportRestart(st *v1alpha1.RolloutStatus, pos position) {
	if pos.reset {
		st.RestartedAt = v.Rollout.Spec.RestartAt.DeepCopy()
		return
	}
	if !RestartDue(v.Rollout, v.Now) || v.Pods == nil {
		return
	}
	restarting := v.restarting()
	for _, p := range v.Pods {
		if v.old(p) && slices.ContainsFunc(restarting, func(r *Revision) bool { return r.Hash == p.Hash }) {
			return
		}
	}
	st.RestartedAt = v.Rollout.Spec.RestartAt.DeepCopy()
}

// restartDue is when to look at the pods again, 0 for never.
func (v *view) restartDue() time.Duration {
	at := v.Rollout.Spec.RestartAt
	switch {
	case at == nil:
		return 0
	case at.After(v.Now):
		return at.Sub(v.Now)
	case RestartDue(v.Rollout, v.Now):
		return restartPause
	default:
		return 0
	}
}
