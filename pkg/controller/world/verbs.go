// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/yaml"
)

// Apply creates or merges a manifest, as a user would. Several documents are
// apart by ---.
func (w *World) Apply(manifest string) error {
	for doc := range strings.SplitSeq(manifest, "\n---\n") {
		data, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			return err
		}
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(data); err != nil {
			return err
		}
		if u.GetNamespace() == "" {
			u.SetNamespace(Namespace)
		}
		w.note(resourceOf(u), u)
		w.put(resourceOf(u), u)
	}
	return nil
}

func resourceOf(u *unstructured.Unstructured) schema.GroupVersionResource {
	gvk := u.GroupVersionKind()
	return gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind) + "s")
}

// PatchSpec and PatchStatus are what users and clients write to the rollout.
func (w *World) PatchSpec(patch string) error { return w.patchRollout(patch, "") }

// PatchStatus patches the status subresource.
func (w *World) PatchStatus(patch string) error { return w.patchRollout(patch, "status") }

func (w *World) patchRollout(patch, subresource string) error {
	_, err := w.API.Patch(rolloutsResource, Key, types.MergePatchType, []byte(patch), subresource, false)
	return err
}

// Image deploys a version.
func (w *World) Image(image string) error {
	return w.template(func(t *corev1.PodTemplateSpec) { t.Spec.Containers[0].Image = image })
}

// Promote is what the CLI plugin's promote sends.
func (w *World) Promote() error {
	ro := w.Rollout()
	if ro.Spec.Paused {
		if err := w.PatchSpec(`{"spec":{"paused":false}}`); err != nil {
			return err
		}
	}
	steps := len(ro.Spec.Strategy.Canary.Steps)
	switch {
	case len(ro.Status.PauseConditions) > 0:
		return w.PatchStatus(`{"status":{"pauseConditions":null}}`)
	case steps > 0 && ro.Status.CurrentStepIndex != nil:
		return w.PatchStatus(fmt.Sprintf(`{"status":{"pauseConditions":null,"currentStepIndex":%d}}`, min(int(*ro.Status.CurrentStepIndex)+1, steps)))
	}
	return nil
}

// skip sets the current step, as clients do: skip to=2, skip by=1.
func (w *World) skip(args map[string]string, _ string) error {
	ro := w.Rollout()
	if ro.Status.CurrentStepIndex == nil {
		return nil
	}
	to := fmt.Sprint(min(int(*ro.Status.CurrentStepIndex)+1, len(ro.Spec.Strategy.Canary.Steps)))
	if args["to"] != "" {
		to = args["to"]
	}
	return w.PatchStatus(`{"status":{"pauseConditions":null,"currentStepIndex":` + to + `}}`)
}

// doRestart is what the CLI plugin's restart sends: restart in=1s. From now on pods
// are replaced after a moment where one is evicted. The seconds are whole, so that
// every pod there is is older.
func (w *World) doRestart(args map[string]string, _ string) error {
	in, err := time.ParseDuration(args["in"])
	if err != nil {
		return err
	}
	w.replaces = true
	return w.PatchSpec(fmt.Sprintf(`{"spec":{"restartAt":%q}}`, w.Clock.Now().Add(in).UTC().Format(time.RFC3339)))
}

// Undo is what the CLI plugin's undo sends: the template of an earlier
// revision, with all that the API server has completed in it.
func (w *World) Undo(number string) error {
	for _, key := range w.sets() {
		rs := w.set(key)
		if rs.Annotations[v1alpha1.RevisionAnnotation] != number {
			continue
		}
		return w.template(func(t *corev1.PodTemplateSpec) {
			*t = *rs.Spec.Template.DeepCopy()
			delete(t.Labels, replicaset.HashLabel)
		})
	}
	return fmt.Errorf("no revision %s", number)
}

// DeleteRollout removes it, as after garbage collection of nothing.
func (w *World) DeleteRollout() error { return w.API.Delete(rolloutsResource, Key, false) }

// disown takes the owner off the ReplicaSet of a version, or of all, as a
// restored backup does, or deleting a Rollout with --cascade=orphan.
func (w *World) disown(args map[string]string, _ string) error {
	var err error
	for _, key := range w.sets() {
		if image := args["image"]; image == "" || w.set(key).Name == w.SetOf(image) {
			_, failed := w.API.Patch(setsResource, key, types.MergePatchType, []byte(`{"metadata":{"ownerReferences":null}}`), "", false)
			err = errors.Join(err, failed)
		}
	}
	return err
}

// SetOf is the name of the ReplicaSet of a version, "" if there is none.
func (w *World) SetOf(image string) string {
	for _, key := range w.sets() {
		if rs := w.set(key); rs.Spec.Template.Spec.Containers[0].Image == image && metav1.IsControlledBy(rs, w.Rollout()) {
			return rs.Name
		}
	}
	return ""
}

// doAnnotate sets annotations of a version's ReplicaSet, as another controller
// would.
func (w *World) doAnnotate(args map[string]string, input string) error {
	patch := []byte(`{"metadata":{"annotations":` + input + `}}`)
	_, err := w.API.Patch(setsResource, cache.NewObjectName(Namespace, w.SetOf(args["image"])), types.MergePatchType, patch, "", false)
	return err
}

// imageOf a hash, or the hash.
func (w *World) imageOf(hash string) string {
	for _, key := range w.sets() {
		if rs := w.set(key); rs.Labels[replicaset.HashLabel] == hash {
			return rs.Spec.Template.Spec.Containers[0].Image
		}
	}
	if hash == "" {
		return "any"
	}
	return "?" + hash
}
