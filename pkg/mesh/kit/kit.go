// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kit is what routers are built with. A Kind says, as pure functions,
// how one object carries a route and what one object carries; kit makes a
// Router of them: the one copy, edit, compare and patch.
package kit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/sluice-rollouts/sluice/pkg/mesh"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// FieldManager of every write of ours.
const FieldManager = "sluice"

// Renderer is the pure part of a Kind.
type Renderer struct {
	// Kind is the name of the Kind, Best the highest Level of it, and Features
	// what it can express.
	Kind     string
	Best     mesh.Level
	Features mesh.Features
	// Render edits obj so that it carries route, and touches nothing else. Its
	// error is a *mesh.Fault: the object cannot carry the route.
	Render func(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) error
	// Restore undoes all that Render ever put into obj for this route, as far
	// as it is still there: managed routes go, and where the pair is weighted
	// stable gets its sum.
	Restore func(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object)
	// Read says what obj carries: Level, Stable, Canary, Managed, Waiting, Served
	// and Refused; and Fault, where that keeps a release from starting but not from
	// being taken back. Its error is a *mesh.Fault; the State then says Managed, and
	// the weights that Restore would take back.
	Read func(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) (mesh.State, error)
}

// New makes a Router of r that reads and writes through store.
func New(r Renderer, store mesh.Store) mesh.Router { return router{r, store} }

type router struct {
	Renderer
	store mesh.Store
}

// Apply tries every object, so that one that fails starves no other.
func (r router) Apply(ctx context.Context, route mesh.Route) error {
	var errs []error
	for _, o := range route.Objects {
		errs = append(errs, r.edit(ctx, o, func(seen *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			return r.applied(seen, route, o)
		}))
	}
	return together(errs...)
}

// together joins errors. Those that another try may mend hide a user's fault,
// which would keep it from being made; Observe tells of the fault all the same.
func together(errs ...error) error {
	var fault *mesh.Fault
	isFault := func(err error) bool { return err == nil || errors.As(err, &fault) }
	if !slices.ContainsFunc(errs, func(err error) bool { return !isFault(err) }) {
		return errors.Join(errs...)
	}
	return errors.Join(slices.DeleteFunc(errs, isFault)...)
}

// Remove leaves the pair's weights at rest and nothing else of ours. An object
// that is gone, or that the pair has gone from, is fine.
func (r router) Remove(ctx context.Context, route mesh.Route) error {
	var errs []error
	for _, o := range route.Objects {
		err := r.edit(ctx, o, func(seen *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			return r.restored(seen, route, o)
		})
		var missing *missingError
		if !errors.As(err, &missing) {
			errs = append(errs, err)
		}
	}
	return together(errs...)
}

// missingError is the user's fault in Apply, and nothing to mind in Remove.
type missingError struct{ mesh.Fault }

func (e *missingError) Unwrap() error { return &e.Fault }

func missing(o mesh.Object) error {
	return &missingError{mesh.Fault{Object: o.String(), Problem: "does not exist; create it"}}
}

// change makes a copy of seen. One that comes with an error is written none
// the less.
type change func(seen *unstructured.Unstructured) (*unstructured.Unstructured, error)

// edit is the one place that writes.
func (r router) edit(ctx context.Context, o mesh.Object, change change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	seen, err := r.store.Get(ctx, o)
	if apierrors.IsNotFound(err) {
		return missing(o)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", o, err)
	}
	edited, fault := change(seen)
	if edited == nil {
		return fault
	}
	patch, err := diff(seen, edited)
	if err != nil || patch == nil {
		return together(fault, err)
	}
	answer, err := r.store.Patch(ctx, o, patch)
	if err != nil {
		return together(fault, refused(o, err))
	}
	if fault != nil {
		return fault
	}
	return arrived(o, answer, change)
}

