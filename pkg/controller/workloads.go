// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// WorkloadWatcher watches what Rollouts refer to: the workloads of one kind in
// one namespace, from when a Rollout there names one until none does. So a
// cluster's Deployments are not all held for the sake of a few.
type WorkloadWatcher struct {
	controller *Controller
	informers  *Informers

	mu sync.Mutex
	// stop ends the watch of a place.
	stop map[observe.Place]context.CancelFunc
}

// NewWorkloadWatcher watches nothing yet.
func NewWorkloadWatcher(c *Controller, i *Informers) *WorkloadWatcher {
	return &WorkloadWatcher{controller: c, informers: i, stop: map[observe.Place]context.CancelFunc{}}
}

// Start follows the Rollouts that there are and will be, until ctx is done. It
// does not wait for the workloads: until they have been read, whoever refers to
// one stays where it is.
func (w *WorkloadWatcher) Start(ctx context.Context) error {
	return w.informers.rollouts.handle(on(func(ro *v1alpha1.Rollout) {
		if place, found := observe.PlaceOf(ro); found {
			w.look(ctx, place)
		}
	}, sameWorkloadRef))
}

func sameWorkloadRef(a, b *v1alpha1.Rollout) bool {
	return equality.Semantic.DeepEqual(a.Spec.WorkloadRef, b.Spec.WorkloadRef)
}

// look begins or ends the watch of a place.
func (w *WorkloadWatcher) look(ctx context.Context, place observe.Place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	named := len(w.controller.Caches.RolloutsOfPlace(place)) > 0
	stop, watched := w.stop[place]
	switch {
	case named && !watched:
		ctx, w.stop[place] = context.WithCancel(ctx)
		go w.watch(ctx, place)
	case !named && watched:
		stop()
		delete(w.stop, place)
		w.controller.Caches.Unfollow(place)
	}
}

// watch a place until ctx is done.
func (w *WorkloadWatcher) watch(ctx context.Context, place observe.Place) {
	informer := w.informer(place)
	_, err := informer.AddEventHandler(on(w.controller.wakeWorkload, sameWorkload))
	if err != nil {
		klog.FromContext(ctx).Error(err, "Watch workloads", "kind", place.Kind, "namespace", place.Namespace)
		return
	}
	go informer.Run(ctx.Done())
	if cache.WaitFor(ctx, "", informer.HasSyncedChecker()) {
		w.serve(ctx, place, informer.GetIndexer())
	}
}

// serve what was read of a place, unless the watch of it has ended meanwhile.
func (w *WorkloadWatcher) serve(ctx context.Context, place observe.Place, read cache.Indexer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	w.controller.Caches.Follow(place, read)
	for _, key := range w.controller.Caches.RolloutsOfPlace(place) {
		w.controller.Wake(key)
	}
}

func (w *WorkloadWatcher) informer(place observe.Place) cache.SharedIndexInformer {
	factory := informers.NewSharedInformerFactoryWithOptions(w.informers.clients.Kube, 0,
		informers.WithNamespace(place.Namespace), informers.WithTransform(stripWorkload))
	switch place.Kind {
	case v1alpha1.WorkloadDeployment:
		return factory.Apps().V1().Deployments().Informer()
	case v1alpha1.WorkloadReplicaSet:
		return factory.Apps().V1().ReplicaSets().Informer()
	default:
		return factory.Core().V1().PodTemplates().Informer()
	}
}

// wakeWorkload wakes those that refer to a workload.
func (c *Controller) wakeWorkload(w *observe.Workload) {
	for _, key := range c.Caches.RolloutsOfWorkload(w) {
		c.Wake(key)
	}
}

// sameWorkload: template and size are of the spec.
func sameWorkload(a, b *observe.Workload) bool {
	return a.UID == b.UID && a.Generation == b.Generation
}
