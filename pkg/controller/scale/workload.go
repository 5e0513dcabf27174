// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// deployment that the rollout refers to, and the cache of its kind, nil where
// it refers to none or to one that has not been read.
func (h *Hand) deployment(ro *v1alpha1.Rollout) (cache.ObjectName, *loop.Fresh[*observe.Workload]) {
	place, found := observe.PlaceOf(ro)
	if !found || place.Kind != v1alpha1.WorkloadDeployment {
		return cache.ObjectName{}, nil
	}
	return cache.NewObjectName(ro.Namespace, ro.Spec.WorkloadRef.Name), h.Caches.Workloads(place)
}

// healWorkload reads the Deployment again where a lost answer has left its size
// unknown.
func (h *Hand) healWorkload(ctx context.Context, ro *v1alpha1.Rollout) (healed bool, err error) {
	key, deployments := h.deployment(ro)
	if deployments == nil {
		return false, nil
	}
	return deployments.Heal(ctx, key, func(ctx context.Context) (*observe.Workload, error) {
		d, err := h.Kube.AppsV1().Deployments(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
		return read(d, err)
	})
}

func read(d *appsv1.Deployment, err error) (*observe.Workload, error) {
	if err != nil {
		return nil, err
	}
	return observe.WorkloadOf(d), nil
}

// giveWay takes the Deployment that the rollout takes over from down to the size
// of the plan.
func (h *Hand) giveWay(ctx context.Context, s plan.Snapshot, p plan.Plan) error {
	key, deployments := h.deployment(s.Rollout)
	if p.Workload == nil || deployments == nil {
		return nil
	}
	seen, found, stale := deployments.Get(key)
	if !found || stale {
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": seen.ResourceVersion},
		"spec":     map[string]any{"replicas": *p.Workload},
	})
	if err != nil {
		return err
	}
	err = deployments.Write(ctx, key, func(ctx context.Context) (*observe.Workload, error) {
		return read(h.Kube.AppsV1().Deployments(key.Namespace).Patch(ctx, key.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager}))
	})
	if err != nil {
		return fmt.Errorf("scale Deployment %s to %d: %w", key, *p.Workload, err)
	}
	klog.FromContext(ctx).Info("Deployment scaled", "deployment", key.Name, "from", seen.Size, "to", *p.Workload)
	h.Tell(s.Rollout, plan.Event{
		Reason: v1alpha1.EventScalingReplicaSet, Message: fmt.Sprintf("Scaled down Deployment %s from %d to %d", key.Name, seen.Size, *p.Workload),
	})
	h.Wake(cache.MetaObjectToName(s.Rollout))
	return nil
}
