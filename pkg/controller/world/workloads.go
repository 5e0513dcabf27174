// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

var (
	deploymentsResource  = appsv1.SchemeGroupVersion.WithResource("deployments")
	podTemplatesResource = corev1.SchemeGroupVersion.WithResource("podtemplates")
)

// workloadResources are what a Rollout can refer to, by kind.
var workloadResources = map[string]schema.GroupVersionResource{
	v1alpha1.WorkloadDeployment:  deploymentsResource,
	v1alpha1.WorkloadReplicaSet:  setsResource,
	v1alpha1.WorkloadPodTemplate: podTemplatesResource,
}

// templatePath of each resource that has a pod template.
func templatePath(resource schema.GroupVersionResource) []string {
	if resource == podTemplatesResource {
		return []string{"template"}
	}
	return []string{"spec", "template"}
}

// sets are the ReplicaSets of Rollouts, without those of anybody else.
func (w *World) sets() []cache.ObjectName {
	var owned []cache.ObjectName
	for _, key := range sortedKeys(w.API.objects[setsResource]) {
		if w.set(key).Labels[replicaset.HashLabel] != "" {
			owned = append(owned, key)
		}
	}
	return owned
}

// workload is what the Rollout refers to, nil if there is no such object.
func (w *World) workload() *observe.Workload {
	return state{api: w.API, objects: w.API.objects}.workload()
}

func (s state) workload() *observe.Workload {
	ro := s.rollout()
	if ro == nil || ro.Spec.WorkloadRef == nil {
		return nil
	}
	resource := workloadResources[ro.Spec.WorkloadRef.Kind]
	obj := s.objects[resource][cache.NewObjectName(Namespace, ro.Spec.WorkloadRef.Name)]
	if obj == nil {
		return nil
	}
	return s.api.workload(resource, obj)
}

func (a *API) workload(resource schema.GroupVersionResource, obj *unstructured.Unstructured) *observe.Workload {
	return observe.WorkloadOf(decoded[runtime.Object](a, resource, obj))
}

// resolved is the Rollout with the template and the selector that its pods have.
func (w *World) resolved() *v1alpha1.Rollout {
	ro := w.Rollout().DeepCopy()
	if seen := w.workload(); seen != nil {
		ro.Spec.Template, ro.Spec.Selector = *seen.Template.DeepCopy(), seen.Selector.DeepCopy()
	}
	return ro
}

// template patches the pod template that the Rollout is made from: its own, or
// that of what it refers to.
func (w *World) template(patch func(*corev1.PodTemplateSpec)) error {
	ro := w.resolved()
	resource, key, template := rolloutsResource, Key, &ro.Spec.Template
	if ref := ro.Spec.WorkloadRef; ref != nil {
		if w.workload() == nil {
			return fmt.Errorf("no %s %s", ref.Kind, ref.Name)
		}
		resource, key = workloadResources[ref.Kind], cache.NewObjectName(Namespace, ref.Name)
	}
	patch(template)
	path := "/" + strings.Join(templatePath(resource), "/")
	data, err := json.Marshal([]map[string]any{{"op": "replace", "path": path, "value": template}})
	must(err)
	_, err = w.API.Patch(resource, key, types.JSONPatchType, data, "", false)
	return err
}

// doMigrate deploys a workload of 10 pods v1, and a Rollout that refers to it:
// migrate kind=Deployment scaleDown=onsuccess replicas=10.
func (w *World) doMigrate(args map[string]string, input string) error {
	ref := fmt.Sprintf("{apiVersion: %s, kind: %s, name: web", "apps/v1", v1alpha1.WorkloadDeployment)
	kind := cmp.Or(args["kind"], v1alpha1.WorkloadDeployment)
	manifest := fmt.Sprintf(workloadManifest, "apps/v1", kind)
	switch kind {
	case v1alpha1.WorkloadReplicaSet:
		ref = "{apiVersion: apps/v1, kind: ReplicaSet, name: web"
	case v1alpha1.WorkloadPodTemplate:
		ref = "{apiVersion: v1, kind: PodTemplate, name: web"
		manifest = podTemplateManifest
	}
	if down := args["scaleDown"]; down != "" {
		ref += ", scaleDown: " + down
	}
	if err := w.Apply(manifest); err != nil {
		return err
	}
	shop := strings.Replace(Shop(args["mesh"], input), ownTemplate, "  workloadRef: "+ref+"}\n", 1)
	return w.Apply(strings.Replace(shop, "replicas: 10", "replicas: "+cmp.Or(args["replicas"], "10"), 1))
}

const workloadManifest = `
apiVersion: %s
kind: %s
metadata: {name: web}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: v1}]}
`

const podTemplateManifest = `
apiVersion: v1
kind: PodTemplate
metadata: {name: web}
template:
  metadata: {labels: {app: web}}
  spec: {containers: [{name: web, image: v1}]}
`

// doResize scales the workload, as a user or its autoscaler would.
func (w *World) doResize(args map[string]string, _ string) error {
	seen := w.workload()
	if seen == nil {
		return fmt.Errorf("no workload")
	}
	_, err := w.API.Patch(workloadResources[seen.Kind], cache.NewObjectName(Namespace, seen.Name), types.MergePatchType,
		[]byte(`{"spec":{"replicas":`+args["to"]+`}}`), "", false)
	return err
}

// podsOfWorkloads are those of Deployments and ReplicaSets that no Rollout made.
// All of them are ready.
func (w *World) podsOfWorkloads() []string {
	var pods []string
	for _, resource := range []schema.GroupVersionResource{deploymentsResource, setsResource} {
		for _, key := range sortedKeys(w.API.objects[resource]) {
			obj := w.API.objects[resource][key]
			if obj.GetLabels()[replicaset.HashLabel] != "" {
				continue
			}
			for i := range w.API.workload(resource, obj).Size {
				pods = append(pods, fmt.Sprintf("%s-6d4cf56db6-%05d", key.Name, i))
			}
		}
	}
	return pods
}

func (w *World) showWorkload(b *strings.Builder) {
	if seen := w.workload(); seen != nil {
		fmt.Fprintf(b, "  %s %s %d", seen.Kind, seen.Template.Spec.Containers[0].Image, seen.Size)
		annotated, observed := w.Rollout().Annotations[v1alpha1.WorkloadGenerationAnnotation], w.Rollout().Status.WorkloadObservedGeneration
		if generation := fmt.Sprint(seen.Generation); annotated != generation || observed != generation {
			fmt.Fprintf(b, ", generation %s, annotated %s, observed %s", generation, annotated, observed)
		}
		b.WriteString("\n")
	}
}
