// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics counts what the controller does, and shows where each rollout
// stands, under the names that dashboards of Rollouts read. What is not counted
// but stands in the objects is read from the caches when it is asked for.
package metrics

import (
	"net/http"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/controller/loop"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/tools/cache"
)

// Meter has the metrics of one process.
type Meter struct {
	registry  *prometheus.Registry
	reconcile *prometheus.HistogramVec
	failed    *prometheus.CounterVec
	events    *prometheus.CounterVec
	requests  *prometheus.CounterVec
	wanted    *prometheus.GaugeVec
	observed  *prometheus.GaugeVec
	// lasted are histograms of updates that have ended.
	lasted   lasted
	rollouts Rollouts // nil until Watch
}

// ofRollout are the labels of whatever concerns one rollout.
var ofRollout = []string{"namespace", "name"}

// New makes a meter that knows of no rollouts yet; version is the controller's.
func New(version string) *Meter {
	m := &Meter{
		registry: prometheus.NewRegistry(),
		reconcile: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rollout_reconcile", Help: "Seconds that a sync of a rollout took, over all loops.",
			Buckets: []float64{.001, .01, .05, .25, 1, 5},
		}, ofRollout),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollout_reconcile_error", Help: "Syncs that failed and are tried again, by loop.",
		}, append([]string{"loop"}, ofRollout...)),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollout_events_total", Help: "Events sent, by type and reason.",
		}, append([]string{"type", "reason"}, ofRollout...)),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "controller_clientset_k8s_request_total", Help: "Requests to the API server.",
		}, []string{"verb", "kind", "status_code"}),
		wanted: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_canary_weight_wanted", Help: "Weight that the canary is to have on a data plane, in units of the total weight.",
		}, append([]string{"router"}, ofRollout...)),
		observed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_canary_weight_observed", Help: "Weight that the canary was seen to have on a data plane, in units of the total weight.",
		}, append([]string{"router"}, ofRollout...)),
	}
	m.lasted = newLasted()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "argo_rollouts_controller_info", Help: "1, with the version of the controller.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.reconcile, m.failed, m.events, m.requests, m.wanted, m.observed, info,
		m.lasted.whole, m.lasted.working, m.lasted.waiting,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics as text.
func (m *Meter) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Synced counts one sync of a loop. One that cleans up after a rollout that is
// gone would bring its series back for ever.
func (m *Meter) Synced(name string, key cache.ObjectName, took time.Duration, err error) {
	if m.rollouts != nil && !m.rollouts.Has(key) {
		return
	}
	m.reconcile.WithLabelValues(key.Namespace, key.Name).Observe(took.Seconds())
	if loop.Failed(err) {
		m.failed.WithLabelValues(name, key.Namespace, key.Name).Inc()
	}
}

// Weighed notes the weight that a data plane should have, and was seen to have.
func (m *Meter) Weighed(key cache.ObjectName, router string, wanted, observed int32) {
	m.wanted.WithLabelValues(router, key.Namespace, key.Name).Set(float64(wanted))
	m.observed.WithLabelValues(router, key.Namespace, key.Name).Set(float64(observed))
}

// forget drops what was counted for a rollout that is gone.
func (m *Meter) forget(key cache.ObjectName) {
	gone := prometheus.Labels{"namespace": key.Namespace, "name": key.Name}
	for _, histogram := range []*prometheus.HistogramVec{m.reconcile, m.lasted.whole, m.lasted.working, m.lasted.waiting} {
		histogram.DeletePartialMatch(gone)
	}
	for _, counted := range []*prometheus.CounterVec{m.failed, m.events} {
		counted.DeletePartialMatch(gone)
	}
	for _, gauge := range []*prometheus.GaugeVec{m.wanted, m.observed} {
		gauge.DeletePartialMatch(gone)
	}
}
