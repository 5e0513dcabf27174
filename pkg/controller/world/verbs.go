// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"fmt"
	"strings"

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

// doPoint lets a Service select another version, as a user might.
func (w *World) doPoint(args map[string]string, _ string) error {
	hash := w.API.objects[setsResource][cache.NewObjectName(Namespace, w.SetOf(args["image"]))].GetLabels()[replicaset.HashLabel]
	patch := []byte(`{"spec":{"selector":{"` + replicaset.HashLabel + `":"` + hash + `"}}}`)
	_, err := w.API.Patch(servicesResource, cache.NewObjectName(Namespace, args["service"]), types.MergePatchType, patch, "", false)
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

// route is the route object of the world.
func (w *World) route() (key cache.ObjectName, resource schema.GroupVersionResource, found bool) {
	for resource, objects := range w.API.objects {
		if !isRoute(resource) {
			continue
		}
		for key := range objects {
			return key, resource, true
		}
	}
	return key, resource, false
}

// Revert writes the weights of the HTTPRoute back to what the user's manifest
// says, as a GitOps tool does.
func (w *World) Revert(by string) error {
	key, resource, found := w.route()
	if !found {
		return fmt.Errorf("no route to revert")
	}
	var manifest map[string]any
	must(yaml.Unmarshal([]byte(httpRoute), &manifest))
	patch := map[string]any{"spec": manifest["spec"], "metadata": map[string]any{"managedFields": []any{
		map[string]any{"manager": by, "operation": "Update", "time": w.API.Now()},
	}}}
	data, err := json.Marshal(patch)
	must(err)
	_, err = w.API.Patch(resource, key, types.MergePatchType, data, "", false)
	return err
}
