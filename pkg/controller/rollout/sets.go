// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
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
func (h *Hand) heal(ctx context.Context, key cache.ObjectName) (healed bool, err error) {
	return h.Caches.Rollouts.Heal(ctx, key, func(ctx context.Context) (*v1alpha1.Rollout, error) {
		return h.Rollouts.ArgoprojV1alpha1().Rollouts(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	})
}

// healSet does so for a ReplicaSet.
func (h *Hand) healSet(ctx context.Context, key cache.ObjectName) error {
	_, err := h.Caches.Sets.Heal(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
		return h.Kube.AppsV1().ReplicaSets(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	})
	return err
}

// create makes the ReplicaSet of a new revision, without pods.
func (h *Hand) create(ctx context.Context, s plan.Snapshot, p plan.Plan) error {
	rs := newSet(s.Rollout, p)
	key := cache.MetaObjectToName(rs)
	if err := h.healSet(ctx, key); err != nil {
		return err
	}
	if there, found, _ := h.Caches.Sets.Get(key); found && metav1.IsControlledBy(there, s.Rollout) {
		return nil // a lost answer has turned up
	}
	err := h.Caches.Sets.Write(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
		return h.Kube.AppsV1().ReplicaSets(rs.Namespace).Create(ctx, rs, metav1.CreateOptions{FieldManager: kit.FieldManager})
	})
	switch {
	case apierrors.IsAlreadyExists(err):
		return h.exists(ctx, s, rs)
	case apierrors.IsInvalid(err):
		h.Tell(s.Rollout, plan.Event{Warning: true, Reason: v1alpha1.EventReplicaSetCreateError, Message: err.Error()})
		return &mesh.Fault{Object: "spec.template", Problem: err.Error()}
	case err != nil:
		if loop.Failed(err) {
			h.Templates.Forget(cache.MetaObjectToName(s.Rollout)) // so that it is tried again first
		}
		if apierrors.IsForbidden(err) {
			return refusal{err}
		}
		return fmt.Errorf("create ReplicaSet %s: %w", rs.Name, err)
	}
	klog.FromContext(ctx).Info("ReplicaSet created", "replicaSet", rs.Name, "revision", p.Number, "rule", p.Rule)
	h.Tell(s.Rollout, plan.Event{Reason: v1alpha1.EventNewReplicaSetCreated, Message: fmt.Sprintf("Created ReplicaSet %s (revision %d)", rs.Name, p.Number)})
	h.Wake(cache.MetaObjectToName(s.Rollout))
	return nil
}

// exists looks at the ReplicaSet that has the name of the one to make, and
// that the caches do not show. It is ours where the answer to an earlier create
// was lost, or its watch event is late, and ours to claim where nobody has it. It
// is not where it is still that of a Rollout that was deleted, or where two
// templates have the same hash: then the next plan makes another hash.
func (h *Hand) exists(ctx context.Context, s plan.Snapshot, wanted *appsv1.ReplicaSet) error {
	ctx, cancel := context.WithTimeout(ctx, loop.WriteTimeout)
	defer cancel()
	rs, err := h.Kube.AppsV1().ReplicaSets(wanted.Namespace).Get(ctx, wanted.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return loop.ErrStale
	}
	if err != nil {
		return fmt.Errorf("see whose ReplicaSet %s is: %w", wanted.Name, err)
	}
	hash := wanted.Labels[replicaset.HashLabel]
	ours := metav1.IsControlledBy(rs, s.Rollout) && rs.Labels[replicaset.HashLabel] == hash && h.Templates.Means(s.Rollout, rs)
	switch {
	case ours && rs.DeletionTimestamp != nil:
		return fmt.Errorf("wait until ReplicaSet %s is deleted: %w", rs.Name, loop.ErrStale)
	case ours, observe.Claimable(s.Rollout, rs):
		h.Caches.Sets.Wrote(rs)
	default:
		klog.FromContext(ctx).Info("Hash taken", "replicaSet", rs.Name, "owner", metav1.GetControllerOf(rs))
		h.Templates.Taken(s.Rollout, hash)
	}
	h.Wake(cache.MetaObjectToName(s.Rollout))
	return loop.ErrStale
}

