// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package loop is what the hands of the controller are built with: the one
// workqueue, the read-your-writes view of the caches, the lock for risky
// writes, and what to do about errors. It knows nothing of rollouts.
package loop

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Sync does one hand's part for one key. after asks for another sync later, 0
// for none before something changes.
type Sync func(ctx context.Context, key cache.ObjectName) (after time.Duration, err error)

// Soonest of several waits, where 0 is for ever.
func Soonest(waits ...time.Duration) time.Duration {
	waits = slices.DeleteFunc(waits, func(d time.Duration) bool { return d <= 0 })
	if len(waits) == 0 {
		return 0
	}
	return slices.Min(waits)
}

// Loop runs one hand: a queue, its workers, and their backoff.
type Loop struct {
	name    string
	workers int
	sync    Sync
	queue   workqueue.TypedDelayingInterface[cache.ObjectName]
	backoff workqueue.TypedRateLimiter[cache.ObjectName]
	// observe is told of each sync.
	observe Observer
	clock   clock.WithTicker
}

// A sync that failed is tried again after firstRetry, doubling up to lastRetry.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// Config of a Loop.
type Config struct {
	Name    string
	Workers int
	Clock   clock.WithTicker
	Sync    Sync
	// Observe, where set, is told of each sync.
	Observe Observer
}

// Observer is told of a loop's sync of a key.
type Observer func(loop string, key cache.ObjectName, took time.Duration, err error)

// New makes a loop that is not running yet.
func New(c Config) *Loop {
	return &Loop{
		name: c.Name, workers: c.Workers, sync: c.Sync, clock: c.Clock, observe: c.Observe,
		queue:   workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[cache.ObjectName]{Name: c.Name, Clock: c.Clock}),
		backoff: workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](firstRetry, lastRetry),
	}
}

// Name of the hand.
func (l *Loop) Name() string { return l.name }

// Enqueue asks for a sync of key.
func (l *Loop) Enqueue(key cache.ObjectName) { l.queue.Add(key) }

// Len is the number of keys that wait.
func (l *Loop) Len() int { return l.queue.Len() }

// Run works until ctx is done, and returns when the last sync has.
func (l *Loop) Run(ctx context.Context) {
	logger := klog.LoggerWithValues(klog.FromContext(ctx), "loop", l.name)
	ctx = klog.NewContext(ctx, logger)
	var workers sync.WaitGroup
	for range l.workers {
		workers.Go(func() {
			for l.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	l.queue.ShutDown()
	workers.Wait()
}

// next does one sync, and reports whether there may be another.
func (l *Loop) next(ctx context.Context) bool {
	key, quit := l.queue.Get()
	if quit || ctx.Err() != nil {
		return false
	}
	defer l.queue.Done(key)
	l.Process(ctx, key)
	return true
}

// Process does one sync of key in the calling goroutine, and asks for the next
// as its outcome demands: after that long, or 0 for not before something
// changes.
func (l *Loop) Process(ctx context.Context, key cache.ObjectName) (next time.Duration) {
	logger := klog.LoggerWithValues(klog.FromContext(ctx), "rollout", key)
	start := l.clock.Now()
	after, err := l.sync(klog.NewContext(ctx, logger), key)
	if l.observe != nil {
		l.observe(l.name, key, l.clock.Since(start), err)
	}
	if err != nil && ctx.Err() != nil {
		return 0 // it was cut off
	}
	switch classify(err) {
	case done:
		l.backoff.Forget(key)
	case stale:
		logger.V(4).Info("Stale", "reason", err.Error())
		after = l.backoff.When(key)
	case fault:
		logger.V(2).Info("Waiting for the user", "fault", err.Error())
		l.backoff.Forget(key)
	case retry:
		logger.Error(err, "Sync")
		after = l.backoff.When(key)
	}
	if after > 0 {
		l.queue.AddAfter(key, after)
	}
	return after
}
