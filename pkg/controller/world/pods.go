// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// react is what the rest of a cluster does about a write: the ReplicaSet
// controller has pods at once, the EndpointSlice controller lists them, and
// the data plane acknowledges.
func (w *World) react(write Write) {
	switch write.Resource {
	case setsResource, servicesResource, deploymentsResource:
		w.Pods()
	case rolloutsResource:
		w.podObjects()
	case slicesResource, podsResource, podTemplatesResource:
	default:
		if write.After != nil && !w.mute[write.Resource.Resource] {
			w.Ack(write.Resource, write.Key)
		}
	}
}

// All pods that a ReplicaSet has or will have are ready.
const All = -1

// Ready says how many pods of a version are ready from now on; fewer than
// there are, if there are fewer.
func (w *World) Ready(image string, pods int32) {
	w.ready[image] = pods
	delete(w.evicted, image)
	w.Pods()
}

// Pods brings the status of every ReplicaSet and the endpoints of every
// Service up to date.
func (w *World) Pods() {
	w.podObjects()
	for _, key := range w.sets() {
		if w.asleep[setsResource.Resource] {
			break
		}
		rs := w.set(key)
		ready := w.readyOf(rs)
		status := appsv1.ReplicaSetStatus{
			Replicas: max(ready, *rs.Spec.Replicas), ReadyReplicas: ready, AvailableReplicas: ready, ObservedGeneration: rs.Generation,
		}
		if equality.Semantic.DeepEqual(status, rs.Status) {
			continue
		}
		w.patchStatus(setsResource, key, map[string]any{
			"replicas": status.Replicas, "readyReplicas": status.ReadyReplicas,
			"availableReplicas": status.AvailableReplicas, "observedGeneration": status.ObservedGeneration,
		})
	}
	for _, key := range sortedKeys(w.API.objects[servicesResource]) {
		if w.asleep[slicesResource.Resource] {
			break
		}
		w.endpoints(key)
	}
}

func (w *World) set(key cache.ObjectName) *appsv1.ReplicaSet {
	return w.API.set(w.API.objects[setsResource][key])
}

func (w *World) readyOf(rs *appsv1.ReplicaSet) int32 {
	if rs.DeletionTimestamp != nil {
		return 0
	}
	ready := w.ready[rs.Spec.Template.Spec.Containers[0].Image]
	if ready == All {
		ready = *rs.Spec.Replicas
	}
	if ready = min(ready, *rs.Spec.Replicas); w.asleep["kubelets"] {
		return max(ready, rs.Status.ReadyReplicas)
	}
	return ready
}

func (w *World) patchStatus(resource schema.GroupVersionResource, key cache.ObjectName, status map[string]any) {
	patch, err := json.Marshal(map[string]any{"status": status})
	must(err)
	_, err = w.API.Patch(resource, key, types.MergePatchType, patch, "status", false)
	must(err)
}

// endpoints lists the pods that a Service selects.
func (w *World) endpoints(service cache.ObjectName) {
	selector := w.API.service(w.API.objects[servicesResource][service]).Spec.Selector
	slice := &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: service.Namespace, Name: service.Name + "-1",
			Labels: map[string]string{discoveryv1.LabelServiceName: service.Name},
		},
		Endpoints: []discoveryv1.Endpoint{},
	}
	for _, pod := range w.podsBehind(selector) {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{"10.0.0.1"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod},
		})
	}
	w.put(slicesResource, slice)
}

// podsBehind are the ready pods that a selector selects: those of workloads too,
// while it names no revision.
func (w *World) podsBehind(selector map[string]string) []string {
	hash, narrowed := selector[replicaset.HashLabel]
	var pods []string
	if !narrowed {
		pods = w.podsOfWorkloads()
	}
	for _, key := range w.sets() {
		rs := w.set(key)
		if narrowed && hash != rs.Labels[replicaset.HashLabel] {
			continue
		}
		for i := range w.readyOf(rs) {
			pods = append(pods, fmt.Sprintf("%s-%05d", rs.Name, i))
		}
	}
	return pods
}

// put creates an object, or makes it what it should be.
func (w *World) put(resource schema.GroupVersionResource, obj interface {
	GetNamespace() string
	GetName() string
},
) {
	data, err := json.Marshal(obj)
	must(err)
	u := &unstructured.Unstructured{}
	must(u.UnmarshalJSON(data))
	key := cache.NewObjectName(u.GetNamespace(), u.GetName())
	if w.API.objects[resource][key] == nil {
		_, err = w.API.Create(resource, u, false)
	} else {
		_, err = w.API.Patch(resource, key, types.MergePatchType, data, "", false)
	}
	must(err)
}

func sortedKeys(objects map[cache.ObjectName]*unstructured.Unstructured) []cache.ObjectName {
	return slices.SortedFunc(maps.Keys(objects), func(a, b cache.ObjectName) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
}
