// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
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
