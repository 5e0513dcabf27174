// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kit is what routers are built with. A Kind says, as two pure
// functions, how one object carries a route and what one object carries; kit
// makes a Router of them: the one copy, edit, compare and patch.
package kit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Renderer is the pure part of a Kind.
type Renderer struct {
	// Kind is the name of the Kind, and Best the highest Level of it.
	Kind string
	Best mesh.Level
	// Render edits obj so that it carries route, and touches nothing else. Its
	// error is a *mesh.Fault: the object cannot carry the route.
	Render func(obj *unstructured.Unstructured, route mesh.Route, o mesh.Object) error
	// Read says what obj carries: Level, Stable, Canary, Managed, Waiting and
	// Refused. Its error is a *mesh.Fault.
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
		errs = append(errs, r.edit(ctx, route, o))
	}
	return errors.Join(errs...)
}

// Remove leaves the pair's weights at rest and nothing else of ours.
func (r router) Remove(ctx context.Context, route mesh.Route) error {
	route.Weight, route.Managed = 0, nil
	var errs []error
	for _, o := range route.Objects {
		if err := r.edit(ctx, route, o); !gone(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// gone: the object does not exist.
func gone(err error) bool {
	var missing *missingError
	return errors.As(err, &missing)
}

// missingError is the user's fault in Apply, and nothing to mind in Remove.
type missingError struct{ mesh.Fault }

func (e *missingError) Unwrap() error { return &e.Fault }

func (r router) edit(ctx context.Context, route mesh.Route, o mesh.Object) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	seen, err := r.store.Get(ctx, o)
	if apierrors.IsNotFound(err) {
		return &missingError{mesh.Fault{Object: o.String(), Problem: "does not exist; create it"}}
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", o, err)
	}
	edited, err := r.rendered(seen, route, o)
	if err != nil {
		return err
	}
	patch, err := diff(seen, edited)
	if err != nil || patch == nil {
		return err
	}
	_, err = r.store.Patch(ctx, o, patch)
	switch {
	case apierrors.IsInvalid(err):
		return &mesh.Fault{Object: o.String(), Problem: "cannot carry the route: " + err.Error()}
	case err != nil:
		return fmt.Errorf("write %s: %w", o, err)
	}
	return nil
}

// rendered is a copy of seen that carries route.
func (r router) rendered(seen *unstructured.Unstructured, route mesh.Route, o mesh.Object) (*unstructured.Unstructured, error) {
	if o.WeightOnly {
		route.Managed = nil
	}
	edited := seen.DeepCopy()
	if err := r.Render(edited, route, o); err != nil {
		return nil, err
	}
	if err := setEditor(edited, route, o); err != nil {
		return nil, err
	}
	return edited, nil
}

// Observe reads every object. Where one cannot be read all is Unknown.
func (r router) Observe(ctx context.Context, route mesh.Route) (mesh.Observed, error) {
	seen := mesh.Observed{Kind: r.Kind, Best: r.Best, Level: r.Best, Matches: true}
	unknown := mesh.Observed{Kind: r.Kind, Best: r.Best}
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
	return seen, ctx.Err()
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
	switch {
	case errors.As(err, &fault):
		state = mesh.State{Fault: fault.Error()} // Level Unknown
	case err != nil:
		return mesh.State{}, err
	}
	edited, err := r.rendered(obj, route, o)
	if errors.As(err, &fault) && state.Fault == "" {
		state.Fault = fault.Error()
	}
	state.Object = o
	state.Matches = err == nil && equality.Semantic.DeepEqual(obj.Object, edited.Object)
	state.Manager = lastForeignManager(obj)
	state.ResourceVersion = obj.GetResourceVersion()
	return state, nil
}

// FieldManager of every write of ours.
const FieldManager = "sluice"

// lastForeignManager is who wrote last and was not us.
func lastForeignManager(obj *unstructured.Unstructured) string {
	fields := obj.GetManagedFields()
	newest := -1
	for i, f := range fields {
		if f.Manager == FieldManager || f.Subresource != "" {
			continue
		}
		if newest < 0 || f.Time != nil && fields[newest].Time.Before(f.Time) {
			newest = i
		}
	}
	if newest < 0 {
		return ""
	}
	return fields[newest].Manager
}
