// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// claim takes the ReplicaSets that are the rollout's by their selector, and that
// nobody controls. Before that it asks whether this Rollout is still there: what
// is given to one that is gone is deleted after it.
func (h *Hand) claim(ctx context.Context, s plan.Snapshot) error {
	fresh, err := h.Rollouts.ArgoprojV1alpha1().Rollouts(s.Rollout.Namespace).Get(ctx, s.Rollout.Name, metav1.GetOptions{})
	switch {
	case err != nil:
		return fmt.Errorf("see whether Rollout %s may claim ReplicaSets: %w", s.Rollout.Name, err)
	case fresh.UID != s.Rollout.UID || fresh.DeletionTimestamp != nil:
		return loop.ErrStale
	}
	var errs []error
	for _, name := range s.Unclaimed {
		errs = append(errs, h.claimOne(ctx, s.Rollout, cache.NewObjectName(s.Rollout.Namespace, name)))
	}
	return errors.Join(errs...)
}

func (h *Hand) claimOne(ctx context.Context, ro *v1alpha1.Rollout, key cache.ObjectName) error {
	sets := h.Kube.AppsV1().ReplicaSets(key.Namespace)
	if _, err := h.Caches.Sets.Heal(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
		return sets.Get(ctx, key.Name, metav1.GetOptions{})
	}); err != nil {
		return err
	}
	rs, found, _ := h.Caches.Sets.Get(key)
	if !found || metav1.GetControllerOf(rs) != nil {
		return loop.ErrStale
	}
	owners := append(slices.Clone(rs.OwnerReferences), *metav1.NewControllerRef(ro, v1alpha1.SchemeGroupVersion.WithKind("Rollout")))
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": rs.UID, "resourceVersion": rs.ResourceVersion, "ownerReferences": owners,
	}})
	if err != nil {
		return err
	}
	if err := h.Caches.Sets.Write(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
		return sets.Patch(ctx, key.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager})
	}); err != nil {
		return fmt.Errorf("claim ReplicaSet %s, which nobody owns: %w", key.Name, err)
	}
	klog.FromContext(ctx).Info("ReplicaSet claimed", "replicaSet", key.Name)
	h.Wake(cache.MetaObjectToName(ro))
	return nil
}
