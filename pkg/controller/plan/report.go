// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// report says in status what is seen and what blocks, and completes the plan.
func report(v *view, t target, o orders) Plan {
	pos := v.advance(t, &o)
	p := Plan{Rule: t.rule, Sets: o.sets, Slots: o.slots, Route: o.route, Workload: o.workload, Number: v.number()}
	p.Create, p.Delete = v.create(t), v.history()
	p.Apart, p.Inject, p.Relabel = v.apart(p.Create), v.inject(p.Create), v.relabel(o)
	p.Evict = v.evictions(&o)
	p.Release = v.release()
	p.Urgent = v.urgent(o.route)

	st := v.status.DeepCopy()
	v.reportPosition(st, pos)
	v.reportCounters(st)
	v.reportTraffic(st, t)
	v.reportManaged(st)
	v.reportRestart(st, pos)
	v.reportBlocked(st, o)
	p.Events = append(v.tellAdded(st), pos.events...)
	p.Events = append(p.Events, v.tellWeight(st)...)
	p.Events = append(p.Events, v.reportConditions(st, t, pos)...)
	p.Finished = v.reportDuration(st, pos)
	st.Phase, st.Message = v.phase(st)
	p.Status = *st
	p.After = v.after(st, pos, o)
	return p
}

// tellAdded tells once of a rollout that has no status yet.
func (v *view) tellAdded(st *v1alpha1.RolloutStatus) []Event {
	if v.status.ObservedGeneration != "" || st.ObservedGeneration == "" {
		return nil
	}
	name := v.Rollout.Namespace + "/" + v.Rollout.Name
	return []Event{{Reason: v1alpha1.EventRolloutAddedToInformer, Message: "Rollout resource added to informer: " + name}}
}

// create is the hash of the revision to make: the one of the template, where
// there is none yet.
func (v *view) create(t target) string {
	if (t.rule == "FirstDeploy" || t.rule == "NewRevision") && v.mayAdvance() && v.revision(v.Template) == nil {
		return v.Template
	}
	return ""
}

// history names the revisions to delete: of those that are neither stable nor
// current nor selected, and have no pods, those beyond the limit that were
// created first.
func (v *view) history() []string {
	var old []*Revision
	for i := range v.Revisions {
		r := &v.Revisions[i]
		if r.Spec+r.Replicas > 0 || r.Stale || r.Lagging || v.selected(r) || r.Hash == v.Template ||
			v.isCurrent(r) || v.stable == nil || r.Hash == v.stable.Hash {
			continue
		}
		old = append(old, r)
	}
	slices.SortStableFunc(old, func(a, b *Revision) int { return a.Created.Compare(b.Created) })
	var names []string
	for _, r := range old[:max(0, len(old)-int(v.Rollout.Spec.HistoryLimit()))] {
		names = append(names, r.Name)
	}
	return names
}

func (v *view) reportPosition(st *v1alpha1.RolloutStatus, pos position) {
	if v.Taken {
		count := 1 + deref(st.CollisionCount)
		st.CollisionCount = &count
	}
	v.reportObserved(st)
	if pos.reset || pos.promoted && st.CurrentPodHash == "" {
		st.CurrentPodHash, st.CurrentStepHash = v.Template, v.StepHash
	}
	v.reportIndex(st, pos)
	st.StableRS = pos.stable
	st.PauseConditions, st.ControllerPause, st.Canary.PausedStep = pos.pauses, pos.controllerPause, pos.pausedStep
	st.PromoteFull = pos.promoteFull
	switch {
	case v.swaps():
		st.Canary.StablePingPong = pos.pingPong
	case v.mayAdvance():
		st.Canary.StablePingPong = ""
	}
	st.Abort = pos.abort
	switch {
	case !pos.abort:
		st.AbortedAt = nil
	case st.AbortedAt == nil && !pos.reset && !v.atStable():
		now := metav1.NewTime(v.Now)
		st.AbortedAt = &now
	}
}

