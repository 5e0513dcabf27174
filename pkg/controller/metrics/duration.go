// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/tools/cache"
)

// lasted is how long updates took: as a whole, without the time in which
// somebody was waited for, and that time alone.
type lasted struct{ whole, working, waiting *prometheus.HistogramVec }

func newLasted() lasted {
	return lasted{
		whole:   seconds("rollout_duration_seconds", "Seconds from the begin of an update to its end, by how it ended."),
		working: seconds("rollout_progression_duration_seconds", "The same without the seconds in which somebody was waited for."),
		waiting: seconds("rollout_manual_pause_duration_seconds", "Seconds of an update in which somebody was waited for."),
	}
}

func seconds(name, help string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: []float64{30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600},
	}, append([]string{"status"}, ofRollout...))
}

// Finished counts an update that has ended.
func (m *Meter) Finished(key cache.ObjectName, update v1alpha1.RolloutDuration) {
	if update.RolloutStartedAt == nil || update.FinishedAt == nil {
		return // another controller began it
	}
	whole := update.FinishedAt.Sub(update.RolloutStartedAt.Time).Seconds()
	waiting := 0.0
	if total := update.TotalManualPauseDurationSeconds; total != nil {
		waiting = float64(*total)
	}
	observe := func(vec *prometheus.HistogramVec, value float64) {
		vec.WithLabelValues(update.CompletionStatus, key.Namespace, key.Name).Observe(max(0, value))
	}
	observe(m.lasted.whole, whole)
	observe(m.lasted.working, whole-waiting)
	observe(m.lasted.waiting, waiting)
}