// refused tells what the API server has against the object that came out, the
// user's to mend, from all else. A patch that does not even fit the object as
// it is by now is answered as invalid too, but without a cause.
func refused(o mesh.Object, err error) error {
	var status apierrors.APIStatus
	switch {
	case apierrors.IsNotFound(err):
		return missing(o)
	case apierrors.IsInvalid(err) && errors.As(err, &status) && status.Status().Details != nil && len(status.Status().Details.Causes) > 0:
		return &mesh.Fault{Object: o.String(), Problem: "cannot carry the route: " + brief(err.Error())}
	}
	return fmt.Errorf("write %s: %w", o, err)
}

// brief keeps the two ends of a message that quotes a whole object.
func brief(message string) string {
	const start, end = 120, 280
	if len(message) <= start+end {
		return message
	}
	return message[:start] + " ... " + message[len(message)-end:]
}

// arrived checks that the API server stored what was written: a field that
// its schema does not know, or that a webhook reverts, would be written again
// for ever.
func arrived(o mesh.Object, answer *unstructured.Unstructured, change change) error {
	if answer == nil {
		return nil
	}
	again, err := change(answer)
	if err != nil {
		return err
	}
	if path := firstDifference("", answer.Object, again.Object); path != "" {
		return &mesh.Fault{
			Object: o.String(), Field: path,
			Problem: "did not come out as it was written; update the CustomResourceDefinition, or correct the admission webhook that changes it",
		}
	}
	return nil
}

// applied is a copy of seen that carries route. From one that cannot, but that
// the rollout has edited, all of it is taken out when it should be at rest; and
// where only managed routes are in the way, the weight falls without them.
func (r router) applied(seen *unstructured.Unstructured, route mesh.Route, o mesh.Object) (*unstructured.Unstructured, error) {
	edited, err := r.rendered(seen, route, o)
	var fault *mesh.Fault
	switch {
	case !errors.As(err, &fault):
		return edited, err
	case !route.AtRest():
		return r.lowered(seen, route, o), err
	case !Edited(seen, route.Rollout):
		return nil, err
	}
	if edited, wrong := r.restored(seen, route, o); wrong == nil {
		return edited, err
	}
	return nil, err
}

// lowered is a copy of seen with the weight of route, if that is less than what
// it has, and those of the managed routes that it has already, or none where it
// has no room for these either; nil if there is no such copy.
func (r router) lowered(seen *unstructured.Unstructured, route mesh.Route, o mesh.Object) *unstructured.Unstructured {
	was, err := r.Read(seen, route, o)
	if err != nil || route.Weight >= was.Canary {
		return nil
	}
	added := func(m mesh.Managed) bool { return !slices.Contains(was.Managed, m.Name) }
	for _, managed := range [][]mesh.Managed{slices.DeleteFunc(slices.Clone(route.Managed), added), nil} {
		route.Managed = managed
		if edited, err := r.rendered(seen, route, o); err == nil {
			return edited
		}
	}
	return nil
}

// rendered is a copy of seen that carries route.
func (r router) rendered(seen *unstructured.Unstructured, route mesh.Route, o mesh.Object) (*unstructured.Unstructured, error) {
	if o.WeightOnly {
		route.Managed = nil
	}
	if err := undeclared(r.Renderer, route, o); err != nil {
		return nil, err
	}
	edited := seen.DeepCopy()
	r.handOver(edited, route, o)
	if err := r.Render(edited, route, o); err != nil {
		return nil, err
	}
	made, err := r.Read(edited, route, o)
	if err != nil {
		return nil, err
	}
	return edited, r.setEditor(seen, edited, route, o, made)
}

// restored is a copy of seen from which route is taken out.
func (r router) restored(seen *unstructured.Unstructured, route mesh.Route, o mesh.Object) (*unstructured.Unstructured, error) {
	route.Weight, route.Managed = 0, nil
	edited := seen.DeepCopy()
	r.handOver(edited, route, o)
	r.Restore(edited, route, o)
	return edited, r.setEditor(seen, edited, route, o, mesh.State{})
}

