// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// notCopied are the annotations of a Rollout that its ReplicaSets do not get.
var notCopied = []string{
	v1alpha1.LastAppliedAnnotation, v1alpha1.RevisionAnnotation, v1alpha1.RevisionHistoryAnnotation,
	v1alpha1.DesiredReplicasAnnotation, v1alpha1.NotifiedAnnotation,
}

// heal reads again what a lost answer has left unknown.
func (h *Hand) heal(ctx context.Context, key cache.ObjectName) error {
	return h.Caches.Rollouts.Heal(ctx, key, func(ctx context.Context) (*v1alpha1.Rollout, error) {
		return h.Rollouts.ArgoprojV1alpha1().Rollouts(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	})
}

// create makes the ReplicaSet of a new revision, without pods.
func (h *Hand) create(ctx context.Context, s plan.Snapshot, p plan.Plan) error {
	rs := newSet(s.Rollout, p.Create, p.Number)
	key := cache.MetaObjectToName(rs)
	sets := h.Kube.AppsV1().ReplicaSets(rs.Namespace)
	if err := h.Caches.Sets.Heal(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
		return sets.Get(ctx, rs.Name, metav1.GetOptions{})
	}); err != nil {
		return err
	}
	if _, found, _ := h.Caches.Sets.Get(key); found {
		return nil // a lost answer has turned up
	}
	err := h.Caches.Sets.Write(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
		return sets.Create(ctx, rs, metav1.CreateOptions{FieldManager: kit.FieldManager})
	})
	switch {
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err):
		h.Tell(s.Rollout, plan.Event{Warning: true, Reason: v1alpha1.EventReplicaSetCreateError, Message: err.Error()})
		return &mesh.Fault{Object: "spec.template", Problem: err.Error()}
	case err != nil:
		return fmt.Errorf("create ReplicaSet %s: %w", rs.Name, err)
	}
	klog.FromContext(ctx).Info("ReplicaSet created", "replicaSet", rs.Name, "revision", p.Number, "rule", p.Rule)
	h.Tell(s.Rollout, plan.Event{Reason: v1alpha1.EventNewReplicaSetCreated, Message: fmt.Sprintf("Created ReplicaSet %s (revision %d)", rs.Name, p.Number)})
	h.Wake(cache.MetaObjectToName(s.Rollout))
	return nil
}

// try asks the API server what it makes of a template that no revision has to
// the letter: written without its defaults, it may still be one of theirs.
func (h *Hand) try(ctx context.Context, key cache.ObjectName, s plan.Snapshot) error {
	rs := newSet(s.Rollout, s.Untried, 0)
	rs.GenerateName, rs.Name = rs.Name+"-", "" // whatever has that name is no matter here
	ctx, cancel := context.WithTimeout(ctx, loop.WriteTimeout)
	defer cancel()
	answer, err := h.Kube.AppsV1().ReplicaSets(rs.Namespace).Create(ctx, rs, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldManager: kit.FieldManager,
	})
	switch {
	case apierrors.IsInvalid(err):
		h.Tell(s.Rollout, plan.Event{Warning: true, Reason: v1alpha1.EventReplicaSetCreateError, Message: err.Error()})
		h.Templates.Tried(key, s.Untried, "", causes(err))
	case err != nil:
		return fmt.Errorf("try the template of Rollout %s: %w", key, err)
	default:
		h.Templates.Tried(key, s.Untried, replicaset.Meaning(&answer.Spec.Template), nil)
	}
	h.Wake(key)
	return nil
}

// causes of an object's being invalid. The paths below spec.template are those
// of the Rollout too.
func causes(err error) []string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return []string{"spec.template: " + err.Error()}
	}
	var all []string
	for _, c := range status.Status().Details.Causes {
		all = append(all, c.Field+": "+c.Message)
	}
	return all
}

func newSet(ro *v1alpha1.Rollout, hash string, number int64) *appsv1.ReplicaSet {
	annotations := maps.Clone(ro.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	for _, key := range notCopied {
		delete(annotations, key)
	}
	annotations[v1alpha1.RevisionAnnotation] = strconv.FormatInt(number, 10)
	annotations[v1alpha1.DesiredReplicasAnnotation] = strconv.Itoa(int(ro.Spec.Desired()))
	template := replicaset.Labelled(&ro.Spec.Template, hash)
	none := int32(0)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ro.Namespace, Name: replicaset.Name(ro.Name, hash),
			Labels: template.Labels, Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(ro, v1alpha1.SchemeGroupVersion.WithKind("Rollout"))},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &none, MinReadySeconds: ro.Spec.MinReadySeconds,
			Selector: replicaset.Selector(ro.Spec.Selector, hash), Template: template,
		},
	}
}

// renumber makes the current revision the newest where an older one is used
// again.
func (h *Hand) renumber(ctx context.Context, s plan.Snapshot, p plan.Plan) error {
	key := cache.NewObjectName(s.Rollout.Namespace, replicaset.Name(s.Rollout.Name, s.Template))
	rs, found, stale := h.Caches.Sets.Get(key)
	number := strconv.FormatInt(p.Number, 10)
	if !found || stale || rs.Annotations[v1alpha1.RevisionAnnotation] == number || !metav1.IsControlledBy(rs, s.Rollout) {
		return nil
	}
	annotations := map[string]any{v1alpha1.RevisionAnnotation: number}
	if old := rs.Annotations[v1alpha1.RevisionAnnotation]; old != "" {
		history := old
		if earlier := rs.Annotations[v1alpha1.RevisionHistoryAnnotation]; earlier != "" {
			history = earlier + "," + old
		}
		annotations[v1alpha1.RevisionHistoryAnnotation] = history
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": rs.ResourceVersion, "annotations": annotations}})
	if err != nil {
		return err
	}
	err = h.Caches.Sets.Write(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
		return h.Kube.AppsV1().ReplicaSets(key.Namespace).Patch(ctx, key.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager})
	})
	if err != nil {
		return fmt.Errorf("number ReplicaSet %s: %w", key.Name, err)
	}
	return nil
}

func (h *Hand) delete(ctx context.Context, s plan.Snapshot, name string) error {
	rs, found, _ := h.Caches.Sets.Get(cache.NewObjectName(s.Rollout.Namespace, name))
	if !found {
		return nil
	}
	err := h.Kube.AppsV1().ReplicaSets(rs.Namespace).Delete(ctx, name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &rs.UID, ResourceVersion: &rs.ResourceVersion},
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete ReplicaSet %s: %w", name, err)
	}
	h.Caches.Sets.Deleted(rs)
	return nil
}
