// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
)

// CountRequests counts what a client sends.
func (m *Meter) CountRequests(next http.RoundTripper) http.RoundTripper {
	return counter{next: next, requests: m.requests}
}

type counter struct {
	next     http.RoundTripper
	requests *prometheus.CounterVec
}

// RoundTrip implements http.RoundTripper.
func (c counter) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	status := "error"
	if err == nil {
		status = strconv.Itoa(response.StatusCode)
	}
	verb, kind := requestOf(r)
	c.requests.WithLabelValues(verb, kind, status).Inc()
	return response, err
}

// requestOf names the verb and the resource, with its subresource, as the API
// server's own metrics do.
func requestOf(r *http.Request) (verb, kind string) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch parts[0] {
	case "api":
		parts = parts[min(2, len(parts)):]
	case "apis":
		parts = parts[min(3, len(parts)):]
	default:
		return r.Method, "none"
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	if len(parts) == 0 {
		return "DISCOVERY", "none"
	}
	kind = parts[0]
	if len(parts) > 2 {
		kind += "/" + parts[2]
	}
	return verbOf(r, len(parts) > 1), kind
}

func verbOf(r *http.Request, named bool) string {
	switch {
	case r.Method != http.MethodGet || named:
		return r.Method
	case r.URL.Query().Get("watch") != "":
		return "WATCH"
	default:
		return "LIST"
	}
}

// CountEvents counts what a recorder is given, but for the end of a Rollout, with
// which its counts go.
func (m *Meter) CountEvents(next record.EventRecorder) record.EventRecorder {
	return recorder{EventRecorder: next, events: m.events}
}

type recorder struct {
	record.EventRecorder
	events *prometheus.CounterVec
}

// Event implements record.EventRecorder.
func (r recorder) Event(obj runtime.Object, kind, reason, message string) {
	if o, err := meta.Accessor(obj); err == nil && reason != v1alpha1.EventRolloutDeleted {
		r.events.WithLabelValues(kind, reason, o.GetNamespace(), o.GetName()).Inc()
	}
	r.EventRecorder.Event(obj, kind, reason, message)
}

// Eventf implements record.EventRecorder.
func (r recorder) Eventf(obj runtime.Object, kind, reason, message string, args ...any) {
	r.Event(obj, kind, reason, fmt.Sprintf(message, args...))
}
