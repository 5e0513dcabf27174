// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scale is the hand that sizes ReplicaSets, with the deadlines and
// notes that go with a size in the same patch, evicts the pods of a restart,
// and gives pods the metadata of their revision's part.
package scale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Name of the loop.
const Name = "scale"

// Hand of the scale loop.
type Hand struct {
	*observe.Desk
	Kube kubernetes.Interface
	// Again enqueues a rollout on this loop.
	Again func(cache.ObjectName)
}

// Sync sizes the ReplicaSets of one rollout.
func (h *Hand) Sync(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	s, p, found, err := h.Plan(ctx, key)
	if err != nil || !found {
		return 0, err
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
	err = h.scale(ctx, s, p, false)
	if err == nil && risky(p) {
		err = h.Alone(ctx, key, func() { h.Again(key) }, func(s plan.Snapshot, p plan.Plan) error {
			return errors.Join(h.scale(ctx, s, p, true), h.giveWay(ctx, s, p), h.evict(ctx, s, p))
		})
	}
	if err == nil && len(p.Sets) == 0 {
		err = h.relabel(ctx, s, p)
	}
	h.Report(s.Rollout, Name, err, v1alpha1.EventReconciliationError)
	return p.After, err
}

func risky(p plan.Plan) bool {
	return len(p.Evict) > 0 || p.Workload != nil || slices.ContainsFunc(slices.Collect(maps.Values(p.Sets)), func(set plan.Set) bool { return set.Shrinks })
}

// heal reads again what a lost answer has left unknown.
func (h *Hand) heal(ctx context.Context, s plan.Snapshot) (healed bool, err error) {
	for _, r := range s.Revisions {
		key := cache.NewObjectName(s.Rollout.Namespace, r.Name)
		was, err := h.Caches.Sets.Heal(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
			return h.Kube.AppsV1().ReplicaSets(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
		})
		if err != nil {
			return healed, err
		}
		healed = healed || was
	}
	was, err := h.healWorkload(ctx, s.Rollout)
	return healed || was, err
}

// scale patches the ReplicaSets that shrink, or those that do not: taking pods
// away needs the lock, and adding them must never wait for it.
func (h *Hand) scale(ctx context.Context, s plan.Snapshot, p plan.Plan, shrinking bool) error {
	var errs []error
	wrote := false
	for _, r := range s.Revisions {
		set, ok := p.Sets[r.Hash]
		if !ok || set.Shrinks != shrinking {
			continue
		}
		err := h.patch(ctx, s, r, set)
		errs, wrote = append(errs, err), wrote || err == nil
	}
	if wrote {
		h.Wake(cache.MetaObjectToName(s.Rollout))
	}
	return errors.Join(errs...)
}

func (h *Hand) patch(ctx context.Context, s plan.Snapshot, r plan.Revision, set plan.Set) error {
	key := cache.NewObjectName(s.Rollout.Namespace, r.Name)
	rs, found, stale := h.Caches.Sets.Get(key)
	if !found || stale {
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": rs.ResourceVersion, "annotations": annotations(s, set)},
		"spec":     map[string]any{"replicas": set.Size, "minReadySeconds": set.MinReadySeconds},
	})
	if err != nil {
		return err
	}
	if err := h.write(ctx, key, patch); err != nil {
		return fmt.Errorf("scale %s to %d: %w", key.Name, set.Size, err)
	}
	if set.Size != r.Spec {
		direction := "up"
		if set.Shrinks {
			direction = "down"
		}
		klog.FromContext(ctx).Info("ReplicaSet scaled", "replicaSet", r.Name, "from", r.Spec, "to", set.Size)
		h.Tell(s.Rollout, plan.Event{Reason: v1alpha1.EventScalingReplicaSet, Message: fmt.Sprintf("Scaled %s ReplicaSet %s from %d to %d", direction, r.Name, r.Spec, set.Size)})
	}
	return nil
}

// write sends a merge patch of a ReplicaSet.
func (h *Hand) write(ctx context.Context, key cache.ObjectName, patch []byte) error {
	return h.Caches.Sets.Write(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
		return h.Kube.AppsV1().ReplicaSets(key.Namespace).Patch(ctx, key.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager})
	})
}

// annotations that go with a size; null takes one away.
func annotations(s plan.Snapshot, set plan.Set) map[string]any {
	a := map[string]any{
		v1alpha1.DesiredReplicasAnnotation:   strconv.Itoa(int(s.Rollout.Spec.Desired())),
		v1alpha1.ScaleDownDeadlineAnnotation: nil,
		v1alpha1.FilledForAnnotation:         nil,
	}
	if set.Deadline != nil {
		a[v1alpha1.ScaleDownDeadlineAnnotation] = set.Deadline.UTC().Format(time.RFC3339)
	}
	if set.FilledFor > 0 {
		a[v1alpha1.FilledForAnnotation] = strconv.Itoa(int(set.FilledFor))
	}
	return a
}

// evict asks for pods to go. What a disruption budget refuses is asked for
// again later.
func (h *Hand) evict(ctx context.Context, s plan.Snapshot, p plan.Plan) error {
	for _, name := range p.Evict {
		err := h.Kube.PolicyV1().Evictions(s.Rollout.Namespace).Evict(ctx, &policyv1.Eviction{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Rollout.Namespace, Name: name},
		})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsTooManyRequests(err) {
			return fmt.Errorf("evict pod %s: %w", name, err)
		}
	}
	return nil
}

// Pods lists the pods of a rollout's revisions from the API server.
func Pods(kube kubernetes.Interface) func(context.Context, *v1alpha1.Rollout) ([]plan.Pod, error) {
	return func(ctx context.Context, ro *v1alpha1.Rollout) ([]plan.Pod, error) {
		list, err := kube.CoreV1().Pods(ro.Namespace).List(ctx, metav1.ListOptions{
			LabelSelector: metav1.FormatLabelSelector(ro.Spec.Selector) + "," + replicaset.HashLabel,
		})
		if err != nil {
			return nil, fmt.Errorf("list the pods to restart: %w", err)
		}
		pods := make([]plan.Pod, 0, len(list.Items))
		for _, p := range list.Items {
			pods = append(pods, plan.Pod{
				Name: p.Name, Hash: p.Labels[replicaset.HashLabel],
				Created: p.CreationTimestamp.Time, Terminating: p.DeletionTimestamp != nil,
				Ready: slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
					return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
				}),
			})
		}
		return pods, nil
	}
}
