// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package traffic is the hand that writes the route objects of one Kind. Each
// Kind has a loop of its own, so that one data plane that fails starves no
// other.
package traffic

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Hand of one Kind's loop.
type Hand struct {
	*observe.Desk
	Kind  mesh.Kind
	Store observe.Store
	// Again enqueues a rollout on this loop.
	Again func(cache.ObjectName)
	// Weighed, where set, is told of the canary's weight, in units of the
	// total: what it should be, and what it was seen to be.
	Weighed func(key cache.ObjectName, router string, wanted, observed int32)

	reverts reverts
}

// Name of the loop.
func (h *Hand) Name() string { return "traffic-" + h.Kind.Name }

func (h *Hand) router() mesh.Router { return h.Routers[h.Kind.Name] }

// Sync makes the route objects of one rollout carry what the plan says, and
// gives back those that are no longer its own.
func (h *Hand) Sync(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	if ro, found, _ := h.Caches.Rollouts.Get(key); found && ro.DeletionTimestamp == nil && !h.concerns(ro) {
		h.reverts.keep(key, nil)
		h.Report(ro, h.Name(), nil, "")
		return 0, nil
	}
	s, p, found, err := h.Plan(ctx, key)
	if err != nil {
		return 0, err
	}
	if !found {
		h.reverts.keep(key, nil)
		return 0, h.leave(ctx, key)
	}
	route, ok := h.routeOf(s, p)
	h.reverts.keep(key, route.Objects)
	switch healed, err := h.Store.Heal(ctx, slices.Concat(route.Objects, h.orphans(s))); {
	case err != nil:
		return 0, err
	case healed:
		h.Wake(key, h.Name())
		if s, p, found, err = h.Plan(ctx, key); err != nil || !found {
			return 0, err
		}
		route, ok = h.routeOf(s, p)
	}
	var wait time.Duration
	if ok && h.differs(ctx, route) || len(h.releases(p)) > 0 {
		err = h.Alone(ctx, key, func() { h.Again(key) }, func(s plan.Snapshot, p plan.Plan) error {
			var err error
			wait, err = h.write(ctx, key, s, p)
			return err
		})
	}
	h.measure(key, s, p)
	return loop.Soonest(wait, h.report(key, s, err), p.After), err
}

// concerns reports whether a rollout names objects of this Kind, or has
// touched some that are not given back yet.
func (h *Hand) concerns(ro *v1alpha1.Rollout) bool {
	_, used, err := validation.Configured(ro, h.Kind)
	return used || err != nil || slices.ContainsFunc(ro.Status.Managed, func(m v1alpha1.ManagedObject) bool { return m.Router == h.Kind.Name })
}

// routeOf completes the plan's route with the objects of this Kind. ok is
// false where there is nothing to write.
func (h *Hand) routeOf(s plan.Snapshot, p plan.Plan) (route mesh.Route, ok bool) {
	var objects []mesh.Object
	for _, seen := range s.Traffic {
		for _, state := range seen.Objects {
			if seen.Kind == h.Kind.Name {
				objects = append(objects, state.Object)
			}
		}
	}
	if p.Route == nil {
		return mesh.Route{Objects: objects}, false
	}
	route = *p.Route
	for _, o := range objects {
		if observe.Listed(s.Rollout, plan.ManagedRoute(s.Rollout, h.Kind.Name, o)) {
			route.Objects = append(route.Objects, o)
		}
	}
	return route, len(route.Objects) > 0
}

// orphans of this Kind, which the spec no longer names.
func (h *Hand) orphans(s plan.Snapshot) []mesh.Object {
	var own []mesh.Object
	for _, orphan := range s.Orphans {
		if orphan.Object.Router == h.Kind.Name {
			own = append(own, observe.ObjectOf(orphan.Object))
		}
	}
	return own
}

// differs reports whether a write is due.
func (h *Hand) differs(ctx context.Context, route mesh.Route) bool {
	seen, err := h.router().Observe(ctx, route)
	return err != nil || !seen.Matches
}

func (h *Hand) releases(p plan.Plan) []v1alpha1.ManagedObject {
	var own []v1alpha1.ManagedObject
	for _, m := range p.Release {
		if m.Router == h.Kind.Name {
			own = append(own, m)
		}
	}
	return own
}

