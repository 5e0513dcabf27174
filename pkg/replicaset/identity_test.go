// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset_test

import (
	"fmt"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const written = `
metadata: {labels: {app: web}}
spec: {containers: [{name: web, image: "web:1"}]}
`

// defaulted is what an API server makes of it.
const defaulted = `
metadata: {creationTimestamp: null, labels: {app: web}}
spec:
  containers:
  - {name: web, image: "web:1", imagePullPolicy: IfNotPresent, resources: {}, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}
  dnsPolicy: ClusterFirst
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  terminationGracePeriodSeconds: 30
`

func template(t *testing.T, text string) *corev1.PodTemplateSpec {
	t.Helper()
	var template corev1.PodTemplateSpec
	if err := yaml.UnmarshalStrict([]byte(text), &template); err != nil {
		t.Fatal(err)
	}
	return &template
}

// The hashes that this build gives. Another build may give others, and nothing
// breaks; but it should be known, for users see them.
func TestHashesOfThisBuild(t *testing.T) {
	t.Parallel()
	one, many := int32(1), int32(70000)
	for _, c := range []struct {
		name, template string
		collisions     *int32
		hash, legacy   string
	}{
		{"written", written, nil, "cb5d95cc5", "6c7874fc5f"},
		{"written, after a collision", written, &one, "7bbcdb6c58", "7c9fb69c94"},
		{"written, after many", written, &many, "7c9f699c7c", "77b8c46b89"},
		{"defaulted", defaulted, nil, "df8d8b8b5", "57d9664db9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := replicaset.TemplateHash(template(t, c.template), c.collisions); got != c.hash {
				t.Errorf("hash %s, want %s", got, c.hash)
			}
			if got := replicaset.LegacyTemplateHash(template(t, c.template), c.collisions); got != c.legacy {
				t.Errorf("legacy hash %s, want %s", got, c.legacy)
			}
		})
	}
	steps := []map[string]int{{"setWeight": 20}}
	if got, none := replicaset.StepsHash(steps), replicaset.StepsHash([]int(nil)); got != "656598f7c" || none != "5ffbfbbd64" {
		t.Errorf("hashes of steps: %s, and of none %s", got, none)
	}
}

func TestWhatATemplateMeans(t *testing.T) {
	t.Parallel()
	wish := int32(50)
	for _, c := range []struct {
		name string
		edit func(*corev1.PodTemplateSpec)
		same bool
	}{
		{"the hash label", func(p *corev1.PodTemplateSpec) { *p = replicaset.Labelled(p, "abc") }, true},
		{"the old name of the service account", func(p *corev1.PodTemplateSpec) {
			p.Spec.ServiceAccountName, p.Spec.DeprecatedServiceAccount = "", ""
		}, true},
		{"a term that keeps revisions apart", func(p *corev1.PodTemplateSpec) {
			replicaset.Apart{Namespace: "shop", Hash: "abc"}.Put(p)
		}, true},
		{"a wish to keep them apart", func(p *corev1.PodTemplateSpec) {
			replicaset.Apart{Namespace: "shop", Hash: "abc", Weight: &wish}.Put(p)
		}, true},
		{"an affinity that says nothing", func(p *corev1.PodTemplateSpec) {
			p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
		}, true},
		{"an affinity of the user's", func(p *corev1.PodTemplateSpec) {
			p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}}
		}, false},
		{"an image", func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Image = "web:2" }, false},
		{"a label", func(p *corev1.PodTemplateSpec) { p.Labels["role"] = "canary" }, false},
		{"a default", func(p *corev1.PodTemplateSpec) { p.Spec.DNSPolicy = "" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before, after := template(t, defaulted), template(t, defaulted)
			c.edit(after)
			if same := meaning(before) == meaning(after); same != c.same {
				t.Errorf("means the same: %v, want %v", same, c.same)
			}
		})
	}
}

func meaning(template *corev1.PodTemplateSpec) string {
	return replicaset.MeaningOf(template).Without(replicaset.Injected{})
}

// The term stands beside the user's own, and there is never more than one.
func TestApart(t *testing.T) {
	t.Parallel()
	wish := int32(50)
	const own = `
spec:
  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
      - {labelSelector: {matchLabels: {app: db}}, topologyKey: kubernetes.io/hostname}
`
	const term = "{labelSelector: {matchExpressions: [{key: rollouts-pod-template-hash, operator: In, values: [abc]}]}, namespaces: [shop], topologyKey: kubernetes.io/hostname}"
	for _, c := range []struct {
		name, before string
		apart        replicaset.Apart
		want         string
	}{
		{"a must", "{}", replicaset.Apart{Namespace: "shop", Hash: "abc"}, `
spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [` + term + `]}}}`},
		{"a wish", "{}", replicaset.Apart{Namespace: "shop", Hash: "abc", Weight: &wish}, `
spec: {affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 50, podAffinityTerm: ` + term + `}]}}}`},
		{"beside the user's", own, replicaset.Apart{Namespace: "shop", Hash: "abc"}, own + "      - " + term},
		{
			"in place of an earlier one", own + "      - {labelSelector: {matchExpressions: [{key: rollouts-pod-template-hash, operator: In, values: [old]}]}, topologyKey: kubernetes.io/hostname}",
			replicaset.Apart{Namespace: "shop", Hash: "abc"},
			own + "      - " + term,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := template(t, c.before)
			c.apart.Put(got)
			if got, want := fmt.Sprint(got), fmt.Sprint(template(t, c.want)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