// handOver takes out what the rollout has on obj with other Services, rules or
// names of managed routes than route has.
func (r router) handOver(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) {
	if was, at, ok := former(obj, route, o); ok {
		r.Restore(obj, was, at)
	}
}

// Observe reads every object. Where one cannot be read all is Unknown.
func (r router) Observe(ctx context.Context, route mesh.Route) (mesh.Observed, error) {
	unknown := mesh.Observed{Kind: r.Kind, Best: r.Best}
	if len(route.Objects) == 0 || ctx.Err() != nil {
		return unknown, ctx.Err()
	}
	seen := mesh.Observed{Kind: r.Kind, Best: r.Best, Level: r.Best, Matches: true}
	managed := map[string]bool{}
	for _, o := range route.Objects {
		state, err := r.observe(ctx, route, o)
		if err != nil {
			return unknown, err
		}
		seen.Objects = append(seen.Objects, state)
		seen.Level = min(seen.Level, state.Level)
		seen.Stable, seen.Canary = max(seen.Stable, state.Stable), max(seen.Canary, state.Canary)
		seen.Matches = seen.Matches && state.Matches
		for _, name := range state.Managed {
			managed[name] = true
		}
	}
	seen.Managed = slices.Sorted(maps.Keys(managed))
	return seen, nil
}

func (r router) observe(ctx context.Context, route mesh.Route, o mesh.Object) (mesh.State, error) {
	obj, err := r.store.Get(ctx, o)
	switch {
	case apierrors.IsNotFound(err):
		return mesh.State{Object: o, Missing: true, Level: r.Best}, nil
	case err != nil:
		return mesh.State{}, fmt.Errorf("read %s: %w", o, err)
	}
	state, err := r.Read(obj, route, o)
	var fault *mesh.Fault
	if errors.As(err, &fault) {
		state = mesh.State{Stable: state.Stable, Canary: state.Canary, Managed: state.Managed, Fault: fault.Error()} // Level Unknown
	} else if err != nil {
		return mesh.State{}, err
	}
	r.addFormer(&state, obj, route, o)
	edited, err := r.rendered(obj, route, o)
	if errors.As(err, &fault) && state.Fault == "" {
		state.Fault = fault.Error()
	}
	state.Object = o
	state.Caused = caused(obj, route.Rollout, state.Refused)
	state.Ours = Edited(obj, route.Rollout) || len(state.Managed) > 0
	state.Matches = err == nil && reflect.DeepEqual(obj.Object, edited.Object)
	state.Manager = lastForeignManager(obj)
	state.ResourceVersion = obj.GetResourceVersion()
	state.Edition = string(obj.GetUID()) + "/" + strconv.FormatInt(obj.GetGeneration(), 10)
	return state, nil
}

// addFormer adds what obj carries with other Services, rules or names than route
// has, until that is handed over.
func (r router) addFormer(state *mesh.State, obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) {
	was, at, ok := former(obj, route, o)
	if !ok {
		return
	}
	was.Total = route.Total
	old, _ := r.Read(obj, was, at) // what it cannot read carries nothing of ours
	state.Stable, state.Canary = max(state.Stable, old.Stable), max(state.Canary, old.Canary)
	state.Managed = slices.Compact(slices.Sorted(slices.Values(slices.Concat(state.Managed, old.Managed))))
}

// lastForeignManager is who wrote last and was not us.
func lastForeignManager(obj *unstructured.Unstructured) string {
	fields := obj.GetManagedFields()
	newest := -1
	for i, f := range fields {
		if f.Manager == FieldManager || f.Subresource != "" {
			continue
		}
		if newest < 0 || fields[newest].Time.Before(f.Time) {
			newest = i
		}
	}
	if newest < 0 {
		return ""
	}
	return fields[newest].Manager
}