// try asks the API server what it makes of a template that no revision has to
// the letter: written without its defaults, it may still be one of theirs.
func (h *Hand) try(ctx context.Context, s plan.Snapshot) error {
	rs := newSet(s.Rollout, plan.Plan{Create: s.Untried})
	rs.GenerateName, rs.Name = rs.Name+"-", "" // whatever has that name is no matter here
	ctx, cancel := context.WithTimeout(ctx, loop.WriteTimeout)
	defer cancel()
	answer, err := h.Kube.AppsV1().ReplicaSets(rs.Namespace).Create(ctx, rs, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldManager: kit.FieldManager,
	})
	switch {
	case apierrors.IsInvalid(err):
		h.Tell(s.Rollout, plan.Event{Warning: true, Reason: v1alpha1.EventReplicaSetCreateError, Message: err.Error()})
		h.Templates.Tried(s.Rollout, nil, causes(err))
	case err != nil && slices.ContainsFunc(s.Revisions, func(r plan.Revision) bool { return r.Hash == s.Untried }):
		h.Templates.Tried(s.Rollout, nil, nil) // a revision that exists is not held up
	case apierrors.IsForbidden(err):
		return refusal{err}
	case err != nil:
		return fmt.Errorf("try the template of Rollout %s: %w", s.Rollout.Name, err)
	default:
		h.Templates.Tried(s.Rollout, &answer.Spec.Template, nil)
	}
	h.Wake(cache.MetaObjectToName(s.Rollout))
	return nil
}

// refusal: a quota or a policy does not let us make a revision. Nobody says when
// that is over, so it is tried again.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

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

// newSet is the ReplicaSet of the revision that a plan creates.
func newSet(ro *v1alpha1.Rollout, p plan.Plan) *appsv1.ReplicaSet {
	hash, metadata := p.Create, p.Inject[p.Create]
	annotations := maps.Clone(ro.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	for _, key := range notCopied {
		delete(annotations, key)
	}
	annotations[v1alpha1.RevisionAnnotation] = strconv.FormatInt(p.Number, 10)
	annotations[v1alpha1.DesiredReplicasAnnotation] = strconv.Itoa(int(ro.Spec.Desired()))
	if note := metadata.Annotation(); note != "" {
		annotations[v1alpha1.EphemeralMetadataAnnotation] = note
	}
	template := replicaset.Labelled(&ro.Spec.Template, hash)
	labels := template.Labels // without what comes and goes
	with := metadata.Inject(replicaset.Metadata{Labels: template.Labels, Annotations: template.Annotations})
	template.Labels, template.Annotations = with.Labels, with.Annotations
	if p.Apart != nil {
		p.Apart.Put(&template)
	}
	none := int32(0)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ro.Namespace, Name: replicaset.Name(ro.Name, hash),
			Labels: labels, Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(ro, v1alpha1.SchemeGroupVersion.WithKind("Rollout"))},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &none, MinReadySeconds: ro.Spec.MinReadySeconds,
			Selector: replicaset.Selector(ro.Spec.Selector, hash), Template: template,
		},
	}
}

// mark writes into a ReplicaSet what changes about it while it is kept: the
// metadata of its pods, and a new number where it is used again.
func (h *Hand) mark(ctx context.Context, s plan.Snapshot, p plan.Plan, r plan.Revision) error {
	key := cache.NewObjectName(s.Rollout.Namespace, r.Name)
	rs, found, stale := h.Caches.Sets.Get(key)
	if !found || stale {
		return nil
	}
	annotations := map[string]any{}
	if r.Hash == s.Template {
		renumber(rs, strconv.FormatInt(p.Number, 10), annotations)
	}
	change := map[string]any{"metadata": map[string]any{"resourceVersion": rs.ResourceVersion, "annotations": annotations}}
	if in, ok := p.Inject[r.Hash]; ok {
		annotations[v1alpha1.EphemeralMetadataAnnotation] = nil
		if note := in.Annotation(); note != "" {
			annotations[v1alpha1.EphemeralMetadataAnnotation] = note
		}
		change["spec"] = map[string]any{"template": map[string]any{"metadata": in.Change}}
	}
	if len(annotations) == 0 {
		return nil
	}
	patch, err := json.Marshal(change)
	if err != nil {
		return err
	}
	err = h.Caches.Sets.Write(ctx, key, func(ctx context.Context) (*appsv1.ReplicaSet, error) {
		return h.Kube.AppsV1().ReplicaSets(key.Namespace).Patch(ctx, key.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager})
	})
	if err != nil {
		return fmt.Errorf("mark ReplicaSet %s: %w", key.Name, err)
	}
	return nil
}

// renumber makes the current revision the newest where an older one is used
// again.
func renumber(rs *appsv1.ReplicaSet, number string, annotations map[string]any) {
	old := rs.Annotations[v1alpha1.RevisionAnnotation]
	if old == number {
		return
	}
	annotations[v1alpha1.RevisionAnnotation] = number
	if earlier := rs.Annotations[v1alpha1.RevisionHistoryAnnotation]; earlier != "" && old != "" {
		old = earlier + "," + old
	}
	if old != "" {
		annotations[v1alpha1.RevisionHistoryAnnotation] = old
	}
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
