// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

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
	ro := w.Rollout()
	ro.Spec.Template.Spec.Containers[0].Image = image
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"template": ro.Spec.Template}})
	must(err)
	return w.PatchSpec(string(data))
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

// DeleteRollout removes it, as after garbage collection of nothing.
func (w *World) DeleteRollout() error { return w.API.Delete(rolloutsResource, Key, false) }

// SetOf is the name of the ReplicaSet of a version, "" if there is none.
func (w *World) SetOf(image string) string {
	for _, key := range sortedKeys(w.API.objects[setsResource]) {
		if rs := w.set(key); rs.Spec.Template.Spec.Containers[0].Image == image {
			return rs.Name
		}
	}
	return ""
}

// imageOf a hash, or the hash.
func (w *World) imageOf(hash string) string {
	for _, key := range sortedKeys(w.API.objects[setsResource]) {
		if rs := w.set(key); rs.Labels[replicaset.HashLabel] == hash {
			return rs.Spec.Template.Spec.Containers[0].Image
		}
	}
	if hash == "" {
		return "any"
	}
	return "?" + hash
}

// Show says in a few lines what a user would see.
func (w *World) Show() string {
	ro := w.Rollout()
	var b strings.Builder
	if ro == nil {
		b.WriteString("no rollout\n")
		w.showServices(&b, "stable", "canary")
		return b.String()
	}
	_, p := w.Plan()
	at := "-"
	if i := ro.Status.CurrentStepIndex; i != nil {
		at = fmt.Sprint(*i)
	}
	fmt.Fprintf(&b, "%s: %s %s/%d", p.Rule, ro.Status.Phase, at, len(ro.Spec.Strategy.Canary.Steps))
	if ro.Status.Message != "" {
		fmt.Fprintf(&b, " (%s)", ro.Status.Message)
	}
	b.WriteString("\n")
	for _, key := range w.setsByNumber() {
		rs := w.set(key)
		fmt.Fprintf(&b, "  %s %d/%d", rs.Spec.Template.Spec.Containers[0].Image, rs.Status.AvailableReplicas, *rs.Spec.Replicas)
		if rs.Labels[replicaset.HashLabel] == ro.Status.StableRS {
			b.WriteString(" stable")
		}
		if d := rs.Annotations[v1alpha1.ScaleDownDeadlineAnnotation]; d != "" {
			b.WriteString(" until " + d[11:19])
		}
		b.WriteString("\n")
	}
	w.showServices(&b, ro.Spec.Strategy.Canary.StableService, ro.Spec.Strategy.Canary.CanaryService)
	if blocked := ro.Status.BlockedOn; blocked != nil {
		fmt.Fprintf(&b, "  blocked: %s %s has %s, wants %s\n", blocked.Gate, w.named(blocked.Object), w.named(blocked.Have), w.named(blocked.Want))
	}
	for _, e := range w.Events() {
		fmt.Fprintf(&b, "  event: %s\n", w.named(e))
	}
	return b.String()
}

func (w *World) setsByNumber() []cache.ObjectName {
	keys := sortedKeys(w.API.objects[setsResource])
	slices.SortStableFunc(keys, func(a, b cache.ObjectName) int {
		return strings.Compare(w.set(a).Annotations[v1alpha1.RevisionAnnotation], w.set(b).Annotations[v1alpha1.RevisionAnnotation])
	})
	return keys
}

// showServices tells what each role Service selects, and its weight.
func (w *World) showServices(b *strings.Builder, stable, canary string) {
	t := truth{weight: map[string]int32{}}
	var routes []string
	for _, resource := range []string{"httproutes", "virtualservices"} {
		for gvr, objects := range w.API.objects {
			if gvr.Resource != resource {
				continue
			}
			for _, key := range sortedKeys(objects) {
				t.read(objects[key])
				routes = append(routes, managedNames(objects[key])...)
			}
		}
	}
	for _, name := range []string{stable, canary} {
		obj := w.API.objects[servicesResource][cache.NewObjectName(Namespace, name)]
		if obj == nil {
			continue
		}
		hash, _, _ := unstructured.NestedString(obj.Object, "spec", "selector", replicaset.HashLabel)
		fmt.Fprintf(b, "  %s -> %s", name, w.imageOf(hash))
		if len(t.weight) > 0 {
			fmt.Fprintf(b, " weight %d", t.weight[name])
		}
		b.WriteString("\n")
	}
	if len(routes) > 0 {
		fmt.Fprintf(b, "  routes: %s\n", strings.Join(routes, " "))
	}
}

func managedNames(obj *unstructured.Unstructured) []string {
	rules, _, _ := unstructured.NestedSlice(obj.Object, "spec", "rules")
	http, _, _ := unstructured.NestedSlice(obj.Object, "spec", "http")
	var names []string
	for _, r := range append(rules, http...) {
		if name, _ := r.(map[string]any)["name"].(string); name != "" && name != "main" {
			names = append(names, name)
		}
	}
	return names
}

// named replaces hashes by images, so that stories do not depend on them.
func (w *World) named(text string) string {
	for _, key := range sortedKeys(w.API.objects[setsResource]) {
		rs := w.set(key)
		text = strings.ReplaceAll(text, rs.Labels[replicaset.HashLabel], rs.Spec.Template.Spec.Containers[0].Image)
	}
	return text
}
