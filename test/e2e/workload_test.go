// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// templateOwner is the resource of what the template is taken from.
func (s *shop) templateOwner() schema.GroupVersionResource {
	switch s.workload {
	case "":
		return v1alpha1.SchemeGroupVersion.WithResource("rollouts")
	case v1alpha1.WorkloadPodTemplate:
		return corev1.SchemeGroupVersion.WithResource("podtemplates")
	default:
		return appsv1.SchemeGroupVersion.WithResource(strings.ToLower(s.workload) + "s")
	}
}

// templatePath is the JSON pointer to the template in it.
func (s *shop) templatePath() string {
	if s.workload == v1alpha1.WorkloadPodTemplate {
		return "/template"
	}
	return "/spec/template"
}

func (s *shop) reference() string {
	text := fmt.Sprintf("apiVersion: %s, kind: %s, name: %s", s.templateOwner().GroupVersion(), s.workload, name)
	if s.workload == v1alpha1.WorkloadDeployment {
		text += ", scaleDown: progressively"
	}
	return text
}

// workloadManifest has pods of its own where it is a Deployment.
func (s *shop) workloadManifest() string {
	head := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\n", s.templateOwner().GroupVersion(), s.workload, name)
	template := "template: " + podTemplate("v1", s.env) + "\n"
	if s.workload == v1alpha1.WorkloadPodTemplate {
		return head + template
	}
	size := 0
	if s.workload == v1alpha1.WorkloadDeployment {
		size = s.replicas
	}
	return head + fmt.Sprintf("spec:\n  replicas: %d\n  selector: {matchLabels: {app: web}}\n  %s", size, template)
}

// deployWorkload replaces the template of the workload.
func (s *shop) deployWorkload(template string) {
	s.t.Helper()
	patch, err := yaml.YAMLToJSON(fmt.Appendf(nil, "[{op: replace, path: %s, value: %s}]", s.templatePath(), template))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := all.dynamic.Resource(s.templateOwner()).Namespace(s.ns).Patch(s.t.Context(), name, types.JSONPatchType, patch, patchOptions); err != nil {
		s.t.Fatal(err)
	}
}

// stored is the workload as the API server has it.
func (s *shop) stored() *unstructured.Unstructured {
	s.t.Helper()
	o, err := all.dynamic.Resource(s.templateOwner()).Namespace(s.ns).Get(s.t.Context(), name, getOptions)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// A Rollout follows what its workloadRef names, for each kind that there is;
// set image and undo of the plugin write there, and nothing writes the template
// into the Rollout. What a Deployment had of its own gives way.
func TestWorkloadRef(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{v1alpha1.WorkloadDeployment, v1alpha1.WorkloadReplicaSet, v1alpha1.WorkloadPodTemplate} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newHealthyShop(t, order{router: services, steps: quarters, workload: kind})
			s.shows("Healthy 4/4; v1 4/4; stable v1, canary v1")
			s.hasNoPods()
			s.observes()
			s.deploy("v2")
			s.shows("Paused 1/4; v1 3/3, v2 1/1; stable v1, canary v2")
			s.promoteFull()
			s.shows("Healthy 4/4; v2 4/4; stable v2, canary v2")
			s.undo("1")
			s.shows("Paused 1/4; v1 1/1, v2 3/3; stable v2, canary v1")
			s.observes()
			ro := s.rollout()
			if len(ro.Spec.Template.Spec.Containers) > 0 || ro.Spec.Selector != nil || ro.Status.Selector != "app=web" {
				t.Errorf("the spec has got a template or a selector, or status has no selector: %+v, %q", ro.Spec, ro.Status.Selector)
			}
			if err := all.dynamic.Resource(s.templateOwner()).Namespace(s.ns).Delete(t.Context(), name, deleteOptions); err != nil {
				t.Fatal(err)
			}
			s.says(kind + " " + s.ns + "/web does not exist; create it")
			s.abort()
			s.shows("Degraded 0/4; v2 4/4; stable v2, canary v2")
		})
	}
}

// hasNoPods waits until the workload is to have no pods of its own.
func (s *shop) hasNoPods() {
	s.t.Helper()
	eventually(s.t, func() error {
		if size, _, _ := unstructured.NestedInt64(s.stored().Object, "spec", "replicas"); size != 0 {
			return fmt.Errorf("the %s is to have %d pods of its own", s.workload, size)
		}
		return nil
	})
}

// observes waits until status is about the workload as it is stored.
func (s *shop) observes() {
	s.t.Helper()
	eventually(s.t, func() error {
		ro, generation := s.rollout(), strconv.FormatInt(s.stored().GetGeneration(), 10)
		if annotated := ro.Annotations[v1alpha1.WorkloadGenerationAnnotation]; annotated != generation || ro.Status.WorkloadObservedGeneration != generation {
			return fmt.Errorf("generation %s of the %s, annotated %q, observed %q", generation, s.workload, annotated, ro.Status.WorkloadObservedGeneration)
		}
		return nil
	})
}
