// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// RouteWatcher starts to watch the route objects of a resource as soon as the
// cluster serves it.
type RouteWatcher struct {
	controller *Controller
	informers  *Informers
	metadata   metadata.Interface

	mu      sync.Mutex
	started map[schema.GroupResource]bool
}

// NewRouteWatcher finds out by metadata of CustomResourceDefinitions.
func NewRouteWatcher(c *Controller, i *Informers, m metadata.Interface) *RouteWatcher {
	return &RouteWatcher{controller: c, informers: i, metadata: m, started: map[schema.GroupResource]bool{}}
}

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// Start watches what is served now, and waits until its caches are filled;
// what comes to be served later follows.
func (w *RouteWatcher) Start(ctx context.Context) error {
	var errs []error
	for _, resource := range w.resources() {
		errs = append(errs, w.serve(ctx, resource))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	factory := metadatainformer.NewSharedInformerFactory(w.metadata, 0)
	informer := factory.ForResource(definitions).Informer()
	if err := informer.SetTransform(stripDefinition); err != nil {
		return err
	}
	_, err := informer.AddEventHandler(on(func(d *metav1.PartialObjectMetadata) { w.defined(ctx, d.Name) },
		func(a, b *metav1.PartialObjectMetadata) bool { return a.ResourceVersion == b.ResourceVersion }))
	factory.Start(ctx.Done())
	return err
}

func stripDefinition(obj any) (any, error) {
	if d, ok := obj.(*metav1.PartialObjectMetadata); ok {
		d.ManagedFields, d.Annotations, d.Labels = nil, nil, nil
	}
	return obj, nil
}

func (w *RouteWatcher) resources() []mesh.Resource {
	var all []mesh.Resource
	for _, kind := range w.informers.kinds {
		all = append(all, kind.Resources...)
	}
	return all
}

// defined: the definition of that name has come or changed.
func (w *RouteWatcher) defined(ctx context.Context, name string) {
	all := w.resources()
	i := slices.IndexFunc(all, func(r mesh.Resource) bool { return r.Resource+"."+r.Group == name })
	if i < 0 {
		return
	}
	go func() {
		if err := w.serve(ctx, all[i]); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Watch route objects", "resource", name)
		}
	}()
}

// serve watches one resource, where it is served and not watched yet.
func (w *RouteWatcher) serve(ctx context.Context, resource mesh.Resource) error {
	version, err := w.version(resource)
	if err != nil || version == "" {
		return err
	}
	w.mu.Lock()
	already := w.started[resource.GroupResource]
	w.started[resource.GroupResource] = true
	w.mu.Unlock()
	if already {
		return nil
	}
	gvr := resource.WithVersion(version)
	var all watches
	for _, namespace := range w.informers.scope.namespaces() {
		factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(w.informers.clients.Dynamic, 0, namespace, nil)
		informer := factory.ForResource(gvr).Informer()
		if err := informer.SetTransform(stripRoute); err != nil {
			return err
		}
		all = append(all, informer)
	}
	if err := all.index(observe.RouteIndexers()); err != nil {
		return err
	}
	for _, informer := range all {
		go informer.Run(ctx.Done())
	}
	if !all.synced(ctx) {
		return fmt.Errorf("stopped before the cache of %s was filled", gvr)
	}
	w.controller.Caches.Serve(gvr, all.cache())
	if err := all.handle(on(w.controller.wakeRoute(resource), sameRoute)); err != nil {
		return err
	}
	for _, item := range w.allRollouts() {
		w.controller.Wake(item)
	}
	return nil
}

// allRollouts have to be looked at again when a resource comes to be served.
func (w *RouteWatcher) allRollouts() []cache.ObjectName {
	var keys []cache.ObjectName
	for _, informer := range w.informers.rollouts {
		for _, key := range informer.GetIndexer().ListKeys() {
			if name, err := cache.ParseObjectName(key); err == nil {
				keys = append(keys, name)
			}
		}
	}
	return keys
}

// version is the preferred one of those that are served, "" for none.
func (w *RouteWatcher) version(resource mesh.Resource) (string, error) {
	for _, version := range resource.Versions {
		list, err := w.informers.clients.Kube.Discovery().ServerResourcesForGroupVersion(resource.Group + "/" + version)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("ask for the resources of %s/%s: %w", resource.Group, version, err)
		}
		if slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource.Resource }) {
			return version, nil
		}
	}
	return "", nil
}
