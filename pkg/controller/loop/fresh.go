// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/cache"
)

// Object is any API object.
type Object interface {
	comparable
	metav1.Object
}

// Cache is what Fresh needs of an informer's indexer.
type Cache interface {
	GetByKey(key string) (object any, found bool, err error)
	ByIndex(index, value string) ([]any, error)
	IndexKeys(index, value string) ([]string, error)
	GetIndexers() cache.Indexers
	LastStoreSyncResourceVersion() string
}

// Fresh reads one resource from an informer's cache with this process's own
// writes laid over it: each hand sees at once what another hand has written,
// and none acts on what is older than our own last write. Objects that it
// gives out are shared and read-only. It is safe for concurrent use.
type Fresh[T Object] struct {
	indexer Cache

	mu sync.Mutex
	// over holds what the API server answered to our writes, until the cache
	// has caught up.
	over map[cache.ObjectName]answer[T]
	// unsure holds the objects with a write whose outcome is unknown.
	unsure map[cache.ObjectName]bool
}

type answer[T Object] struct {
	object T
	// version that the cache must reach; gone: there is no object at it.
	version string
	gone    bool
}

// NewFresh reads through indexer.
func NewFresh[T Object](indexer Cache) *Fresh[T] {
	return &Fresh[T]{indexer: indexer, over: map[cache.ObjectName]answer[T]{}, unsure: map[cache.ObjectName]bool{}}
}

// Get returns the newest known version of an object. stale reports that a
// write of ours to it may or may not have happened.
func (f *Fresh[T]) Get(key cache.ObjectName) (object T, found, stale bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	object, found = f.cached(key)
	if a, ok := f.pending(key, object, found); ok {
		object, found = a.object, !a.gone
	}
	return object, found, f.unsure[key]
}

// ByIndex lists the newest known versions of the objects under an index of
// the informer, and whether each is stale.
func (f *Fresh[T]) ByIndex(index, value string) []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []T
	seen := map[cache.ObjectName]bool{}
	cached, _ := f.indexer.ByIndex(index, value)
	for _, c := range cached {
		object := c.(T)
		key := cache.MetaObjectToName(object)
		seen[key] = true
		a, ok := f.pending(key, object, true)
		switch {
		case !ok:
			list = append(list, object)
		case !a.gone && f.indexes(index, value, a.object):
			list = append(list, a.object)
		}
	}
	for key := range f.over {
		if seen[key] {
			continue
		}
		object, found := f.cached(key)
		if a, ok := f.pending(key, object, found); ok && !a.gone && f.indexes(index, value, a.object) {
			list = append(list, a.object)
		}
	}
	return list
}

// Stale reports whether a write of ours to the object may or may not have
// happened.
func (f *Fresh[T]) Stale(key cache.ObjectName) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unsure[key]
}

// Wrote takes the API server's answer to a create, update or patch.
func (f *Fresh[T]) Wrote(object T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := cache.MetaObjectToName(object)
	f.over[key] = answer[T]{object: object, version: object.GetResourceVersion()}
	delete(f.unsure, key)
}

// Deleted notes that an object is gone.
func (f *Fresh[T]) Deleted(object T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over[cache.MetaObjectToName(object)] = answer[T]{version: object.GetResourceVersion(), gone: true}
}

// Write sends one write and takes note of its outcome. Where that cannot be
// known the object stays stale until Heal.
func (f *Fresh[T]) Write(ctx context.Context, key cache.ObjectName, send func(context.Context) (T, error)) error {
	ctx, cancel := context.WithTimeout(ctx, WriteTimeout)
	defer cancel()
	object, err := send(ctx)
	if err == nil {
		f.Wrote(object)
		return nil
	}
	if Undecided(err) {
		f.mu.Lock()
		f.unsure[key] = true
		f.mu.Unlock()
	}
	return err
}

// Heal reads a stale object from the API server, past any cache. It sends
// nothing where the object is not stale. healed reports that it was, and is no
// longer: whoever planned with it as unknown has to plan again, and no watch
// event will say so.
func (f *Fresh[T]) Heal(ctx context.Context, key cache.ObjectName, get func(context.Context) (T, error)) (healed bool, err error) {
	if !f.Stale(key) {
		return false, nil
	}
	object, err := get(ctx)
	if errors.IsNotFound(err) {
		f.vanished(key)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	f.Wrote(object)
	return true, nil
}

// vanished notes that an object was read, and is gone: what the cache still has of it
// does not count.
func (f *Fresh[T]) vanished(key cache.ObjectName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	object, found := f.cached(key)
	if a, ok := f.pending(key, object, found); ok {
		object, found = a.object, !a.gone
	}
	delete(f.unsure, key)
	delete(f.over, key)
	if found {
		f.over[key] = answer[T]{version: object.GetResourceVersion(), gone: true}
	}
}

// cached is the informer's version. The caller holds mu.
func (f *Fresh[T]) cached(key cache.ObjectName) (object T, found bool) {
	c, found, err := f.indexer.GetByKey(key.String())
	if err != nil || !found {
		return object, false
	}
	return c.(T), true
}

// pending gives our own answer for key while the cache has not reached it, and
// drops it once it has. The caller holds mu.
func (f *Fresh[T]) pending(key cache.ObjectName, cached T, found bool) (answer[T], bool) {
	a, ok := f.over[key]
	if !ok {
		return a, false
	}
	reached := found && !older(cached.GetResourceVersion(), a.version)
	if a.gone {
		reached = !found || older(a.version, cached.GetResourceVersion())
	}
	if store := f.indexer.LastStoreSyncResourceVersion(); !reached && store != "" && !a.gone {
		reached = !older(store, a.version)
	}
	if reached {
		delete(f.over, key)
		return a, false
	}
	return a, true
}

func (f *Fresh[T]) indexes(index, value string, object T) bool {
	values, err := f.indexer.GetIndexers()[index](object)
	if err != nil {
		return false
	}
	for _, v := range values {
		if v == value {
			return true
		}
	}
	return false
}

// older reports whether resource version a comes before b. What cannot be
// compared counts as older.
func older(a, b string) bool {
	c, err := resourceversion.CompareResourceVersion(a, b)
	return err != nil || c < 0
}
