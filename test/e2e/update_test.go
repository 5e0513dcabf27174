// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// half is an update with one stop: at half of the traffic, and a header route.
const half = `
	setHeaderRoute: {name: preview, match: [{headerName: x-preview, headerValue: {exact: "yes"}}]}
	setWeight: 50
	pause: {}`

// soon shortens the delays of scale-downs.
const soon = `
	scaleDownDelaySeconds: 1
	abortScaleDownDelaySeconds: 1`

const (
	atRest1 = "Healthy 3/3; v1 4/4; stable v1, canary v1, 100/0"
	atHalf2 = "Paused 2/3; v1 4/4, v2 2/2; stable v1, canary v2, 50/50, preview"
	atRest2 = "Healthy 3/3; v2 4/4; stable v2, canary v2, 100/0"
)

// newHalfway is a shop whose update from v1 to v2 is half-way.
func newHalfway(t *testing.T, o order) *shop {
	t.Helper()
	o.steps, o.canary = half, soon+o.canary
	s := newHealthyShop(t, o)
	s.shows(atRest1)
	s.deploy("v2")
	s.shows(atHalf2)
	s.neverLost("preview")
	return s
}

// All kinds of steps, to the promotion; the route is at last as it was at
// first.
func TestUpdate(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, instance: told, canary: soon, steps: `
			setHeaderRoute: {name: preview, match: [{headerName: x-preview, headerValue: {exact: "yes"}}]}
			setWeight: 25
			pause: {}
			setCanaryScale: {replicas: 3}
			setMirrorRoute: {name: shadow, percentage: 50, match: [{method: {exact: GET}, path: {prefix: /}}]}
			pause: {}
			setWeight: 50
			pause: {duration: 3s}
			setHeaderRoute: {name: preview}
			setCanaryScale: {matchTrafficWeight: true}
			setWeight: 100
			pause: {duration: "3"}`})
		before := s.route()
		s.deploy("v2")
		s.shows("Paused 2/12; v1 4/4, v2 1/1; stable v1, canary v2, 75/25, preview")
		s.resume()
		s.shows("Paused 5/12; v1 4/4, v2 3/3; stable v1, canary v2, 75/25, preview, shadow")
		s.resume()
		s.shows("Paused 7/12; v1 4/4, v2 3/3; stable v1, canary v2, 50/50, preview, shadow")
		s.shows("Paused 11/12; v1 4/4, v2 4/4; stable v1, canary v2, 0/100, shadow")
		s.shows("Healthy 12/12; v2 4/4; stable v2, canary v2, 100/0")
		if diff := cmp.Diff(before, s.route()); diff != "" {
			t.Errorf("the route is not as it was: -before +after\n%s", diff)
		}
		for _, reason := range []string{"RolloutStepCompleted", "RolloutPaused", "RolloutResumed", "TrafficWeightUpdated", "SwitchService", "ScalingReplicaSet", "RolloutCompleted"} {
			s.hasEvent(reason)
		}
	})
}

// compatibility 9: an abort gives all traffic back before the canary loses a pod;
// a retry starts over.
func TestAbortAndRetry(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router, instance: told})
		s.abort()
		v := s.shows("Degraded 0/3; v1 4/4; stable v1, canary v1, 100/0")
		if got, want := v.ro.Status.Message, "RolloutAborted: Rollout aborted update to revision 2"; got != want {
			t.Errorf("message %q, want %q", got, want)
		}
		if v.ro.Status.AbortedAt == nil {
			t.Error("abortedAt is not set")
		}
		s.hasEvent("RolloutAborted")
		s.retry()
		s.shows(atHalf2)
		s.resume()
		s.shows(atRest2)
	})
}

// An abort while the new version never gets ready: nothing had moved, nothing
// moves.
func TestAbortOfBrokenVersion(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, steps: half, canary: soon})
		s.deploy("v2", neverReady)
		v := s.until("blocked on the pods", func(v view) bool {
			return v.ro.Status.BlockedOn != nil && v.ro.Status.BlockedOn.Gate == "Capacity" && v.sets["v2"].Status.Replicas == 1
		})
		if v.weights != "100/0" || len(v.managed) > 0 || v.canary != "v1" {
			t.Errorf("a version without a ready pod got something: %s", v)
		}
		s.abort()
		s.shows("Degraded 0/3; v1 4/4; stable v1, canary v1, 100/0")
		s.deploy("v3")
		s.shows("Paused 2/3; v1 4/4, v3 2/2; stable v1, canary v3, 50/50, preview")
	})
}

