// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// metrics stands in for a metrics server: each namespace has a load, in pods.
// It serves that as the CPU of the pods that a selector matches and that have
// been ready for a moment, each with its share, and as the external metric load.
// As with any metrics server, a pod that has just become ready is not there yet.
type metrics struct {
	mu     sync.Mutex
	loads  map[string]float64
	looked map[string]int
}

// startMetrics serves until the test is over. The API server reaches it by a
// Service that is only another name of this machine.
func startMetrics(t *testing.T) *metrics {
	t.Helper()
	m := &metrics{loads: map[string]float64{}, looked: map[string]int{}}
	server := httptest.NewTLSServer(m)
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ns := newNamespace(t)
	service := fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: metrics}\nspec: {type: ExternalName, externalName: localhost, ports: [{port: %s}]}", port)
	(&shop{t: t, ns: ns}).create(schema.GroupVersionResource{Version: "v1", Resource: "services"}, service)
	for _, group := range []string{"metrics.k8s.io", "external.metrics.k8s.io"} {
		m.register(t, group, fmt.Sprintf(`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.%[1]s}
spec:
  group: %[1]s
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {namespace: %[2]s, name: metrics, port: %[3]s}`, group, ns, port))
	}
	return m
}

// register makes an API available until the test is over. One that is left
// would keep namespaces from being deleted.
func (m *metrics) register(t *testing.T, group, manifest string) {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	api := all.dynamic.Resource(apiServices)
	if _, err := api.Create(t.Context(), object, createOptions); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Delete(context.WithoutCancel(t.Context()), object.GetName(), deleteOptions); err != nil {
			t.Error(err)
		}
	})
	eventually(t, func() error {
		now, err := api.Get(t.Context(), object.GetName(), getOptions)
		if err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(now.Object, "status", "conditions")
		for _, c := range conditions {
			if c := c.(map[string]any); c["type"] == "Available" && c["status"] == "True" {
				return nil
			}
		}
		return fmt.Errorf("%s is not available: %v", group, conditions)
	})
}

// load of all pods of a namespace that a selector matches.
func (m *metrics) load(ns string, pods float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads[ns] = pods
}

// looks counts what was asked for a namespace.
func (m *metrics) looks(ns string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.looked[ns]
}

// ServeHTTP implements http.Handler.
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := m.answer(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // whoever asked has gone
}

func (m *metrics) answer(r *http.Request) (any, error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // apis, group, version, namespaces, namespace, resource
	if len(parts) == 3 {
		return discovered(parts[1]), nil
	}
	if len(parts) != 6 {
		return nil, errors.New("no such thing")
	}
	ns := parts[4]
	m.mu.Lock()
	load := m.loads[ns]
	m.looked[ns]++
	m.mu.Unlock()
	now := metav1.Now()
	if parts[1] == "external.metrics.k8s.io" {
		item := map[string]any{"metricName": parts[5], "metricLabels": map[string]string{}, "timestamp": now, "value": fmt.Sprintf("%dm", int(load*1000))}
		return map[string]any{"kind": "ExternalMetricValueList", "apiVersion": parts[1] + "/v1beta1", "items": []any{item}}, nil
	}
	pods, err := all.kube.CoreV1().Pods(ns).List(r.Context(), metav1.ListOptions{LabelSelector: r.URL.Query().Get("labelSelector")})
	if err != nil {
		return nil, err
	}
	var ready []string
	for i := range pods.Items {
		if p := &pods.Items[i]; p.DeletionTimestamp == nil && readyFor(p, now) >= warmUp {
			ready = append(ready, p.Name)
		}
	}
	items := []any{}
	for _, name := range ready {
		items = append(items, map[string]any{
			"metadata": map[string]any{"name": name, "namespace": ns}, "timestamp": now, "window": metav1.Duration{Duration: time.Millisecond},
			"containers": []any{map[string]any{"name": "web", "usage": map[string]any{"cpu": fmt.Sprintf("%dm", int(load*1000)/len(ready))}}},
		})
	}
	return map[string]any{"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": items}, nil
}

func discovered(group string) metav1.APIResourceList {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: group + "/v1beta1"}
	if group == "metrics.k8s.io" {
		list.APIResources = []metav1.APIResource{{Name: "pods", Namespaced: true, Kind: "PodMetrics", Verbs: metav1.Verbs{"get", "list"}}}
	}
	return list
}

// warmUp is how long a pod has to be ready before there are metrics of it.
const warmUp = 2 * time.Second

func readyFor(p *corev1.Pod, now metav1.Time) time.Duration {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return now.Sub(c.LastTransitionTime.Time)
		}
	}
	return 0
}
