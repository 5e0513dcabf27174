// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
)

// podObjects makes the pods of every ReplicaSet, from its template as it is
// now, and takes away those that are too many. Pods are numbers until a rollout
// gives them metadata of their own, or restarts them: most have no use for more.
func (w *World) podObjects() {
	for _, key := range sortedKeys(w.API.objects[podsResource]) {
		if owner := metav1.GetControllerOf(w.pod(key)).Name; w.API.objects[setsResource][cache.NewObjectName(Namespace, owner)] == nil {
			must(w.API.Delete(podsResource, key, false)) // collected as garbage
		}
	}
	ro := w.Rollout()
	if ro == nil || ro.Spec.Strategy.Canary == nil || w.asleep[setsResource.Resource] {
		return
	}
	if c := ro.Spec.Strategy.Canary; c.CanaryMetadata == nil && c.StableMetadata == nil && ro.Spec.RestartAt == nil && len(w.API.objects[podsResource]) == 0 {
		return
	}
	for _, key := range w.sets() {
		rs := w.set(key)
		for i := range *rs.Spec.Replicas {
			if name := podName(rs, i); w.API.objects[podsResource][cache.NewObjectName(Namespace, name)] == nil {
				w.put(podsResource, newPod(rs, name))
			}
		}
		for _, pod := range sortedKeys(w.API.objects[podsResource]) {
			if strings.HasPrefix(pod.Name, rs.Name+"-") && pod.Name >= podName(rs, *rs.Spec.Replicas) {
				must(w.API.Delete(podsResource, pod, false))
			}
		}
	}
}

func podName(rs *appsv1.ReplicaSet, i int32) string { return fmt.Sprintf("%s-%05d", rs.Name, i) }

func newPod(rs *appsv1.ReplicaSet, name string) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: rs.Namespace, Name: name, Labels: rs.Spec.Template.Labels, Annotations: rs.Spec.Template.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		},
		Spec: rs.Spec.Template.Spec,
	}
}

// listPods answers a list request; no other lists are asked for.
func (w *World) listPods(action clienttesting.Action) (bool, runtime.Object, error) {
	w.podLists++
	selector := action.(clienttesting.ListAction).GetListRestrictions().Labels
	list := &corev1.PodList{}
	for _, key := range sortedKeys(w.API.objects[podsResource]) {
		if pod := w.pod(key); selector.Matches(labels.Set(pod.Labels)) {
			list.Items = append(list.Items, *w.readied(pod))
		}
	}
	return true, list, nil
}

// readied is a pod with its condition: the oldest of a ReplicaSet are ready, as
// many as it has ready.
func (w *World) readied(pod *corev1.Pod) *corev1.Pod {
	owner := metav1.GetControllerOf(pod).Name
	older := int32(0)
	for _, key := range sortedKeys(w.API.objects[podsResource]) {
		if p := w.pod(key); metav1.GetControllerOf(p).Name == owner && before(p, pod) {
			older++
		}
	}
	pod = pod.DeepCopy()
	if older < w.readyOf(w.set(cache.NewObjectName(pod.Namespace, owner))) {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	return pod
}

func before(a, b *corev1.Pod) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}

// evictPod answers a request to evict: the pod goes, and another takes its
// place, which is not ready before a story says so. No more than maxUnavailable
// of a version may be gone at a time, but one always; and the last one that is
// ready is not taken where there are others.
func (w *World) evictPod(action clienttesting.Action) (bool, runtime.Object, error) {
	create, ok := action.(clienttesting.CreateActionImpl)
	if !ok || action.GetSubresource() != "eviction" {
		return false, nil, nil
	}
	key := cache.NewObjectName(action.GetNamespace(), create.GetObject().(metav1.Object).GetName())
	if w.API.objects[podsResource][key] == nil {
		return true, nil, apierrors.NewNotFound(podsResource.GroupResource(), key.Name)
	}
	owner := metav1.GetControllerOf(w.pod(key)).Name
	rs := w.set(cache.NewObjectName(key.Namespace, owner))
	image := rs.Spec.Template.Spec.Containers[0].Image
	left, size := w.readyOf(rs), w.leastOf(rs)
	if len(w.readied(w.pod(key)).Status.Conditions) > 0 {
		left--
	}
	if budget := w.mostGone(); left < size-budget {
		w.Breaches = append(w.Breaches, fmt.Sprintf("evicted: %s has %d of %d pods left, and a budget of %d", image, left, size, budget))
	}
	if left == 0 && size > 1 {
		w.Breaches = append(w.Breaches, fmt.Sprintf("evicted: the last of %d pods of %s that was ready", size, image))
	}
	if _, evicted := w.evicted[image]; w.replaces && !evicted {
		w.evicted[image] = w.ready[image]
	}
	w.ready[image] = left
	must(w.API.Delete(podsResource, key, false))
	w.Pods()
	return true, nil, nil
}

// mostGone is how many pods of a version an eviction may take at a time.
func (w *World) mostGone() int32 {
	most := max(1, w.Rollout().Spec.MaxUnavailable())
	for _, s := range w.history {
		if ro := s.rollout(); ro != nil {
			most = max(most, ro.Spec.MaxUnavailable())
		}
	}
	return most
}