// reportIndex tells of the current step. While there are other steps, which cannot
// start, it stays one of those before; an abort leads back to their first.
func (v *view) reportIndex(st *v1alpha1.RolloutStatus, pos position) {
	index := int32(pos.index)
	switch known := st.CurrentStepIndex != nil || pos.reset || pos.promoted || v.current != nil; {
	case !v.stepsKnown() && !pos.reset:
		if st.CurrentStepIndex != nil && pos.index == 0 && pos.abort {
			st.CurrentStepIndex = &index
		}
	case len(v.steps) > 0 && known:
		st.CurrentStepIndex = &index
	default:
		st.CurrentStepIndex = nil
	}
}

// reportObserved says which versions of the spec, and of the workload that it
// refers to, this status is about.
func (v *view) reportObserved(st *v1alpha1.RolloutStatus) {
	if !v.understood() {
		return
	}
	st.ObservedGeneration = strconv.FormatInt(v.Rollout.Generation, 10)
	switch w := v.Workload; {
	case w == nil:
		st.WorkloadObservedGeneration = ""
	case w.Known:
		st.WorkloadObservedGeneration = strconv.FormatInt(w.Generation, 10)
	}
}

// reportCounters counts the pods of all revisions. HPAReplicas never exceeds
// D, so that an autoscaler sees the pods of one version. A selector that selects
// nothing, or cannot be read, is none that an autoscaler could use.
func (v *view) reportCounters(st *v1alpha1.RolloutStatus) {
	st.Replicas, st.ReadyReplicas, st.AvailableReplicas, st.UpdatedReplicas = 0, 0, 0, 0
	for i := range v.Revisions {
		r := &v.Revisions[i]
		st.Replicas += r.Replicas
		st.ReadyReplicas += r.Ready
		st.AvailableReplicas += r.Available
		if r.Hash == st.CurrentPodHash {
			st.UpdatedReplicas = r.Replicas
		}
	}
	st.HPAReplicas = min(st.Replicas, v.desired)
	if selector, err := metav1.LabelSelectorAsSelector(v.Rollout.Spec.Selector); err == nil && selector.String() != "" {
		st.Selector = selector.String()
	}
}

// reportTraffic tells what was observed, and since when. While nothing can be
// observed the last values stand, unverified. At rest no edition is told of that
// changes no weight, once nothing waits for it to settle.
func (v *view) reportTraffic(st *v1alpha1.RolloutStatus, t target) {
	old, resting := st.Canary.Weights, t.rule == "AtRest" && v.quiet()
	switch {
	case !v.routed:
		st.Canary.Weights = nil
	case v.seen.any:
		w, now := v.weights(v.seen), metav1.NewMicroTime(v.Now)
		w.Edition, w.EditionSince = v.seen.edition, &now
		same := old != nil && old.Since != nil && sameWeights(old, w)
		w.Since, w.Pods = &now, v.carriers(old, same, t)
		if same {
			w.Since = old.Since
		}
		if old != nil && old.EditionSince != nil && (old.Edition == w.Edition || same && resting) {
			w.Edition, w.EditionSince = old.Edition, old.EditionSince
		}
		st.Canary.Weights = w
	case old != nil:
		st.Canary.Weights.Verified = v.verified(v.seen)
	}
}

// carriers is how many pods carry the canary's weight: those that it has or had,
// but no more than were enough at any time since; or all that were where the
// weight is more than the one that was told of last. Those that it has lost since
// then count.
func (v *view) carriers(old *v1alpha1.TrafficWeights, same bool, t target) int32 {
	enough := v.need(v.seen.canary)
	if t.enough > 0 && t.weight == v.seen.canary {
		enough = min(enough, t.enough) // the user's own words
	}
	switch {
	case old != nil && v.seen.canary > old.Canary.Weight:
		return enough
	case same:
		return min(max(old.Pods, v.canaryPods()), enough)
	default:
		return min(v.canaryPods(), enough)
	}
}

// quiet reports whether a healthy rollout has pods of the stable revision alone.
func (v *view) quiet() bool {
	more := func(r Revision) bool { return r.Spec > 0 && r.Hash != v.stable.Hash }
	return v.status.Phase == v1alpha1.RolloutPhaseHealthy && len(v.Orphans) == 0 && !slices.ContainsFunc(v.Revisions, more)
}

