// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/tools/cache"
)

var phases = []v1alpha1.RolloutPhase{
	v1alpha1.RolloutPhaseHealthy, v1alpha1.RolloutPhaseProgressing, v1alpha1.RolloutPhasePaused, v1alpha1.RolloutPhaseDegraded,
}

var (
	infoDesc = prometheus.NewDesc("rollout_info", "1, with the strategy, the traffic router and the phase of a rollout.",
		append(ofRollout, "strategy", "traffic_router", "phase"), nil)
	phaseDesc = prometheus.NewDesc("rollout_phase", "1 for the phase of a rollout, 0 for the others. Deprecated: read rollout_info.",
		append(ofRollout, "strategy", "phase"), nil)
	blockedDesc = prometheus.NewDesc("sluice_blocked", "1 where a gate holds a rollout back, with its name: see status.blockedOn.",
		append(ofRollout, "gate"), nil)
	replicaDescs = map[string]*prometheus.Desc{
		"available":   replicasDesc("available", "Pods of a rollout that are available."),
		"unavailable": replicasDesc("unavailable", "Pods of a rollout that are not available."),
		"desired":     replicasDesc("desired", "Pods that a rollout should have."),
		"updated":     replicasDesc("updated", "Pods of the current revision of a rollout."),
	}
)

func replicasDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("rollout_info_replicas_"+name, help, ofRollout, nil)
}

// Rollouts are the rollouts of the caches.
type Rollouts interface {
	// List calls do for each.
	List(do func(*v1alpha1.Rollout))
	// Has reports whether there is one.
	Has(key cache.ObjectName) bool
	// OnDelete calls do once one is gone.
	OnDelete(do func(cache.ObjectName)) error
}

// Watch shows the rollouts, and forgets what was counted for those that go.
func (m *Meter) Watch(rollouts Rollouts) error {
	m.rollouts = rollouts
	if err := m.registry.Register(collector{rollouts}); err != nil {
		return err
	}
	return rollouts.OnDelete(m.forget)
}

// collector reads the caches when it is asked.
type collector struct{ Rollouts }

// Describe implements prometheus.Collector.
func (collector) Describe(out chan<- *prometheus.Desc) {
	out <- infoDesc
	out <- phaseDesc
	out <- blockedDesc
	for _, d := range replicaDescs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	c.List(func(ro *v1alpha1.Rollout) {
		set := func(desc *prometheus.Desc, value float64, more ...string) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{ro.Namespace, ro.Name}, more...)...)
		}
		strategy := "none"
		switch {
		case ro.Spec.Strategy.Canary != nil:
			strategy = "canary"
		case ro.Spec.Strategy.BlueGreen != nil:
			strategy = "blueGreen"
		}
		set(infoDesc, 1, strategy, routerOf(ro), string(ro.Status.Phase))
		for _, phase := range phases {
			is := 0.0
			if phase == ro.Status.Phase {
				is = 1
			}
			set(phaseDesc, is, strategy, string(phase))
		}
		if b := ro.Status.BlockedOn; b != nil {
			set(blockedDesc, 1, b.Gate)
		}
		set(replicaDescs["available"], float64(ro.Status.AvailableReplicas))
		set(replicaDescs["unavailable"], float64(max(0, ro.Status.Replicas-ro.Status.AvailableReplicas)))
		set(replicaDescs["desired"], float64(ro.Spec.Desired()))
		set(replicaDescs["updated"], float64(ro.Status.UpdatedReplicas))
	})
}

// routerOf is the data plane's name as dashboards know it, "" for none.
func routerOf(ro *v1alpha1.Rollout) string {
	c := ro.Spec.Strategy.Canary
	if c == nil || c.TrafficRouting == nil {
		return ""
	}
	t := c.TrafficRouting
	for _, named := range []struct {
		name string
		set  bool
	}{
		{"Istio", t.Istio != nil},
		{"Nginx", t.Nginx != nil},
		{"ALB", t.ALB != nil},
		{"SMI", t.SMI != nil},
		{"Ambassador", t.Ambassador != nil},
		{"AppMesh", t.AppMesh != nil},
		{"Traefik", t.Traefik != nil},
		{"Apisix", t.Apisix != nil},
		{"GatewayAPI", t.GatewayAPI != nil},
		{"Plugins", len(t.Plugins) > 0},
	} {
		if named.set {
			return named.name
		}
	}
	return ""
}
