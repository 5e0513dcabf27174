// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// An update of two minutes, half of which somebody was waited for.
func TestFinishedUpdatesAreCountedByHowTheyEnded(t *testing.T) {
	t.Parallel()
	m := New("test")
	start, waited := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), int64(60)
	started, finished := metav1.NewTime(start), metav1.NewTime(start.Add(2*time.Minute))
	m.Finished(cache.NewObjectName("shop", "web"), v1alpha1.RolloutDuration{
		RolloutStartedAt: &started, FinishedAt: &finished, TotalManualPauseDurationSeconds: &waited,
		CompletionStatus: v1alpha1.CompletionAborted,
	})
	m.Finished(cache.NewObjectName("shop", "web"), v1alpha1.RolloutDuration{FinishedAt: &finished})
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	for _, line := range []string{
		`rollout_duration_seconds_sum{name="web",namespace="shop",status="Aborted"} 120`,
		`rollout_duration_seconds_count{name="web",namespace="shop",status="Aborted"} 1`,
		`rollout_progression_duration_seconds_sum{name="web",namespace="shop",status="Aborted"} 60`,
		`rollout_manual_pause_duration_seconds_sum{name="web",namespace="shop",status="Aborted"} 60`,
	} {
		if !strings.Contains(answer.Body.String(), line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
	if strings.Contains(answer.Body.String(), `rollout_duration_seconds_count{name="web",namespace="shop",status=""}`) {
		t.Error("an update that nobody saw begin is counted")
	}
}