// write applies the route of a plan that was made under the lock. The others
// are woken by what was written, and never by what was not: a loop that woke
// itself for nothing would never rest.
func (h *Hand) write(ctx context.Context, key cache.ObjectName, s plan.Snapshot, p plan.Plan) (wait time.Duration, err error) {
	var errs []error
	wrote := false
	note := func(err error) { errs, wrote = append(errs, err), wrote || err == nil }
	for _, m := range h.releases(p) {
		note(h.router().Remove(ctx, observe.RemovalOf(s.Rollout, m, plan.Total(s.Rollout))))
	}
	if route, ok := h.routeOf(s, p); ok {
		seen, err := h.router().Observe(ctx, route)
		errs = append(errs, err)
		if route.Objects, wait = h.due(key, route, p.Urgent, seen); len(route.Objects) > 0 {
			note(h.apply(ctx, key, route, p.Rule))
		}
	}
	if wrote {
		h.Wake(key)
	}
	return wait, errors.Join(errs...)
}

// due are the objects that do not carry the route and can be written now; wait is
// how long it takes until another one can.
func (h *Hand) due(key cache.ObjectName, route mesh.Route, urgent bool, seen mesh.Observed) (due []mesh.Object, wait time.Duration) {
	for _, state := range seen.Objects {
		if state.Matches {
			continue
		}
		left := h.reverts.wait(key, route, urgent, state, h.Clock.Now())
		if left == 0 {
			due = append(due, state.Object)
		}
		wait = loop.Soonest(wait, left)
	}
	return due, wait
}

func (h *Hand) apply(ctx context.Context, key cache.ObjectName, route mesh.Route, rule string) error {
	if err := h.router().Apply(ctx, route); err != nil {
		return err
	}
	h.reverts.applied(key, route, h.Clock.Now())
	klog.FromContext(ctx).Info("Weight set", "router", h.Kind.Name, "weight", route.Weight, "total", route.Total, "managedRoutes", len(route.Managed), "rule", rule)
	return nil
}

// measure tells of the weight as it was seen before this sync.
func (h *Hand) measure(key cache.ObjectName, s plan.Snapshot, p plan.Plan) {
	i := slices.IndexFunc(s.Traffic, func(o mesh.Observed) bool { return o.Kind == h.Kind.Name && o.Level > mesh.Unknown })
	if h.Weighed == nil || p.Route == nil || i < 0 {
		return
	}
	h.Weighed(key, h.Kind.Name, p.Route.Weight, s.Traffic[i].Canary)
}

// report remembers what came of it, and who keeps reverting the objects;
// after is how long that will be so.
func (h *Hand) report(key cache.ObjectName, s plan.Snapshot, err error) (after time.Duration) {
	if by, left := h.reverts.contender(key, h.Clock.Now()); by != "" && err == nil {
		fault := plan.Fault{Hand: h.Name(), Object: h.Kind.Name, Contended: by, Since: h.Clock.Now()}
		if h.Faults.Set(key, fault) {
			h.Tell(s.Rollout, plan.Event{Warning: true, Reason: v1alpha1.EventTrafficRoutingError, Message: contentionAdvice(h.Kind, by)})
			h.Wake(key)
		}
		return left
	}
	h.Report(s.Rollout, h.Name(), err, v1alpha1.EventTrafficRoutingError)
	return 0
}

// leave gives back the objects of a rollout that is gone.
func (h *Hand) leave(ctx context.Context, rollout cache.ObjectName) error {
	left := h.left(rollout)
	if len(left) == 0 {
		return nil
	}
	if gone, err := h.Gone(ctx, rollout); err != nil || !gone {
		return err
	}
	var errs []error
	for _, route := range left {
		_, err := h.Store.Heal(ctx, route.Objects)
		errs = append(errs, err, h.router().Remove(ctx, route))
	}
	return errors.Join(errs...)
}

// left lists what a rollout has put into the objects of this Kind, as the
// objects themselves tell.
func (h *Hand) left(rollout cache.ObjectName) []mesh.Route {
	var routes []mesh.Route
	for _, resource := range h.Kind.Resources {
		for _, obj := range h.Caches.RoutesLeftBy(resource.GroupResource, rollout) {
			if left, ok := kit.Leftover(obj, rollout.String(), mesh.Object{Resource: resource.GroupResource, Kind: resource.Kind}); ok {
				routes = append(routes, left)
			}
		}
	}
	return routes
}
