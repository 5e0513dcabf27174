// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"testing"

	"k8s.io/client-go/tools/cache"
)

// edge case 38: one write at a time holds the lock of a rollout, nobody waits for
// it, and whoever came too early is told once it is free. Other rollouts have locks
// of their own.
func TestLocks(t *testing.T) {
	t.Parallel()
	web, api := cache.NewObjectName("shop", "web"), cache.NewObjectName("shop", "api")
	locks := NewLocks()
	woken := map[string]int{}
	wake := func(name string) func() { return func() { woken[name]++ } }
	try := func(key cache.ObjectName, name string, want bool) (release func()) {
		t.Helper()
		release, ok := locks.Try(key, wake(name))
		if ok != want {
			t.Fatalf("%s got the lock of %s: %t, want %t", name, key, ok, want)
		}
		return release
	}
	release := try(web, "first", true)
	try(web, "second", false)
	try(web, "third", false)
	try(api, "elsewhere", true)
	if len(woken) > 0 {
		t.Fatalf("woken before the lock is free: %v", woken)
	}
	release()
	if woken["second"] != 1 || woken["third"] != 1 || woken["first"] != 0 {
		t.Errorf("woken once it is free: %v", woken)
	}
	try(web, "second", true)()
	if woken["second"] != 1 {
		t.Error("woken twice")
	}
}
