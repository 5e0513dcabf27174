// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Pods that run carry the metadata of their revision's part, without being
// made anew.
func TestMetadata(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: gateway, steps: half1, canary: soon})
	first := podNames(s.pods())
	const both = `{canaryMetadata: {labels: {part: canary}, annotations: {example.com/trial: "yes"}}, stableMetadata: {labels: {part: stable}}}`
	s.patch("spec: {strategy: {canary: " + both + "}}")
	s.carry("v1", "part=stable", 4)
	if now := podNames(s.pods()); !slices.Equal(first, now) {
		t.Errorf("pods %v have become %v", first, now)
	}

	s.deploy("v2")
	s.shows("Paused 1/2; v1 4/4, v2 2/2; stable v1, canary v2, 50/50")
	s.carry("v2", "part=canary,example.com/trial=yes", 2)
	canaries := s.podsOf("v2")
	s.patch(`spec: {strategy: {canary: {canaryMetadata: {labels: {part: trial}}}}}`)
	s.carry("v2", "part=trial,example.com/trial=yes", 2)
	s.carry("v1", "part=stable", 4)

	s.resume()
	s.shows("Healthy 2/2; v2 4/4; stable v2, canary v2, 100/0")
	s.carry("v2", "part=stable", 4)
	for _, pod := range podNames(canaries) {
		if !slices.Contains(podNames(s.podsOf("v2")), pod) {
			t.Errorf("pod %s was lost", pod)
		}
	}
	s.patch(`spec: {strategy: {canary: {canaryMetadata: null, stableMetadata: null}}}`)
	s.carry("v2", "", 4)
	var sets appsv1.ReplicaSetList
	s.read("/apis/apps/v1/namespaces/"+s.ns+"/replicasets", &sets)
	if len(sets.Items) != 2 {
		t.Errorf("%d ReplicaSets, want 2", len(sets.Items))
	}
	noBreach(t, s.ns)
}

// carry waits until so many pods of a version, and no others, have metadata.
func (s *shop) carry(version, metadata string, pods int) {
	s.t.Helper()
	eventually(s.t, func() error {
		have := map[string]int{}
		for _, pod := range s.podsOf(version) {
			have[partOf(pod)]++
		}
		if want := map[string]int{metadata: pods}; !maps.Equal(have, want) {
			return fmt.Errorf("pods of %s carry %v, want %v", version, have, want)
		}
		return nil
	})
}

// partOf is what a pod carries of the metadata of these tests.
func partOf(pod corev1.Pod) string {
	var all []string
	if part, ok := pod.Labels["part"]; ok {
		all = append(all, "part="+part)
	}
	if trial, ok := pod.Annotations["example.com/trial"]; ok {
		all = append(all, "example.com/trial="+trial)
	}
	return strings.Join(all, ",")
}

func (s *shop) podsOf(version string) []corev1.Pod {
	s.t.Helper()
	return slices.DeleteFunc(s.pods(), func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || !strings.HasSuffix(p.Spec.Containers[0].Image, ":"+version)
	})
}

func podNames(pods []corev1.Pod) []string {
	var names []string
	for _, p := range pods {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

// The name of the new ReplicaSet is taken by one that is not ours: the new
// version gets another hash, and whose the name is is left alone.
func TestCollision(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: none, steps: half1})
	ro := s.rollout()
	template := ro.Spec.Template.DeepCopy()
	template.Spec = corev1.PodSpec{}
	if err := yaml.Unmarshal([]byte(podSpec("v2", "")), &template.Spec); err != nil {
		t.Fatal(err)
	}
	hash := replicaset.TemplateHash(template, ro.Status.CollisionCount)
	taken := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: replicaset.Name(name, hash), Labels: replicaset.Labelled(template, hash).Labels},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: new(int32), Selector: replicaset.Selector(ro.Spec.Selector, hash), Template: replicaset.Labelled(template, hash),
		},
	}
	api := all.kube.AppsV1().ReplicaSets(s.ns)
	taken, err := api.Create(t.Context(), taken, createOptions)
	if err != nil {
		t.Fatal(err)
	}
	s.deploy("v2")
	eventually(t, func() error {
		ro = s.rollout()
		if ro.Status.CollisionCount == nil || ro.Status.Phase != v1alpha1.RolloutPhasePaused {
			return fmt.Errorf("collisions counted: %v, phase %s", ro.Status.CollisionCount != nil, ro.Status.Phase)
		}
		return nil
	})
	if n := *ro.Status.CollisionCount; n != 1 {
		t.Errorf("%d collisions, want 1", n)
	}
	after, err := api.Get(t.Context(), taken.Name, getOptions)
	if err != nil || after.Generation != taken.Generation || len(after.OwnerReferences) > 0 || ro.Status.CurrentPodHash == hash {
		t.Errorf("the ReplicaSet of another has become %+v, %v; ours has hash %s", after, err, ro.Status.CurrentPodHash)
	}
}
