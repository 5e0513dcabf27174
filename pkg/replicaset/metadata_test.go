// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset_test

import (
	"encoding/json"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
)

func TestChangeOfMetadata(t *testing.T) {
	t.Parallel()
	labels := func(pairs ...string) replicaset.Metadata {
		m := replicaset.Metadata{Labels: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			m.Labels[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name              string
		wanted, old, base replicaset.Metadata
		have              map[string]string
		change, left      string
	}{
		{"new", labels("role", "canary"), labels(), labels(), map[string]string{"app": "web"}, `{"labels":{"role":"canary"}}`, `{"labels":{"role":"canary"}}`},
		{"there", labels("role", "canary"), labels(), labels(), map[string]string{"role": "canary"}, `{"labels":{"role":"canary"}}`, `{}`},
		{"other value", labels("role", "stable"), labels("role", "canary"), labels(), map[string]string{"role": "canary"}, `{"labels":{"role":"stable"}}`, `{"labels":{"role":"stable"}}`},
		{"gone", labels(), labels("role", "canary"), labels(), map[string]string{"role": "canary", "app": "web"}, `{"labels":{"role":null}}`, `{"labels":{"role":null}}`},
		{"gone already", labels(), labels("role", "canary"), labels(), map[string]string{"app": "web"}, `{"labels":{"role":null}}`, `{}`},
		{"the template's own comes back", labels(), labels("role", "canary"), labels("role", "main", "app", "web"), map[string]string{"role": "canary"}, `{"labels":{"role":"main"}}`, `{"labels":{"role":"main"}}`},
		{"empty", labels("role", ""), labels(), labels(), nil, `{"labels":{"role":""}}`, `{"labels":{"role":""}}`},
		{"nothing", labels(), labels(), labels("app", "web"), map[string]string{"app": "web"}, `{}`, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []string{"labels", "annotations"} {
				wanted, old, base := c.wanted, c.old, c.base
				change, left := c.change, c.left
				have := [2]map[string]string{c.have, nil}
				if kind == "annotations" {
					wanted, old, base = turned(wanted), turned(old), turned(base)
					change, left = turnedText(change), turnedText(left)
					have = [2]map[string]string{nil, c.have}
				}
				got := wanted.Change(old, base)
				if diff := cmp.Diff(change, text(t, got)); diff != "" {
					t.Errorf("change of %s (-want +got):\n%s", kind, diff)
				}
				if diff := cmp.Diff(left, text(t, got.Left(have[0], have[1]))); diff != "" {
					t.Errorf("left of %s (-want +got):\n%s", kind, diff)
				}
			}
		})
	}
}

func turned(m replicaset.Metadata) replicaset.Metadata {
	return replicaset.Metadata{Annotations: m.Labels}
}

func turnedText(s string) string {
	if len(s) < len(`{"labels"`) {
		return s
	}
	return `{"annotations"` + s[len(`{"labels"`):]
}

func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The annotation is written as clients know it, with one field of ours more.
func TestNoteOfInjectedMetadata(t *testing.T) {
	t.Parallel()
	role := replicaset.Metadata{Labels: map[string]string{"role": "canary"}}
	for _, c := range []struct {
		name, read string
		want       replicaset.Injected
		written    string
	}{
		{"none", "", replicaset.Injected{}, ""},
		{"nothing", `{}`, replicaset.Injected{}, ""},
		{"nothing, as others write it", `{"labels":{},"annotations":null}`, replicaset.Injected{Metadata: replicaset.Metadata{Labels: map[string]string{}}}, ""},
		{"a label", `{"labels":{"role":"canary"}}`, replicaset.Injected{Metadata: role}, `{"labels":{"role":"canary"}}`},
		{"pods to look at", `{"pods":{"labels":{"role":"canary"}}}`, replicaset.Injected{Pods: &role}, `{"pods":{"labels":{"role":"canary"}}}`},
		{"pods that had none", `{"labels":{"role":"canary"},"pods":{}}`, replicaset.Injected{Metadata: role, Pods: &replicaset.Metadata{}}, `{"labels":{"role":"canary"},"pods":{}}`},
		{
			"a label that covers one", `{"labels":{"role":"canary"},"covered":{"labels":{"role":"web"}}}`,
			replicaset.Injected{Metadata: role, Covered: &replicaset.Metadata{Labels: map[string]string{"role": "web"}}},
			`{"labels":{"role":"canary"},"covered":{"labels":{"role":"web"}}}`,
		},
		{"not to be read", `{"labels":1}`, replicaset.Injected{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := replicaset.ParseInjected(c.read)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
			if written := got.Annotation(); written != c.written {
				t.Errorf("written %s, want %s", written, c.written)
			}
		})
	}
}

// A note that somebody else has written covers nothing that was not injected, and the
// template that is asked, which others read too, stays as it is.
func TestNoteThatCoversWhatWasNotInjected(t *testing.T) {
	t.Parallel()
	template := replicaset.Metadata{Labels: map[string]string{"role": ""}}
	own := replicaset.ParseInjected(`{"covered":{"labels":{"role":"web"}}}`).Own(template)
	if own.Labels["role"] != "" || template.Labels["role"] != "" {
		t.Errorf("%v has %v itself", template.Labels, own.Labels)
	}
}

// What was injected is no part of what a template means, whether it was written
// by a controller or copied by undo; what it covers is, where that was noted.
func TestMeaningWithoutWhatWasInjected(t *testing.T) {
	t.Parallel()
	labelled := func(role string) *corev1.PodTemplateSpec {
		own := template(t, defaulted)
		own.Labels["role"] = role
		return own
	}
	injected := replicaset.Injected{Metadata: replicaset.Metadata{Labels: map[string]string{"role": "canary"}, Annotations: map[string]string{"trial": "yes"}}}
	own := replicaset.Metadata{Labels: map[string]string{"app": "web", "role": "main"}}
	noted := injected.Over(own)
	carrying := labelled("canary")
	carrying.Annotations = map[string]string{"trial": "yes"}
	for _, c := range []struct {
		name     string
		injected replicaset.Injected
		template *corev1.PodTemplateSpec
		same     bool
	}{
		{"the value that is covered", noted, labelled("main"), true},
		{"another one", noted, labelled("other"), false},
		{"copied", noted, carrying, true},
		{"none", noted, template(t, defaulted), false},
		{"not noted", injected, labelled("other"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			same := replicaset.MeaningOf(c.template).Without(c.injected) == replicaset.MeaningOf(carrying).Without(c.injected)
			if same != c.same {
				t.Errorf("means the same: %v, want %v", same, c.same)
			}
		})
	}
	if diff := cmp.Diff(own, noted.Own(replicaset.Metadata{Labels: carrying.Labels, Annotations: carrying.Annotations}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the template's own (-want +got):\n%s", diff)
	}
}