// tellWeight tells of an observed weight that is not the last one told. That
// Services swap their roles moves nothing.
func (v *view) tellWeight(st *v1alpha1.RolloutStatus) []Event {
	old, now := v.status.Canary.Weights, st.Canary.Weights
	switch {
	case now == nil, old == nil && now.Canary.Weight == 0, old != nil && (old.Canary.Weight == now.Canary.Weight || old.Canary.ServiceName != now.Canary.ServiceName):
		return nil
	case old == nil:
		return []Event{{Reason: v1alpha1.EventTrafficWeightUpdated, Message: fmt.Sprintf("Traffic weight updated to %d", now.Canary.Weight)}}
	default:
		return []Event{{Reason: v1alpha1.EventTrafficWeightUpdated, Message: fmt.Sprintf("Traffic weight updated from %d to %d", old.Canary.Weight, now.Canary.Weight)}}
	}
}

// reportManaged lists every object that a hand may touch from now on, and
// those that are not yet confirmed as given back, or have yet to settle.
func (v *view) reportManaged(st *v1alpha1.RolloutStatus) {
	var managed []v1alpha1.ManagedObject
	for _, role := range roles {
		if slot, ok := v.Slots[role]; ok && slot.Service != "" {
			managed = append(managed, ManagedService(v.Rollout.Namespace, slot.Service))
		}
	}
	for _, kind := range v.Traffic {
		for _, s := range kind.Objects {
			managed = append(managed, ManagedRoute(v.Rollout, kind.Kind, s.Object))
		}
	}
	for _, orphan := range v.Orphans {
		if settling := v.routed && orphan.Object.Router != "" && !v.seen.settled; !orphan.Clean || settling {
			managed = append(managed, orphan.Object)
		}
	}
	st.Managed = managed
}

// release lists the orphans that can be given back now.
func (v *view) release() []v1alpha1.ManagedObject {
	var free []v1alpha1.ManagedObject
	for _, orphan := range v.Orphans {
		if !orphan.Clean && v.mayRelease(orphan) {
			free = append(free, orphan.Object)
		}
	}
	return free
}

// mayRelease: a Service is given back only by a spec that is in order, and once
// the routes are what that asks for, so that it carries nothing. A route object
// goes only once stable carries everything anyway, or where the Services are given
// back too, then after them: they select the pods of all.
func (v *view) mayRelease(orphan Orphan) bool {
	unclean := func(names func(v1alpha1.ManagedObject) bool) bool {
		return slices.ContainsFunc(v.Orphans, func(o Orphan) bool { return !o.Clean && names(o.Object) })
	}
	if service := orphan.Object.Name; orphan.Object.Router == "" {
		return v.mayAdvance() && (!v.routed || v.seen.matches && v.seen.settled &&
			!unclean(func(m v1alpha1.ManagedObject) bool { return m.StableService == service || m.CanaryService == service }))
	}
	_, named := v.Slots[mesh.Stable]
	given := !named && !unclean(func(m v1alpha1.ManagedObject) bool { return m.Router == "" })
	return orphan.Level > mesh.Unknown && (orphan.Canary == 0 || v.carriesThroughS(v.stable) >= v.total || given)
}

// ManagedService is the inventory's entry for a role Service.
func ManagedService(namespace, name string) v1alpha1.ManagedObject {
	return v1alpha1.ManagedObject{Kind: "Service", Resource: "services", Namespace: namespace, Name: name}
}

// ManagedRoute is the inventory's entry for a route object: all that Remove
// needs once the spec no longer names it.
func ManagedRoute(ro *v1alpha1.Rollout, router string, o mesh.Object) v1alpha1.ManagedObject {
	canary := canaryOf(ro)
	stable, other := canary.RoleServices(ro.Status.Canary.StablePingPong)
	return v1alpha1.ManagedObject{
		Router: router, Group: o.Resource.Group, Kind: o.Kind, Resource: o.Resource.Resource,
		Namespace: o.Namespace, Name: o.Name, Rules: o.Rules,
		StableService: stable, CanaryService: other, ManagedRoutes: reserved(canary),
	}
}