// A step is skipped by its index, and still has to be carried by pods.
func TestSkipStep(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, canary: soon, steps: `
			setWeight: 25
			pause: {}
			setWeight: 50
			pause: {}
			setWeight: 75
			pause: {}`})
		s.deploy("v2")
		s.shows("Paused 1/6; v1 4/4, v2 1/1; stable v1, canary v2, 75/25")
		s.skipTo(4)
		s.shows("Paused 5/6; v1 4/4, v2 3/3; stable v1, canary v2, 25/75")
		s.skipTo(6)
		s.shows("Healthy 6/6; v2 4/4; stable v2, canary v2, 100/0")
	})
}

func TestPromoteFull(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.promoteFull()
		v := s.shows(atRest2)
		if v.ro.Status.PromoteFull {
			t.Error("promoteFull is still set")
		}
	})
}

// spec.paused holds steps, weights and the canary's pods, but not stable's.
func TestSpecPaused(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.patch("spec: {paused: true}")
		s.scale(6)
		s.stays("Paused 2/3; v1 6/6, v2 2/2; stable v1, canary v2, 50/50, preview", time.Second)
		s.says("manually paused")
		s.patch("spec: {paused: false}")
		s.shows("Paused 2/3; v1 6/6, v2 3/3; stable v1, canary v2, 50/50, preview")
		s.resume()
		s.shows("Healthy 3/3; v2 6/6; stable v2, canary v2, 100/0")
	})
}

// compatibility 15: both sides follow the number of replicas, and no traffic moves
// by it.
func TestReplicasMidway(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.scale(8)
		s.shows("Paused 2/3; v1 8/8, v2 4/4; stable v1, canary v2, 50/50, preview")
		s.until("HPAReplicas 8", func(v view) bool { return v.ro.Status.HPAReplicas == 8 && v.ro.Status.Replicas == 12 })
		s.scale(2)
		s.shows("Paused 2/3; v1 2/2, v2 1/1; stable v1, canary v2, 50/50, preview")
		s.neverMoved("50/50")
		s.neverLost("preview")
		s.resume()
		s.shows("Healthy 3/3; v2 2/2; stable v2, canary v2, 100/0")
		s.scale(0)
		s.until("no pods", func(v view) bool { return v.phase == "Healthy" && v.sets["v2"].Status.Replicas == 0 })
		s.scale(3)
		s.shows("Healthy 3/3; v2 3/3; stable v2, canary v2, 100/0")
	})
}

// compatibility 13: a third version replaces the second: drained first, then gone.
func TestThirdRevision(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.deploy("v3")
		s.shows("Paused 2/3; v1 4/4, v3 2/2; stable v1, canary v3, 50/50, preview")
		s.resume()
		s.shows("Healthy 3/3; v3 4/4; stable v3, canary v3, 100/0")
	})
}

// compatibility 11: back to the stable template mid-way: healthy at once, and no
// abort.
func TestBackToStable(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router, instance: told})
		s.deploy("v1")
		v := s.shows(atRest1)
		if v.ro.Status.Abort {
			t.Error("abort is set")
		}
		s.hasEvent("SkipSteps")
	})
}

// A rollback to an older version takes its ReplicaSet up again, under a new
// number, and goes through the steps.
func TestRollback(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.resume()
		s.shows(atRest2)
		s.deploy("v1")
		v := s.shows("Paused 2/3; v1 2/2, v2 4/4; stable v2, canary v1, 50/50, preview")
		want := map[string]string{"rollout.argoproj.io/revision": "3", "rollout.argoproj.io/revision-history": "1"}
		for key, value := range want {
			if got := v.sets["v1"].Annotations[key]; got != value {
				t.Errorf("%s of v1 is %q, want %q", key, got, value)
			}
		}
		s.resume()
		s.shows(atRest1)
	})
}

// edge case 35, compatibility 23: two data planes at once: both carry the same,
// and each step waits for both.
func TestTwoDataPlanes(t *testing.T) {
	t.Parallel()
	s := newHalfway(t, order{router: both})
	s.abort()
	s.shows("Degraded 0/3; v1 4/4; stable v1, canary v1, 100/0")
	s.retry()
	s.shows(atHalf2)
	s.resume()
	s.shows(atRest2)
}

// compatibility 12: other steps mid-way start over; other steps at rest change
// nothing.
func TestEditSteps(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.patch("spec: {strategy: {canary: {steps: [{setWeight: 25}, {pause: {}}]}}}")
		s.shows("Paused 1/2; v1 4/4, v2 1/1; stable v1, canary v2, 75/25")
		s.resume()
		s.shows("Healthy 2/2; v2 4/4; stable v2, canary v2, 100/0")
		s.patch("spec: {strategy: {canary: {steps: [{setWeight: 10}, {pause: {}}, {setWeight: 20}, {pause: {}}]}}}")
		s.shows("Healthy 4/4; v2 4/4; stable v2, canary v2, 100/0")
	})
}
