// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

// Store is how routers reach the route objects: through the caches.
type Store struct {
	Caches *Caches
	Client dynamic.Interface
}

// Get implements mesh.Store.
func (s Store) Get(_ context.Context, o mesh.Object) (*unstructured.Unstructured, error) {
	routes := s.Caches.Routes(o.Resource)
	if routes == nil {
		return nil, fmt.Errorf("%s is not served", o.Resource)
	}
	obj, found, stale := routes.Fresh.Get(cache.NewObjectName(o.Namespace, o.Name))
	switch {
	case stale:
		return nil, mesh.ErrStale
	case !found:
		return nil, apierrors.NewNotFound(o.Resource, o.Name)
	default:
		return obj, nil
	}
}

// Patch implements mesh.Store.
func (s Store) Patch(ctx context.Context, o mesh.Object, patch []byte) (*unstructured.Unstructured, error) {
	routes := s.Caches.Routes(o.Resource)
	if routes == nil {
		return nil, fmt.Errorf("%s is not served", o.Resource)
	}
	key := cache.NewObjectName(o.Namespace, o.Name)
	seen, _, _ := routes.Fresh.Get(key)
	var answer *unstructured.Unstructured
	err := routes.Fresh.Write(ctx, key, func(ctx context.Context) (_ *unstructured.Unstructured, err error) {
		answer, err = s.Client.Resource(routes.Resource).Namespace(o.Namespace).
			Patch(ctx, o.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager})
		return answer, err
	})
	if misfits(err) && s.changed(ctx, routes, seen) {
		return nil, mesh.ErrStale
	}
	return answer, err
}

// misfits: the API server answers a JSON patch that does not fit the object as
// it is by now like an object that is not valid, but without a cause.
func misfits(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsInvalid(err) && errors.As(err, &status) &&
		(status.Status().Details == nil || len(status.Status().Details.Causes) == 0)
}

// changed asks the API server whether an object is another one than was seen.
func (s Store) changed(ctx context.Context, routes *Routes, seen *unstructured.Unstructured) bool {
	if seen == nil {
		return false
	}
	now, err := s.read(ctx, routes, cache.MetaObjectToName(seen))
	if err != nil || now.GetResourceVersion() == seen.GetResourceVersion() {
		return false
	}
	routes.Fresh.Wrote(now)
	return true
}

// Heal reads the objects again whose last write has an unknown outcome, and
// reports whether there was one.
func (s Store) Heal(ctx context.Context, objects []mesh.Object) (healed bool, err error) {
	for _, o := range objects {
		routes := s.Caches.Routes(o.Resource)
		if routes == nil {
			continue
		}
		key := cache.NewObjectName(o.Namespace, o.Name)
		was, err := routes.Fresh.Heal(ctx, key, func(ctx context.Context) (*unstructured.Unstructured, error) { return s.read(ctx, routes, key) })
		if err != nil {
			return healed, err
		}
		healed = healed || was
	}
	return healed, nil
}

// read an object from the API server, past any cache.
func (s Store) read(ctx context.Context, routes *Routes, key cache.ObjectName) (*unstructured.Unstructured, error) {
	return s.Client.Resource(routes.Resource).Namespace(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
}