// leastOf the sizes of a ReplicaSet that an eviction may rest on.
func (w *World) leastOf(rs *appsv1.ReplicaSet) int32 {
	size := *rs.Spec.Replicas
	for _, s := range w.history {
		if older := s.objects[setsResource][cache.MetaObjectToName(rs)]; older != nil {
			size = min(size, *w.API.set(older).Spec.Replicas)
		}
	}
	return size
}

// replace makes the pods ready that have taken the place of evicted ones, where
// nobody has said how many are ready since.
func (w *World) replace() {
	for image, ready := range w.evicted {
		w.ready[image] = ready
	}
	if len(w.evicted) > 0 {
		clear(w.evicted)
		w.Pods()
	}
}

// doLabelPods is what somebody else does to every pod.
func (w *World) doLabelPods(args map[string]string, _ string) error {
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, args["key"], args["value"])
	for _, key := range sortedKeys(w.API.objects[podsResource]) {
		if _, err := w.API.Patch(podsResource, key, types.MergePatchType, []byte(patch), "", false); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) pod(key cache.ObjectName) *corev1.Pod {
	return decoded[*corev1.Pod](w.API, podsResource, w.API.objects[podsResource][key])
}

// checkPod: of a pod, only labels and annotations are changed, and never those
// by which its ReplicaSet knows it.
func (w *World) checkPod(t truth, write Write, breach breachFunc) {
	if write.Before == nil || write.After == nil {
		return
	}
	before, after := write.Before.DeepCopy(), write.After.DeepCopy()
	hash := before.GetLabels()[replicaset.HashLabel]
	for key, value := range t.sets[hash].Spec.Selector.MatchLabels {
		if after.GetLabels()[key] != value {
			breach("INV-11: label %s=%s is gone", key, value)
		}
	}
	for _, u := range []*unstructured.Unstructured{before, after} {
		u.SetLabels(nil)
		u.SetAnnotations(nil)
		u.SetResourceVersion("")
	}
	if !reflect.DeepEqual(before.Object, after.Object) {
		breach("INV-11: more than metadata is changed")
	}
}

// unlike names a pod that lacks what the template of its ReplicaSet has, or a
// ReplicaSet whose metadata is not that of its part; "" for none.
func (w *World) unlike() string {
	ro := w.Rollout()
	for _, key := range w.sets() {
		rs := w.set(key)
		var wanted *v1alpha1.PodTemplateMetadata
		switch rs.Labels[replicaset.HashLabel] {
		case ro.Status.StableRS:
			wanted = ro.Spec.Strategy.Canary.StableMetadata
		case ro.Status.CurrentPodHash:
			wanted = ro.Spec.Strategy.Canary.CanaryMetadata
		}
		if wanted != nil && !has(rs.Spec.Template.Labels, wanted.Labels) {
			return fmt.Sprintf("%s has %v, wants %v", rs.Name, rs.Spec.Template.Labels, wanted.Labels)
		}
		for _, podKey := range sortedKeys(w.API.objects[podsResource]) {
			if pod := w.pod(podKey); metav1.IsControlledBy(pod, rs) && !maps.Equal(pod.Labels, rs.Spec.Template.Labels) {
				return fmt.Sprintf("pod %s has %v, its template %v", pod.Name, pod.Labels, rs.Spec.Template.Labels)
			}
		}
	}
	return ""
}

func has(all, some map[string]string) bool {
	for key, value := range some {
		if all[key] != value {
			return false
		}
	}
	return true
}

// ShowPods tells the metadata of the pods of each revision, of the template
// that new ones are made from, and how often pods were listed since the last
// time.
func (w *World) ShowPods() string {
	var b strings.Builder
	for _, key := range w.setsByNumber() {
		rs := w.set(key)
		pods := map[string]int{}
		for _, podKey := range sortedKeys(w.API.objects[podsResource]) {
			if pod := w.pod(podKey); metav1.IsControlledBy(pod, rs) {
				pods[described(pod.Labels, pod.Annotations)]++
			}
		}
		fmt.Fprintf(&b, "%s template %s\n", rs.Spec.Template.Spec.Containers[0].Image, described(rs.Spec.Template.Labels, rs.Spec.Template.Annotations))
		if affinity := rs.Spec.Template.Spec.Affinity; affinity != nil {
			terms, err := json.Marshal(affinity.PodAntiAffinity)
			must(err)
			fmt.Fprintf(&b, "  apart %s\n", w.named(string(terms)))
		}
		for _, metadata := range slices.Sorted(maps.Keys(pods)) {
			fmt.Fprintf(&b, "  %d pods %s\n", pods[metadata], metadata)
		}
		if note := rs.Annotations[v1alpha1.EphemeralMetadataAnnotation]; note != "" {
			fmt.Fprintf(&b, "  noted %s\n", note)
		}
	}
	fmt.Fprintf(&b, "pods listed %d times\n", w.podLists)
	w.podLists = 0
	return b.String()
}

// described is labels and annotations without those that are always there.
func described(labels, annotations map[string]string) string {
	var all []string
	for key, value := range labels {
		if key != "app" && key != replicaset.HashLabel {
			all = append(all, key+"="+value)
		}
	}
	for key, value := range annotations {
		all = append(all, "@"+key+"="+value)
	}
	slices.Sort(all)
	return "[" + strings.Join(all, " ") + "]"
}
