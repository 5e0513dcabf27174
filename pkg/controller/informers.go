// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	rolloutinformers "github.com/sluice-rollouts/sluice/pkg/client/informers/externalversions"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// Scope says which objects a controller looks at.
type Scope struct {
	// Namespaces to watch; empty for all.
	Namespaces []string
	// InstanceID of the Rollouts to act on; without one, those without the
	// label.
	InstanceID string
	// Resync is how often everything is planned again without a cause; 0 for
	// never.
	Resync time.Duration
}

func (s Scope) namespaces() []string {
	if len(s.Namespaces) == 0 {
		return []string{metav1.NamespaceAll}
	}
	return s.Namespaces
}

// rolloutSelector selects by instance id.
func (s Scope) rolloutSelector() (string, error) {
	operator, values := selection.DoesNotExist, []string(nil)
	if s.InstanceID != "" {
		operator, values = selection.Equals, []string{s.InstanceID}
	}
	r, err := labels.NewRequirement(v1alpha1.InstanceIDLabel, operator, values)
	if err != nil {
		return "", fmt.Errorf("instance id: %w", err)
	}
	return r.String(), nil
}

// Informers watch what a controller reads: one informer per resource and
// namespace, filtered and stripped of what no decision depends on.
type Informers struct {
	Caches *observe.Caches

	rollouts, sets, services, slices watches
	factories                        []factory
	kinds                            []mesh.Kind
	clients                          Clients
	scope                            Scope
}

type factory interface{ Start(stop <-chan struct{}) }

// watches are the informers of one resource, one per namespace.
type watches []cache.SharedIndexInformer

// NewInformers makes the informers of a scope. Nothing runs yet.
func NewInformers(clients Clients, kinds []mesh.Kind, scope Scope) (*Informers, error) {
	selector, err := scope.rolloutSelector()
	if err != nil {
		return nil, err
	}
	i := &Informers{kinds: kinds, clients: clients, scope: scope}
	for _, namespace := range scope.namespaces() {
		i.watch(namespace, selector)
	}
	err = errors.Join(
		i.rollouts.index(observe.RolloutIndexers(kinds)),
		i.sets.index(observe.SetIndexers()),
		i.services.index(observe.ServiceIndexers()),
		i.slices.index(observe.SliceIndexers()),
	)
	i.Caches = observe.NewCaches(i.rollouts.cache(), i.sets.cache(), i.services.cache(), i.slices.cache())
	return i, err
}

func (i *Informers) watch(namespace, selector string) {
	ours := rolloutinformers.NewSharedInformerFactoryWithOptions(i.clients.Rollouts, i.scope.Resync,
		rolloutinformers.WithNamespace(namespace), rolloutinformers.WithTransform(stripRollout),
		rolloutinformers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = selector }))
	owned := informers.NewSharedInformerFactoryWithOptions(i.clients.Kube, 0,
		informers.WithNamespace(namespace), informers.WithTransform(stripReplicaSet),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = replicaset.HashLabel }))
	serving := informers.NewSharedInformerFactoryWithOptions(i.clients.Kube, 0,
		informers.WithNamespace(namespace), informers.WithTransform(stripServing))
	i.rollouts = append(i.rollouts, ours.Argoproj().V1alpha1().Rollouts().Informer())
	i.sets = append(i.sets, owned.Apps().V1().ReplicaSets().Informer())
	i.services = append(i.services, serving.Core().V1().Services().Informer())
	i.slices = append(i.slices, serving.Discovery().V1().EndpointSlices().Informer())
	i.factories = append(i.factories, ours, owned, serving)
}

// Start the informers, and wait until every cache has been filled from a list
// that began after this call.
func (i *Informers) Start(ctx context.Context) error {
	for _, f := range i.factories {
		f.Start(ctx.Done())
	}
	for _, w := range []watches{i.rollouts, i.sets, i.services, i.slices} {
		if !w.synced(ctx) {
			return errors.New("stopped before the caches were filled")
		}
	}
	return nil
}

func (w watches) synced(ctx context.Context) bool {
	for _, informer := range w {
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return false
		}
	}
	return true
}

func (w watches) index(indexers cache.Indexers) error {
	var errs []error
	for _, informer := range w {
		errs = append(errs, informer.AddIndexers(indexers))
	}
	return errors.Join(errs...)
}

func (w watches) handle(handler cache.ResourceEventHandler) error {
	var errs []error
	for _, informer := range w {
		_, err := informer.AddEventHandler(handler)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// List calls do for each Rollout.
func (i *Informers) List(do func(*v1alpha1.Rollout)) {
	for _, informer := range i.rollouts {
		for _, obj := range informer.GetIndexer().List() {
			do(obj.(*v1alpha1.Rollout))
		}
	}
}

// Has reports whether there is a Rollout.
func (i *Informers) Has(key cache.ObjectName) bool {
	_, found, _ := i.rollouts.cache().GetByKey(key.String())
	return found
}

// OnDelete calls do for each Rollout that is deleted from now on.
func (i *Informers) OnDelete(do func(cache.ObjectName)) error {
	return i.rollouts.handle(cache.ResourceEventHandlerFuncs{DeleteFunc: func(obj any) {
		if name, err := cache.DeletionHandlingObjectToName(obj); err == nil {
			do(name)
		}
	}})
}

// cache reads all of them as one.
func (w watches) cache() loop.Cache {
	if len(w) == 1 {
		return w[0].GetIndexer()
	}
	return union(w)
}

// union is the caches of several namespaces.
type union watches

// GetByKey implements loop.Cache.
func (u union) GetByKey(key string) (object any, found bool, err error) {
	for _, informer := range u {
		if object, found, err = informer.GetIndexer().GetByKey(key); found || err != nil {
			return object, found, err
		}
	}
	return nil, false, nil
}

// ByIndex implements loop.Cache.
func (u union) ByIndex(index, value string) ([]any, error) {
	var all []any
	for _, informer := range u {
		some, err := informer.GetIndexer().ByIndex(index, value)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// IndexKeys implements loop.Cache.
func (u union) IndexKeys(index, value string) ([]string, error) {
	var all []string
	for _, informer := range u {
		some, err := informer.GetIndexer().IndexKeys(index, value)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// GetIndexers implements loop.Cache.
func (u union) GetIndexers() cache.Indexers { return u[0].GetIndexer().GetIndexers() }

// LastStoreSyncResourceVersion is not one version for several watches, so that
// objects are compared one by one.
func (u union) LastStoreSyncResourceVersion() string { return "" }