// TellBlockedAfter is how long the same gate blocks before an event says so.
const TellBlockedAfter = 30 * time.Second

func (v *view) reportBlocked(st *v1alpha1.RolloutStatus, o orders) {
	old := st.BlockedOn
	st.BlockedOn = nil
	if len(o.blocked) == 0 {
		return
	}
	b := o.blocked[0]
	st.BlockedOn = &v1alpha1.BlockedOn{Gate: b.Gate, Object: b.Object, Have: b.Have, Want: b.Want, Since: metav1.NewTime(v.Now)}
	if old != nil && old.Gate == b.Gate && old.Object == b.Object {
		st.BlockedOn.Since = old.Since
	}
}

// Holdable reports whether the status of p, a plan for s, differs from what is
// stored by counters alone: such a write can wait for the next one. The first
// write never waits.
func Holdable(s Snapshot, p Plan) bool {
	v := look(s)
	return v.status.ObservedGeneration != "" && equality.Semantic.DeepEqual(v.gist(v.status), v.gist(&p.Status))
}

// gist is status without what is only counted, without the words for that the
// count goes on, and without a weight that is still on its way.
func (v *view) gist(st *v1alpha1.RolloutStatus) *v1alpha1.RolloutStatus {
	g := *st
	g.Replicas, g.ReadyReplicas, g.AvailableReplicas, g.UpdatedReplicas, g.HPAReplicas = 0, 0, 0, 0, 0
	g.BlockedOn = nil
	g.Message = ""
	switch w := g.Canary.Weights; {
	case v.routed && !v.seen.final:
		g.Canary.Weights = nil
	case w != nil:
		still := *w
		still.Pods = 0
		g.Canary.Weights = &still
	}
	g.Conditions = slices.Clone(g.Conditions)
	for i := range g.Conditions {
		c := &g.Conditions[i]
		c.LastUpdateTime = metav1.Time{}
		if c.Type == v1alpha1.RolloutProgressing && underWay[c.Reason] {
			*c = v1alpha1.RolloutCondition{Type: c.Type}
		}
	}
	return &g
}

// underWay are the reasons of Progressing that differ only in what was last
// heard of an update that goes on.
var underWay = map[string]bool{
	v1alpha1.ReasonNewReplicaSetCreated: true,
	v1alpha1.ReasonFoundNewReplicaSet:   true,
	v1alpha1.ReasonReplicaSetUpdated:    true,
	v1alpha1.ReasonResumed:              true,
	v1alpha1.ReasonRolloutRetry:         true,
}

// after is when something becomes due without any change in the cluster.
func (v *view) after(st *v1alpha1.RolloutStatus, pos position, o orders) time.Duration {
	var due []time.Duration
	due = append(due, pos.after)
	if v.routed && v.seen.final && !v.seen.settled {
		due = append(due, v.settles(v.seen))
	}
	if v.routed && v.Settings.AckTimeout > 0 && v.seen.all && !v.seen.acked {
		due = append(due, v.Settings.AckTimeout-v.stood())
	}
	for i := range v.Revisions {
		deadline := v.Revisions[i].Deadline
		if set, ok := o.sets[v.Revisions[i].Hash]; ok {
			deadline = set.Deadline
		}
		if deadline != nil {
			due = append(due, deadline.Sub(v.Now))
			if gate := v.canary.DrainGate; gate != nil {
				due = append(due, drainDue(*deadline, gate).Sub(v.Now))
			}
		}
	}
	if v.givesWay() {
		due = append(due, v.takesOver())
	}
	if b := st.BlockedOn; b != nil {
		due = append(due, b.Since.Add(TellBlockedAfter).Sub(v.Now))
	}
	due = append(due, v.progressDue(st), v.restartDue(), v.rampDue())
	due = slices.DeleteFunc(due, func(d time.Duration) bool { return d <= 0 })
	if len(due) == 0 {
		return 0
	}
	return slices.Min(due)
}
