// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

func service(version string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", ResourceVersion: version}}
}

// edge case 38: a write is cut off while the lease is still held, and whether it was
// done is not known then.
func TestAWriteThatHangs(t *testing.T) {
	t.Parallel()
	fresh, key := newFresh(t)
	err := fresh.Write(t.Context(), key, func(ctx context.Context) (*corev1.Service, error) {
		end, ends := ctx.Deadline()
		if left := time.Until(end); !ends || left > WriteTimeout {
			t.Errorf("the write may take %v, want at most %v", left, WriteTimeout)
		}
		return nil, context.DeadlineExceeded
	})
	if !errors.Is(err, context.DeadlineExceeded) || !fresh.Stale(key) {
		t.Errorf("after %v the object is stale: %t", err, fresh.Stale(key))
	}
}

// edge case 28: whose outcome is not known makes its object stale, until that is read
// past the cache; who was refused knows that nothing was done.
func TestAWriteWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	resource := schema.GroupResource{Resource: "services"}
	for name, c := range map[string]struct {
		err   error
		stale bool
	}{
		"done":                 {nil, false},
		"conflict":             {apierrors.NewConflict(resource, "web", errors.New("modified")), false},
		"not found":            {apierrors.NewNotFound(resource, "web"), false},
		"forbidden":            {apierrors.NewForbidden(resource, "web", errors.New("no")), false},
		"too many requests":    {apierrors.NewTooManyRequests("busy", 1), false},
		"timed out":            {apierrors.NewTimeoutError("slow", 1), true},
		"server timeout":       {apierrors.NewServerTimeout(resource, "patch", 1), true},
		"internal error":       {apierrors.NewInternalError(errors.New("oops")), true},
		"connection lost":      {errors.New("connection reset by peer"), true},
		"cut off by ourselves": {context.Canceled, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh, key := newFresh(t)
			err := fresh.Write(t.Context(), key, func(context.Context) (*corev1.Service, error) { return service("2"), c.err })
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if _, _, stale := fresh.Get(key); stale != c.stale {
				t.Fatalf("stale: %t, want %t", stale, c.stale)
			}
			asked := false
			healed, err := fresh.Heal(t.Context(), key, func(context.Context) (*corev1.Service, error) { asked = true; return service("3"), nil })
			if err != nil || healed != c.stale || asked != c.stale || fresh.Stale(key) {
				t.Errorf("healed: %t, asked: %t, still stale: %t, %v", healed, asked, fresh.Stale(key), err)
			}
			if now, _, _ := fresh.Get(key); c.stale && now.ResourceVersion != "3" {
				t.Errorf("version %s, want the one that was read past the cache", now.ResourceVersion)
			}
		})
	}
}

// What was read past the cache and is gone does not come back from a cache that lags,
// but it does once somebody has made it again.
func TestAnObjectThatWasReadAndIsGone(t *testing.T) {
	t.Parallel()
	fresh, key := newFresh(t)
	lost := errors.New("connection reset by peer")
	if err := fresh.Write(t.Context(), key, func(context.Context) (*corev1.Service, error) { return nil, lost }); !errors.Is(err, lost) {
		t.Fatal(err)
	}
	gone := func(context.Context) (*corev1.Service, error) {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "services"}, "web")
	}
	if healed, err := fresh.Heal(t.Context(), key, gone); err != nil || !healed {
		t.Fatalf("healed: %t, %v", healed, err)
	}
	if now, found, stale := fresh.Get(key); found || stale {
		t.Errorf("the cache gave back version %s, stale: %t", now.ResourceVersion, stale)
	}
	if err := fresh.indexer.(cache.Indexer).Add(service("7")); err != nil {
		t.Fatal(err)
	}
	if now, found, _ := fresh.Get(key); !found || now.ResourceVersion != "7" {
		t.Error("an object that was made again is not there")
	}
}

// newFresh reads through a cache that has version 1 of the object.
func newFresh(t *testing.T) (*Fresh[*corev1.Service], cache.ObjectName) {
	t.Helper()
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	if err := indexer.Add(service("1")); err != nil {
		t.Fatal(err)
	}
	return NewFresh[*corev1.Service](indexer), cache.NewObjectName("shop", "web")
}
