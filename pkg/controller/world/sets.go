// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/tools/cache"
)

// doPlant makes the ReplicaSet that a deploy of image would make, but for its
// template, which is that of another version, and its owner: "none", "gone"
// (a deleted Rollout of this name) or "rollout"; of=other names it after another
// Rollout. What is there already stays.
func (w *World) doPlant(args map[string]string, _ string) error {
	ro := w.resolved()
	template := ro.Spec.Template.DeepCopy()
	template.Spec.Containers[0].Image = args["image"]
	hash := replicaset.TemplateHash(template, ro.Status.CollisionCount)
	template.Spec.Containers[0].Image = args["template"]
	labelled := replicaset.Labelled(template, hash)
	rs := &appsv1.ReplicaSet{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: Namespace, Name: replicaset.Name(cmp.Or(args["of"], Name), hash), Labels: labelled.Labels,
			Annotations: map[string]string{v1alpha1.RevisionAnnotation: "0"},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: new(int32), Selector: replicaset.Selector(ro.Spec.Selector, hash), Template: labelled},
	}
	if args["owner"] != "none" {
		ref := metav1.NewControllerRef(ro, v1alpha1.SchemeGroupVersion.WithKind("Rollout"))
		if args["owner"] == "gone" {
			ref.UID = "another"
		}
		rs.OwnerReferences = []metav1.OwnerReference{*ref}
	}
	if w.API.objects[setsResource][cache.MetaObjectToName(rs)] == nil {
		w.put(setsResource, rs)
	}
	return nil
}

// removeSet deletes the ReplicaSet of a version. slowly only begins with it, as
// a delete in the foreground does.
func (w *World) removeSet(image string, slowly bool) error {
	key := cache.NewObjectName(Namespace, w.SetOf(image))
	if !slowly {
		return w.API.Delete(setsResource, key, false)
	}
	patch := fmt.Sprintf(`{"metadata":{"deletionTimestamp":%q}}`, w.API.Now().UTC().Format(time.RFC3339))
	_, err := w.API.Patch(setsResource, key, types.MergePatchType, []byte(patch), "", false)
	return err
}

// doRehash makes everything look as another build, or another controller, would
// have left it: it has other hashes for the same templates, and writes fields
// that say nothing. With as=legacy they are those of long ago; a label stands
// for what a webhook has put into the templates.
func (w *World) doRehash(args map[string]string, _ string) error {
	hashes := map[string]string{}
	for _, key := range w.sets() {
		hash := w.set(key).Labels[replicaset.HashLabel]
		hashes[hash] = "o" + hash
		if args["as"] == "legacy" {
			template := w.resolved().Spec.Template.DeepCopy()
			template.Spec.Containers[0].Image = w.set(key).Spec.Template.Spec.Containers[0].Image
			hashes[hash] = replicaset.LegacyTemplateHash(template, nil)
		}
	}
	for resource, objects := range w.API.objects {
		renamed := map[cache.ObjectName]*unstructured.Unstructured{}
		for key, obj := range objects {
			for old, other := range hashes {
				obj = replaced(obj, old, other)
			}
			if resource == setsResource {
				must(unstructured.SetNestedField(obj.Object, nil, "spec", "template", "metadata", "creationTimestamp"))
				if label := args["label"]; label != "" {
					must(unstructured.SetNestedField(obj.Object, "yes", "spec", "template", "metadata", "labels", label))
				}
			}
			renamed[cache.NewObjectName(key.Namespace, obj.GetName())] = obj
		}
		w.API.objects[resource] = renamed
	}
	w.remember()
	w.Restart()
	return nil
}

func replaced(obj *unstructured.Unstructured, old, other string) *unstructured.Unstructured {
	data, err := json.Marshal(obj.Object)
	must(err)
	out := &unstructured.Unstructured{}
	must(utiljson.Unmarshal([]byte(strings.ReplaceAll(string(data), old, other)), &out.Object))
	return out
}

// ShowRevisions tells the number of each revision, and those that it had
// before.
func (w *World) ShowRevisions() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Rollout: revision %s\n", w.Rollout().Annotations[v1alpha1.RevisionAnnotation])
	for _, key := range w.setsByNumber() {
		rs := w.set(key)
		fmt.Fprintf(&b, "%s: revision %s", rs.Spec.Template.Spec.Containers[0].Image, rs.Annotations[v1alpha1.RevisionAnnotation])
		if history := rs.Annotations[v1alpha1.RevisionHistoryAnnotation]; history != "" {
			fmt.Fprintf(&b, ", before %s", history)
		}
		b.WriteString("\n")
	}
	return b.String()
}
