// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Observer makes snapshots.
type Observer struct {
	Caches    *Caches
	Kinds     []mesh.Kind
	Routers   map[string]mesh.Router
	Faults    *Faults
	Templates *Templates
	Verdicts  *Verdicts
	Clock     clock.PassiveClock
	Settings  plan.Settings
	// Pods lists the pods of a rollout, live.
	Pods func(ctx context.Context, ro *v1alpha1.Rollout) ([]plan.Pod, error)
	// Gone asks the API server whether a rollout that the caches do not have
	// is deleted, or on its way. It may as well be another instance's.
	Gone func(ctx context.Context, key cache.ObjectName) (bool, error)
}

// Snapshot of a rollout. found is false where it does not exist, or is being
// deleted. The error is loop.ErrStale while nothing can be decided.
func (o *Observer) Snapshot(ctx context.Context, key cache.ObjectName) (s plan.Snapshot, found bool, err error) {
	ro, found, stale := o.Caches.Rollouts.Get(key)
	if !found || ro.DeletionTimestamp != nil {
		return s, false, nil
	}
	if stale {
		return s, true, loop.ErrStale
	}
	s = plan.Snapshot{
		Now:      o.Clock.Now(),
		Settings: o.Settings,
		Rollout:  ro,
		StepHash: stepHash(ro),
		Faults:   o.Faults.Of(key),
		Invalid:  o.Verdicts.of(ro, o.Kinds),
	}
	o.resolve(&s)
	revisions, going := o.revisions(ro)
	s.Revisions = revisions
	if s.Unclaimed = o.unclaimed(s.Rollout); len(s.Unclaimed) > 0 && has(revisions, ro.Status.StableRS) == "" {
		return s, true, loop.ErrStale // the stable revision may be one of them
	}
	o.template(&s)
	s.Going = slices.Contains(going, replicaset.Name(ro.Name, s.Template))
	o.slots(&s)
	o.traffic(ctx, &s, specified(ro))
	o.inForce(ctx, &s)
	o.orphans(ctx, &s)
	if o.Pods != nil && len(s.Revisions) > 0 && plan.RestartDue(ro, s.Now) {
		if s.Pods, err = o.Pods(ctx, s.Rollout); err != nil {
			klog.FromContext(ctx).Error(err, "List pods to restart") // nothing else waits for it
		}
	}
	return s, true, nil
}

func stepHash(ro *v1alpha1.Rollout) string {
	if ro.Spec.Strategy.Canary == nil {
		return ""
	}
	return replicaset.StepsHash(ro.Spec.Strategy.Canary.Steps)
}

// traffic observes every Kind that the rollout uses, with its objects.
func (o *Observer) traffic(ctx context.Context, s *plan.Snapshot, routes configured) {
	goal := plan.Goal(s.Rollout)
	for _, kind := range o.Kinds {
		objects, used, err := routes(kind)
		if !used {
			continue
		}
		goal.Objects = objects
		seen := mesh.Observed{Kind: kind.Name, Best: kind.Best}
		if err == nil {
			seen = o.observe(ctx, kind, goal, s)
		}
		s.Traffic = append(s.Traffic, seen)
	}
}

// observe one Kind, and name what is missing or cannot carry the route.
func (o *Observer) observe(ctx context.Context, kind mesh.Kind, goal mesh.Route, s *plan.Snapshot) mesh.Observed {
	field := "spec.strategy.canary.trafficRouting." + kind.Name
	for _, object := range goal.Objects {
		if o.Caches.Routes(object.Resource) == nil {
			s.Refer(field, object.String(), "cannot be read: "+object.Resource.String()+" is not served by this cluster; install its CustomResourceDefinition")
			return unknown(kind, goal)
		}
	}
	seen, err := o.Routers[kind.Name].Observe(ctx, goal)
	if err != nil {
		return unknown(kind, goal)
	}
	for _, state := range seen.Objects {
		s.Refer(field, state.Object.String(), validation.RouteObject(state))
	}
	if s.Starts() && len(s.Refs) == 0 {
		o.foresee(ctx, kind, goal.Objects, s)
	}
	return seen
}

// foresee names the objects of a Kind that cannot carry what the steps will
// ask for: better now than in the middle of a release.
func (o *Observer) foresee(ctx context.Context, kind mesh.Kind, objects []mesh.Object, s *plan.Snapshot) {
	for _, route := range plan.Goals(s.Rollout) {
		route.Objects = objects
		seen, err := o.Routers[kind.Name].Observe(ctx, route)
		if err != nil {
			return
		}
		for _, state := range seen.Objects {
			s.Refer("spec.strategy.canary.trafficRouting."+kind.Name, state.Object.String(), validation.RouteObject(state))
		}
		if len(s.Refs) > 0 {
			return
		}
	}
}

// unknown keeps the names of the objects, so that they stay in the inventory.
func unknown(kind mesh.Kind, goal mesh.Route) mesh.Observed {
	seen := mesh.Observed{Kind: kind.Name, Best: kind.Best}
	for _, object := range goal.Objects {
		seen.Objects = append(seen.Objects, mesh.State{Object: object})
	}
	return seen
}

// orphans are what the inventory lists and the spec no longer names.
func (o *Observer) orphans(ctx context.Context, s *plan.Snapshot) {
	for _, m := range s.Rollout.Status.Managed {
		if m.Router == "" {
			if slices.Contains(serviceNames(s.Rollout), m.Name) {
				continue
			}
			s.Orphans = append(s.Orphans, o.orphanService(s.Rollout, m))
			continue
		}
		named := func(t mesh.Observed) bool {
			return slices.ContainsFunc(t.Objects, func(st mesh.State) bool { return routeKey(st.Object) == routeKey(ObjectOf(m)) })
		}
		if !slices.ContainsFunc(s.Traffic, named) {
			s.Orphans = append(s.Orphans, o.orphanRoute(ctx, s.Rollout, m))
		}
	}
}

func (o *Observer) orphanService(ro *v1alpha1.Rollout, m v1alpha1.ManagedObject) plan.Orphan {
	service, found, stale := o.Caches.Services.Get(cache.NewObjectName(m.Namespace, m.Name))
	return plan.Orphan{Object: m, Clean: !stale && (!found || Manager(service) != ro.Name)}
}

func (o *Observer) orphanRoute(ctx context.Context, ro *v1alpha1.Rollout, m v1alpha1.ManagedObject) plan.Orphan {
	orphan := plan.Orphan{Object: m}
	router := o.Routers[m.Router]
	if router == nil || o.Caches.Routes(ObjectOf(m).Resource) == nil {
		return orphan
	}
	seen, err := router.Observe(ctx, RemovalOf(ro, m, plan.Total(ro)))
	if err != nil {
		return orphan
	}
	state := seen.Objects[0]
	orphan.Level, orphan.Canary, orphan.Managed, orphan.Edition = state.Level, state.Canary, state.Managed, state.Edition
	orphan.Clean = state.Missing || state.Matches || state.Fault != "" && !state.Ours
	if state.Fault != "" {
		orphan.Level = max(orphan.Level, mesh.Accepted) // it says all that Remove will find
	}
	return orphan
}
