// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/controller/world"
)

const benchSteps = "setWeight: 20\npause: {}\nsetWeight: 50\npause: {}\n"

// BenchmarkRelease is a whole release, and counts what it writes.
func BenchmarkRelease(b *testing.B) {
	var writes map[string]int
	for b.Loop() {
		w := shop(b)
		clear(w.Writes)
		must(b, w.Do("deploy", map[string]string{"image": "v2"}, ""))
		must(b, w.Do("ready", map[string]string{"v2": "all"}, ""))
		must(b, w.Do("promote", nil, ""))
		must(b, w.Do("promote", nil, ""))
		must(b, w.Do("wait", map[string]string{"for": "40s"}, ""))
		if phase := w.Rollout().Status.Phase; phase != "Healthy" {
			b.Fatalf("the release ended %s", phase)
		}
		writes = w.Writes
	}
	for resource, n := range writes {
		b.ReportMetric(float64(n), resource+"/op")
	}
}

// BenchmarkSnapshot reads the caches of a rollout at rest.
func BenchmarkSnapshot(b *testing.B) {
	w := shop(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := w.Controller.Desk.Snapshot(context.Background(), world.Key); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlan decides for a rollout at rest.
func BenchmarkPlan(b *testing.B) {
	s, _ := shop(b).Plan()
	b.ReportAllocs()
	for b.Loop() {
		plan.For(s)
	}
}

// shop with a healthy v1.
func shop(b *testing.B) *world.World {
	w := world.New()
	must(b, w.Do("shop", nil, benchSteps))
	return w
}

func must(b *testing.B, out string) {
	b.Helper()
	if strings.HasPrefix(out, "error") {
		b.Fatal(out)
	}
}
