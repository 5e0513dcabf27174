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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// claim takes the ReplicaSets that are the rollout's by their name, and that nobody
// controls. After they were read it asks whether this Rollout is still there: what is
// given to one that is gone is deleted after it.
func (h *Hand) claim(ctx context.Context, s plan.Snapshot) error {
	for _, name := range s.Unclaimed {
		if err := h.healSet(ctx, cache.NewObjectName(s.Rollout.Namespace, name)); err != nil {
			return err
		}
	}
	fresh, err := h.Rollouts.ArgoprojV1alpha1().Rollouts(s.Rollout.Namespace).Get(ctx, s.Rollout.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), err == nil && (fresh.UID != s.Rollout.UID || fresh.DeletionTimestamp != nil):
		return loop.ErrStale
	case err != nil:
		return fmt.Errorf("see whether Rollout %s may claim ReplicaSets: %w", s.Rollout.Name, err)
	}
	var errs []error
	for _, name := range s.Unclaimed {
		errs = append(errs, h.claimOne(ctx, s.Rollout, cache.NewObjectName(s.Rollout.Namespace, name)))
	}
	return errors.Join(errs...)
}

func (h *Hand) claimOne(ctx context.Context, ro *v1alpha1.Rollout, key cache.ObjectName) error {
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
		return h.Kube.AppsV1().ReplicaSets(key.Namespace).Patch(ctx, key.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager})
	}); err != nil {
		return fmt.Errorf("claim ReplicaSet %s, which nobody owns: %w", key.Name, err)
	}
	klog.FromContext(ctx).Info("ReplicaSet claimed", "replicaSet", key.Name)
	h.Wake(cache.MetaObjectToName(ro))
	return nil
}
