// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollout is the hand that writes status, makes and deletes
// ReplicaSets, and numbers revisions.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	clientset "github.com/sluice-rollouts/sluice/pkg/client/clientset/versioned"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Name of the loop.
const Name = "rollout"

// holdFor is how long a status that differs by counters alone may wait for a
// difference that matters.
const holdFor = 500 * time.Millisecond

// Hand of the rollout loop.
type Hand struct {
	*observe.Desk
	Kube     kubernetes.Interface
	Rollouts clientset.Interface
	// Finished, where set, is told of each update that has ended.
	Finished func(key cache.ObjectName, update v1alpha1.RolloutDuration)

	mu sync.Mutex
	// held since when a status write waits.
	held map[cache.ObjectName]time.Time
	// told is the begin of the last blockage that an event told of.
	told map[cache.ObjectName]time.Time
	// advised is the last advice that an event gave.
	advised map[cache.ObjectName]string
}

// New makes the hand.
func New(desk *observe.Desk, kube kubernetes.Interface, rollouts clientset.Interface) *Hand {
	return &Hand{
		Desk: desk, Kube: kube, Rollouts: rollouts,
		held: map[cache.ObjectName]time.Time{}, told: map[cache.ObjectName]time.Time{}, advised: map[cache.ObjectName]string{},
	}
}

// Sync makes the ReplicaSets and the status of one rollout what the plan says.
func (h *Hand) Sync(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	switch healed, err := h.heal(ctx, key); {
	case err != nil:
		return 0, err
	case healed:
		h.Wake(key, Name)
	}
	s, p, found, err := h.Plan(ctx, key)
	if !found {
		h.forget(key)
		return 0, err
	}
	var unclaimed error
	if len(s.Unclaimed) > 0 {
		switch unclaimed = h.claim(ctx, s); {
		case unclaimed == nil:
			return 0, nil // it is planned anew
		case err != nil:
			h.report(s.Rollout, unclaimed)
			return 0, unclaimed
		}
	}
	if err != nil {
		return 0, err
	}
	var untried error // keeps the new template from being acted on, and nothing else
	if s.Untried != "" {
		untried = h.try(ctx, s)
		if s, p, found, err = h.Plan(ctx, key); err != nil || !found {
			return 0, err
		}
	}
	made, failed := h.sets(ctx, s, p)
	failed = errors.Join(unclaimed, untried, failed)
	h.report(s.Rollout, failed)
	if !made {
		return 0, failed
	}
	again, err := h.annotate(ctx, s, p)
	if err != nil || again {
		return 0, errors.Join(failed, err)
	}
	h.tellBlocked(key, s.Rollout)
	h.advise(key)
	wait, err := h.status(ctx, key, s, p)
	return loop.Soonest(wait, p.After), errors.Join(failed, err)
}

func (h *Hand) report(ro *v1alpha1.Rollout, err error) {
	reason := v1alpha1.EventReconciliationError
	if errors.As(err, new(refusal)) {
		reason = v1alpha1.EventReplicaSetCreateError
	}
	h.Report(ro, Name, err, reason)
}

// Gone asks the API server whether a rollout is deleted, or on its way.
func Gone(rollouts clientset.Interface) func(context.Context, cache.ObjectName) (bool, error) {
	return func(ctx context.Context, key cache.ObjectName) (bool, error) {
		ro, err := rollouts.ArgoprojV1alpha1().Rollouts(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return true, nil
		case err != nil:
			return false, fmt.Errorf("see whether Rollout %s is gone: %w", key, err)
		default:
			return ro.DeletionTimestamp != nil, nil
		}
	}
}

func (h *Hand) forget(key cache.ObjectName) {
	h.Faults.Forget(key)
	h.Templates.Forget(key)
	h.Verdicts.Forget(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, key)
	delete(h.told, key)
	delete(h.advised, key)
}

// sets creates the revision that is wanted, numbers and marks those that there
// are, and deletes those beyond the history limit. made is false while there is no
// such revision as status is to tell of; nothing else holds that up.
func (h *Hand) sets(ctx context.Context, s plan.Snapshot, p plan.Plan) (made bool, err error) {
	if p.Create != "" {
		if err := h.create(ctx, s, p); err != nil {
			return false, err
		}
	}
	var errs []error
	for _, r := range s.Revisions {
		errs = append(errs, h.mark(ctx, s, p, r))
	}
	for _, name := range p.Delete {
		errs = append(errs, h.delete(ctx, s, name))
	}
	return true, errors.Join(errs...)
}
