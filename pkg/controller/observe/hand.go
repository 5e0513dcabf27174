// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"

	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
)

// Desk is what every hand works with.
type Desk struct {
	*Observer
	Locks  *loop.Locks
	Events record.EventRecorder
	// Wake enqueues a rollout on every loop: something was written that the
	// others decide by.
	Wake func(cache.ObjectName)
}

// Plan observes a rollout and plans for it.
func (d *Desk) Plan(ctx context.Context, key cache.ObjectName) (s plan.Snapshot, p plan.Plan, found bool, err error) {
	s, found, err = d.Snapshot(ctx, key)
	if err != nil || !found {
		return s, p, found, err
	}
	return s, plan.For(s), true, nil
}

// Alone makes a plan again under the rollout's lock, and carries it out. Where
// another hand holds the lock, wake is called once it is free.
func (d *Desk) Alone(ctx context.Context, key cache.ObjectName, wake func(), do func(plan.Snapshot, plan.Plan) error) error {
	release, ok := d.Locks.Try(key, wake)
	if !ok {
		return nil
	}
	defer release()
	s, p, found, err := d.Plan(ctx, key)
	if err != nil || !found {
		return err
	}
	return do(s, p)
}

// Report remembers what came of a hand's work, so that plans can name it.
func (d *Desk) Report(key cache.ObjectName, hand string, err error) {
	fault := loop.UserFault(err)
	if err == nil {
		if d.Faults.Clear(key, hand) {
			d.Wake(key)
		}
		return
	}
	if fault != nil && d.Faults.Set(key, plan.Fault{Hand: hand, Object: fault.Object, Message: fault.Error(), User: true, Since: d.Clock.Now()}) {
		d.Wake(key)
	}
}

// Tell sends an event about obj.
func (d *Desk) Tell(obj runtime.Object, events ...plan.Event) {
	for _, e := range events {
		kind := "Normal"
		if e.Warning {
			kind = "Warning"
		}
		d.Events.Event(obj, kind, e.Reason, e.Message)
	}
}
