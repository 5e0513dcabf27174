// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controller wires the caches, the planner and the hands together.
package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	clientset "github.com/sluice-rollouts/sluice/pkg/client/clientset/versioned"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/controller/rollout"
	"github.com/sluice-rollouts/sluice/pkg/controller/scale"
	"github.com/sluice-rollouts/sluice/pkg/controller/slots"
	"github.com/sluice-rollouts/sluice/pkg/controller/traffic"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
)

// Clients reach the API server.
type Clients struct {
	Kube     kubernetes.Interface
	Rollouts clientset.Interface
	Dynamic  dynamic.Interface
}

// Options of a controller.
type Options struct {
	Clients Clients
	Events  record.EventRecorder
	Kinds   []mesh.Kind
	Clock   clock.WithTicker
	// Settings of the planner.
	Settings plan.Settings
	// Workers per loop.
	Workers int
	// Observe, where set, is told of each sync.
	Observe loop.Observer
	// Weighed, where set, is told of the canary's weight on each data plane.
	Weighed func(key cache.ObjectName, router string, wanted, observed int32)
	// Finished, where set, is told of each update that has ended.
	Finished func(key cache.ObjectName, update v1alpha1.RolloutDuration)
}

// Controller has the loops of one process.
type Controller struct {
	Caches *observe.Caches
	Desk   *observe.Desk
	loops  []*loop.Loop
}

// New makes the loops over caches. Nothing runs yet.
func New(o Options, caches *observe.Caches) *Controller {
	store := observe.Store{Caches: caches, Client: o.Clients.Dynamic}
	c := &Controller{Caches: caches}
	c.Desk = &observe.Desk{
		Observer: &observe.Observer{
			Caches: caches, Kinds: o.Kinds, Routers: map[string]mesh.Router{}, Faults: observe.NewFaults(), Templates: observe.NewTemplates(), Verdicts: observe.NewVerdicts(),
			Clock: o.Clock, Settings: o.Settings, Pods: scale.Pods(o.Clients.Kube), Gone: rollout.Gone(o.Clients.Rollouts),
		},
		Locks: loop.NewLocks(), Events: o.Events, Wake: c.Wake,
	}
	writer := rollout.New(c.Desk, o.Clients.Kube, o.Clients.Rollouts)
	writer.Finished = o.Finished
	c.add(o, rollout.Name, writer.Sync)
	scaler := &scale.Hand{Desk: c.Desk, Kube: o.Clients.Kube}
	scaler.Again = c.add(o, scale.Name, scaler.Sync).Enqueue
	pointer := &slots.Hand{Desk: c.Desk, Kube: o.Clients.Kube}
	pointer.Again = c.add(o, slots.Name, pointer.Sync).Enqueue
	for _, kind := range o.Kinds {
		c.Desk.Routers[kind.Name] = kind.New(store)
		router := &traffic.Hand{Desk: c.Desk, Kind: kind, Store: store, Weighed: o.Weighed}
		router.Again = c.add(o, router.Name(), router.Sync).Enqueue
	}
	return c
}

func (c *Controller) add(o Options, name string, sync loop.Sync) *loop.Loop {
	l := loop.New(loop.Config{Name: name, Workers: max(1, o.Workers), Clock: o.Clock, Sync: sync, Observe: o.Observe})
	c.loops = append(c.loops, l)
	return l
}

// Wake enqueues a rollout on every loop, but for those named.
func (c *Controller) Wake(key cache.ObjectName, except ...string) {
	for _, l := range c.loops {
		if !slices.Contains(except, l.Name()) {
			l.Enqueue(key)
		}
	}
}

// Loops of the controller, by name.
func (c *Controller) Loops() map[string]*loop.Loop {
	byName := map[string]*loop.Loop{}
	for _, l := range c.loops {
		byName[l.Name()] = l
	}
	return byName
}

// Run works until ctx is done. The caches must have synced.
func (c *Controller) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, l := range c.loops {
		running.Go(func() { l.Run(ctx) })
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("controller stopped: %w", err)
	}
	return nil
}
