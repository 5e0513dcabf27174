// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"sync"

	"k8s.io/client-go/tools/cache"
)

// Locks keeps the risky writes of one rollout apart: each hand that wants one
// tries its lock, plans again under it, and writes. Nobody waits; whoever came
// too early is told when the lock is free.
type Locks struct {
	mu   sync.Mutex
	held map[cache.ObjectName][]func()
}

// NewLocks makes an empty set.
func NewLocks() *Locks { return &Locks{held: map[cache.ObjectName][]func(){}} }

// Try takes the lock of key, and returns how to give it back. Where another
// hand holds it, ok is false and again will be called once it is free.
func (l *Locks) Try(key cache.ObjectName, again func()) (release func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if waiting, taken := l.held[key]; taken {
		l.held[key] = append(waiting, again)
		return nil, false
	}
	l.held[key] = nil
	return func() { l.release(key) }, true
}

func (l *Locks) release(key cache.ObjectName) {
	l.mu.Lock()
	waiting := l.held[key]
	delete(l.held, key)
	l.mu.Unlock()
	for _, again := range waiting {
		again()
	}
}
