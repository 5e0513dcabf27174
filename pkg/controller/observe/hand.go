// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
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
	// Wake enqueues a rollout on every loop, but for those named: something was
	// written, or learnt, that the others decide by.
	Wake func(key cache.ObjectName, except ...string)
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

// Report remembers what came of a hand's work, so that plans can name it. Of a
// failure, other than one that is the user's to mend, an event tells once, for
// that reason. The hand itself is not woken: what failed is tried again later.
func (d *Desk) Report(ro *v1alpha1.Rollout, hand string, err error, reason string) {
	key := cache.MetaObjectToName(ro)
	news := false
	switch user := loop.UserFault(err); {
	case err == nil:
		news = d.Faults.Clear(key, hand)
	case user != nil:
		news = d.Faults.Set(key, plan.Fault{Hand: hand, Object: user.Object, Message: user.Error(), Since: d.Clock.Now()})
	case loop.Failed(err):
		if news = d.Faults.Set(key, plan.Fault{Hand: hand, Message: err.Error(), Reason: reason, Since: d.Clock.Now()}); news {
			d.Tell(ro, plan.Event{Warning: true, Reason: reason, Message: err.Error()})
		}
	}
	if news {
		d.Wake(key, hand)
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
