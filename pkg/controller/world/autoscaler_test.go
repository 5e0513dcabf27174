// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"os"
	"testing"

	"k8s.io/klog/v2"
)

// TestMain keeps the tests quiet, unless -v asks for their log.
func TestMain(m *testing.M) {
	flag.Parse()
	if !testing.Verbose() {
		klog.SetLogger(klog.Logger{}) // which discards
	}
	os.Exit(m.Run())
}

// canary is a way through everything that has more pods than D.
const canary = `setHeaderRoute: {name: preview, match: [{headerName: x, headerValue: {exact: "y"}}]}
setWeight: 5
pause: {}
setWeight: 20
pause: {}
setCanaryScale: {weight: 90}
pause: {}
setWeight: 50
pause: {}
`

// At a constant load the autoscaler leaves the number of pods as it is, or
// settles on one that the load needs, through a whole canary, an abort and a
// retry: it never ratchets. It counts in whole percent of up to twice the pods,
// which is all that it may wander by. Loads are in pods, all around what a
// Deployment of that size could rest at.
func TestAutoscalerRestsThroughACanary(t *testing.T) {
	t.Parallel()
	for _, metric := range []string{"cpu", "external"} {
		for _, dynamic := range []bool{false, true} {
			for _, pods := range []int{10, 50} {
				for _, load := range []float64{0.92, 1.05} {
					t.Run(fmt.Sprintf("%s dynamic %v: %d pods, %v of their load", metric, dynamic, pods, load), func(t *testing.T) {
						t.Parallel()
						s := scaling{t: t, w: New()}
						s.act("shop", canary)
						s.act("spec", fmt.Sprintf(`{"spec":{"replicas":%d,"strategy":{"canary":{"dynamicStableScale":%v}}}}`, pods, dynamic))
						s.act("ready", "", "v1", "all")
						s.act("wait", "", "for", "1m")
						s.act("autoscaler", "", "metric", metric, "load", fmt.Sprint(load*float64(pods)), "target", "1")
						s.throughACanary()
						if spread := s.highest - s.lowest; s.highest > 0 && int(spread) > 1+pods/50 {
							t.Errorf("the autoscaler wanted from %d to %d pods", s.lowest, s.highest)
						}
					})
				}
			}
		}
	}
}

// scaling is a world of which every size that the autoscaler changes to is
// noted.
type scaling struct {
	t               *testing.T
	w               *World
	lowest, highest int32
}

func (s *scaling) act(verb, input string, args ...string) {
	s.t.Helper()
	named := map[string]string{}
	for i := 0; i < len(args); i += 2 {
		named[args[i]] = args[i+1]
	}
	before := int32(0)
	if ro := s.w.Rollout(); ro != nil && s.w.autoscaler != nil {
		before = ro.Spec.Desired()
	}
	if err := s.w.Act(verb, named, input); err != nil {
		s.t.Fatal(err)
	}
	if b := s.w.Breached(); b != "" {
		s.t.Error(b)
	}
	if before > 0 {
		for _, wants := range s.w.autoscaler.said {
			if wants != before {
				s.lowest, s.highest = min(cmp.Or(s.lowest, wants), wants), max(s.highest, wants)
			}
			before = wants
		}
		s.w.autoscaler.said = nil
	}
}

// throughACanary takes some 50 looks of the autoscaler.
func (s *scaling) throughACanary() {
	s.t.Helper()
	wait := func() { s.act("wait", "", "for", "75s") }
	wait()
	s.act("deploy", "", "image", "v2")
	wait()
	s.act("ready", "", "v2", "all")
	wait()
	s.act("promote", "")
	s.act("promote", "")
	wait()
	s.act("abort", "")
	wait()
	s.act("retry", "")
	for range 4 {
		wait()
		s.act("promote", "")
	}
	wait()
	if ro := s.w.Rollout(); ro.Status.StableRS != ro.Status.CurrentPodHash {
		s.t.Fatalf("the canary has not come to its end:\n%s", s.w.Show())
	}
	wait()
}

// The same autoscaler on the sum of all pods, as other controllers of Rollouts
// report it, never rests: 5 % more pods are within its tolerance, so that it
// takes their number for the one that is wanted, and the canary grows with it,
// until the sum is out of tolerance and all begins anew.
func TestTheSumOfAllPodsNeverRests(t *testing.T) {
	t.Parallel()
	a := &autoscaler{metric: "external", load: 109, target: 1}
	desired, changes, highest := int32(100), 0, int32(0)
	for range 20 {
		pods := desired + int32(math.Ceil(0.05*float64(desired)))
		wants := a.recommend(scaled{desired, pods, pods})
		if wants != desired {
			changes++
		}
		desired, highest = wants, max(highest, wants)
	}
	if changes < 20 || highest < 120 {
		t.Errorf("it changes the number of pods %d times in 20 looks, up to %d: does it matter what status.HPAReplicas says?", changes, highest)
	}
}

// A queue that is as long as its target times 0.85 makes an autoscaler shrink a
// Deployment. Through a canary of half the weight it makes a Rollout grow: the
// formula takes all ready pods for the ones that the queue belongs to. Nothing
// that a Rollout can report prevents that; docs/autoscaling.md says so.
func TestAValueIsNotNeutral(t *testing.T) {
	t.Parallel()
	a := &autoscaler{metric: "queue", load: 0.85, target: 1}
	if got := a.recommend(scaled{100, 100, 100}); got != 85 {
		t.Errorf("a Deployment of 100 pods should have %d", got)
	}
	if got := a.recommend(scaled{100, 100, 150}); got != 128 {
		t.Errorf("a Rollout of 100 pods, with 50 of a canary, should have %d", got)
	}
}
