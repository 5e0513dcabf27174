// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// File has manifests in YAML or JSON, apart by ---.
type File struct {
	Name string
	Text []byte
}

// manifests are what the files have.
type manifests struct {
	findings     []Finding
	rollouts     []manifest
	serviceNamed map[string]*corev1.Service
	workloads    map[string]workload
	routes       map[string]*unstructured.Unstructured
}

// manifest is a Rollout with where it stands.
type manifest struct {
	*v1alpha1.Rollout
	file string
}

// workload is any kind that spec.workloadRef may name: a PodTemplate has its
// template at the top.
type workload struct {
	Spec struct {
		Selector *metav1.LabelSelector  `json:"selector"`
		Template corev1.PodTemplateSpec `json:"template"`
	} `json:"spec"`
	Template *corev1.PodTemplateSpec `json:"template"`
}

func (w workload) template() corev1.PodTemplateSpec {
	if w.Template != nil {
		return *w.Template
	}
	return w.Spec.Template
}

func (w workload) selector() *metav1.LabelSelector {
	if w.Template != nil {
		return &metav1.LabelSelector{MatchLabels: w.Template.Labels}
	}
	return w.Spec.Selector
}

// name of an object, as messages have it.
func name(kind, namespace, name string) string { return kind + " " + namespace + "/" + name }

func (l Linter) read(files []File) *manifests {
	m := &manifests{
		serviceNamed: map[string]*corev1.Service{}, workloads: map[string]workload{}, routes: map[string]*unstructured.Unstructured{},
	}
	for _, f := range files {
		documents := yamlutil.NewYAMLReader(bufio.NewReader(bytes.NewReader(f.Text)))
		for n := 1; ; n++ {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				err = l.add(m, f.Name, document)
			}
			m.unread(f.Name, fmt.Sprintf("document %d", n), err)
		}
	}
	return m
}

// unread notes why a document could not be read, if it could not.
func (m *manifests) unread(file, where string, err error) {
	if err != nil {
		said := strings.Join(strings.Fields(err.Error()), " ")
		m.findings = append(m.findings, Finding{File: file, Level: Error, Text: where + ": " + said})
	}
}

// add what one document has. What no Rollout can name is left out.
func (l Linter) add(m *manifests, file string, text []byte) error {
	text, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	object := map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &object); err != nil || len(object) == 0 {
		return err
	}
	u := &unstructured.Unstructured{Object: object}
	if items, ok := object["items"].([]any); ok && u.GetKind() == "List" {
		for n, item := range items {
			text, err := yaml.Marshal(item)
			if err == nil {
				err = l.add(m, file, text)
			}
			m.unread(file, fmt.Sprintf("items[%d]", n), err)
		}
		return nil
	}
	if u.GetNamespace() == "" {
		u.SetNamespace(l.Namespace)
	}
	gvk := u.GroupVersionKind()
	key := name(gvk.Kind, u.GetNamespace(), u.GetName())
	switch gvk.GroupKind() {
	case v1alpha1.SchemeGroupVersion.WithKind("Rollout").GroupKind():
		return m.addRollout(file, u)
	case schema.GroupKind{Kind: "Service"}:
		service := &corev1.Service{}
		m.serviceNamed[key] = service
		return runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, service)
	case schema.GroupKind{Group: "apps", Kind: v1alpha1.WorkloadDeployment}, schema.GroupKind{Group: "apps", Kind: v1alpha1.WorkloadReplicaSet}, schema.GroupKind{Kind: v1alpha1.WorkloadPodTemplate}:
		var w workload
		err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &w)
		m.workloads[key] = w
		return err
	}
	for _, kind := range l.Kinds {
		for _, r := range kind.Resources {
			if r.Group == gvk.Group && r.Kind == gvk.Kind {
				m.routes[key] = u
			}
		}
	}
	return nil
}

// addRollout decodes strictly: a field that nobody knows is an error.
func (m *manifests) addRollout(file string, u *unstructured.Unstructured) error {
	text, err := u.MarshalJSON()
	if err != nil {
		return err
	}
	ro := &v1alpha1.Rollout{}
	unknown, err := kjson.UnmarshalStrict(text, ro, kjson.DisallowUnknownFields)
	if err != nil {
		return fmt.Errorf("%s: %w", name("Rollout", u.GetNamespace(), u.GetName()), err)
	}
	for _, err := range unknown {
		m.findings = append(m.findings, Finding{file, name("Rollout", ro.Namespace, ro.Name), Error, err.Error()})
	}
	m.rollouts = append(m.rollouts, manifest{ro, file})
	return nil
}

// Get implements mesh.Store.
func (m *manifests) Get(_ context.Context, o mesh.Object) (*unstructured.Unstructured, error) {
	if u, ok := m.routes[o.String()]; ok {
		return u, nil
	}
	return nil, apierrors.NewNotFound(o.Resource, o.Name)
}

// Patch implements mesh.Store. Nothing is ever patched here.
func (m *manifests) Patch(_ context.Context, o mesh.Object, _ []byte) (*unstructured.Unstructured, error) {
	return nil, apierrors.NewMethodNotSupported(o.Resource, "patch")
}
