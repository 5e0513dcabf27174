// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// atOnce is how many pods one sync changes, so that the size of a revision
// never waits long.
const atOnce = 50

// note on a ReplicaSet of the metadata in its template and pods.
const note = v1alpha1.EphemeralMetadataAnnotation

// relabel changes the pods that were made before their ReplicaSet's template
// got other metadata. A ReplicaSet says for itself that its pods have yet to be
// looked at, until they all have been.
func (h *Hand) relabel(ctx context.Context, s plan.Snapshot, p plan.Plan) error {
	for _, r := range s.Revisions {
		change, ok := p.Relabel[r.Hash]
		if !ok {
			continue
		}
		key := cache.NewObjectName(s.Rollout.Namespace, r.Name)
		rs, found, stale := h.Caches.Sets.Get(key)
		if !found || stale || replicaset.ParseInjected(rs.Annotations[note]).Annotation() != r.Injected.Annotation() {
			continue
		}
		pods, err := h.behind(ctx, s.Rollout, rs, change)
		if err != nil {
			return err
		}
		for _, pod := range pods[:min(len(pods), atOnce)] {
			err = errors.Join(err, h.change(ctx, pod, change))
		}
		if err != nil {
			return err
		}
		if len(pods) > atOnce {
			h.Again(cache.MetaObjectToName(s.Rollout))
			continue
		}
		if err := h.alike(ctx, key, rs, r.Injected); err != nil {
			return err
		}
	}
	return nil
}

// behind lists the pods of a ReplicaSet that lack some of a change.
func (h *Hand) behind(ctx context.Context, ro *v1alpha1.Rollout, rs *appsv1.ReplicaSet, change replicaset.Change) ([]*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, loop.WriteTimeout)
	defer cancel()
	selector := replicaset.Selector(ro.Spec.Selector, rs.Labels[replicaset.HashLabel])
	list, err := h.Kube.CoreV1().Pods(rs.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(selector)})
	if err != nil {
		return nil, fmt.Errorf("list the pods of ReplicaSet %s: %w", rs.Name, err)
	}
	var pods []*corev1.Pod
	for i := range list.Items {
		pod := &list.Items[i]
		if metav1.IsControlledBy(pod, rs) && pod.DeletionTimestamp == nil && !change.Left(pod.Labels, pod.Annotations).Empty() {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}

// change a pod, where it still is what was seen. There is no cache of pods that
// could be behind.
func (h *Hand) change(ctx context.Context, pod *corev1.Pod, change replicaset.Change) error {
	left := change.Left(pod.Labels, pod.Annotations)
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": pod.ResourceVersion, "labels": left.Labels, "annotations": left.Annotations,
	}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, loop.WriteTimeout)
	defer cancel()
	_, err = h.Kube.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("give pod %s the metadata of its revision: %w", pod.Name, err)
	}
	return nil
}

// alike notes that all pods are like the template of their ReplicaSet, unless
// that has changed again since seen.
func (h *Hand) alike(ctx context.Context, key cache.ObjectName, seen *appsv1.ReplicaSet, injected replicaset.Injected) error {
	rs, found, stale := h.Caches.Sets.Get(key)
	if !found || stale || rs.Annotations[note] != seen.Annotations[note] {
		return nil
	}
	annotations := map[string]any{note: nil}
	injected.Pods = nil
	if text := injected.Annotation(); text != "" {
		annotations[note] = text
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": rs.ResourceVersion, "annotations": annotations}})
	if err != nil {
		return err
	}
	if err := h.write(ctx, key, patch); err != nil {
		return fmt.Errorf("note that the pods of ReplicaSet %s are alike: %w", key.Name, err)
	}
	return nil
}
