// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package slots is the hand that writes the selectors of the role Services.
package slots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Name of the loop.
const Name = "slots"

// Hand of the slots loop.
type Hand struct {
	*observe.Desk
	Kube kubernetes.Interface
	// Again enqueues a rollout on this loop.
	Again func(cache.ObjectName)
}

// Sync re-points the Services of one rollout, and gives back those of one that
// is gone.
func (h *Hand) Sync(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	s, p, found, err := h.Plan(ctx, key)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, h.leave(ctx, key)
	}
	switch healed, err := h.heal(ctx, s); {
	case err != nil:
		return 0, err
	case healed:
		h.Wake(key, Name)
		if s, p, found, err = h.Plan(ctx, key); err != nil || !found {
			return 0, err
		}
	}
	if len(p.Slots) > 0 || releases(p) {
		err = h.Alone(ctx, key, func() { h.Again(key) }, func(s plan.Snapshot, p plan.Plan) error { return h.write(ctx, s, p) })
	}
	h.Report(s.Rollout, Name, err, v1alpha1.EventReconciliationError)
	return p.After, err
}

func releases(p plan.Plan) bool {
	for _, m := range p.Release {
		if m.Router == "" {
			return true
		}
	}
	return false
}

// services of the roles, and those that the spec no longer names.
func services(s plan.Snapshot) []string {
	var names []string
	for _, slot := range s.Slots {
		names = append(names, slot.Service)
	}
	for _, orphan := range s.Orphans {
		if orphan.Object.Router == "" {
			names = append(names, orphan.Object.Name)
		}
	}
	return names
}

// heal reads again what a lost answer has left unknown.
func (h *Hand) heal(ctx context.Context, s plan.Snapshot) (healed bool, err error) {
	for _, service := range services(s) {
		key := cache.NewObjectName(s.Rollout.Namespace, service)
		was, err := h.Caches.Services.Heal(ctx, key, func(ctx context.Context) (*corev1.Service, error) {
			return h.Kube.CoreV1().Services(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
		})
		if err != nil {
			return healed, err
		}
		healed = healed || was
	}
	return healed, nil
}

func (h *Hand) write(ctx context.Context, s plan.Snapshot, p plan.Plan) error {
	var errs []error
	wrote := false
	for _, role := range slices.Sorted(maps.Keys(p.Slots)) {
		slot, hash := s.Slots[role], p.Slots[role]
		if !observe.Listed(s.Rollout, plan.ManagedService(s.Rollout.Namespace, slot.Service)) {
			continue // the inventory comes first
		}
		err := h.point(ctx, cache.NewObjectName(s.Rollout.Namespace, slot.Service), s.Rollout.Name, hash)
		if err == nil && slot.Hash != hash {
			klog.FromContext(ctx).Info("Service re-pointed", "service", slot.Service, "role", role, "from", slot.Hash, "to", hash)
			h.Tell(s.Rollout, plan.Event{Reason: v1alpha1.EventSwitchService, Message: fmt.Sprintf("Switched selector for service '%s' from '%s' to '%s'", slot.Service, slot.Hash, hash)})
		}
		errs, wrote = append(errs, err), wrote || err == nil
	}
	for _, m := range p.Release {
		if m.Router == "" {
			err := h.point(ctx, cache.NewObjectName(m.Namespace, m.Name), "", "")
			errs, wrote = append(errs, err), wrote || err == nil
		}
	}
	if wrote {
		h.Wake(cache.MetaObjectToName(s.Rollout))
	}
	return errors.Join(errs...)
}

// leave gives back the Services of a rollout that is gone.
func (h *Hand) leave(ctx context.Context, rollout cache.ObjectName) error {
	left := h.Caches.ServicesLeftBy(rollout)
	if len(left) == 0 {
		return nil
	}
	if gone, err := h.Gone(ctx, rollout); err != nil || !gone {
		return err
	}
	var errs []error
	for _, service := range left {
		errs = append(errs, h.point(ctx, cache.MetaObjectToName(service), "", ""))
	}
	return errors.Join(errs...)
}

// point makes a Service select one revision for a rollout; with neither, it is
// as its owner wrote it.
func (h *Hand) point(ctx context.Context, key cache.ObjectName, rollout, hash string) error {
	service, found, stale := h.Caches.Services.Get(key)
	if !found || stale {
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{
			"resourceVersion": service.ResourceVersion,
			"annotations":     map[string]any{v1alpha1.ManagedByAnnotation: orNull(rollout)},
		},
		"spec": map[string]any{"selector": map[string]any{replicaset.HashLabel: orNull(hash)}},
	})
	if err != nil {
		return err
	}
	err = h.Caches.Services.Write(ctx, key, func(ctx context.Context) (*corev1.Service, error) {
		return h.Kube.CoreV1().Services(key.Namespace).Patch(ctx, key.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager})
	})
	if err != nil {
		return fmt.Errorf("point Service %s at %q: %w", key.Name, hash, err)
	}
	return nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
