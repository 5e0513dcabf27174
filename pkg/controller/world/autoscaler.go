// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The HorizontalPodAutoscaler looks this often, and leaves the number of pods
// alone while the load is this near to the target.
const (
	autoscalerPeriod    = 15 * time.Second
	autoscalerTolerance = 0.1
)

// autoscaler is a HorizontalPodAutoscaler without limits and without patience,
// beside a twin that scales a Deployment under the same load.
type autoscaler struct {
	// metric is cpu (a Resource, or Pods with an average value), external (an
	// average value of External or Object) or queue (a value of either).
	metric string
	// load of all pods together, and what one pod should have of it; of a
	// queue, its length and what that should be.
	load, target float64
	next         time.Time
	// twin is the size of the Deployment.
	twin int32
	// said since the last time: what it wants of the Rollout, of the twin.
	said, twinSaid []int32
}

// doAutoscaler starts it, or changes what it sees: autoscaler metric=cpu
// load=10 target=1.
func (w *World) doAutoscaler(args map[string]string, _ string) error {
	load, err := strconv.ParseFloat(args["load"], 64)
	if err != nil {
		return err
	}
	target, err := strconv.ParseFloat(args["target"], 64)
	if err != nil {
		return err
	}
	if w.autoscaler == nil {
		w.autoscaler = &autoscaler{next: w.Clock.Now(), twin: w.Rollout().Spec.Desired()}
	}
	w.autoscaler.metric, w.autoscaler.load, w.autoscaler.target = args["metric"], load, target
	return nil
}

// pods that an autoscaler sees: what the scale subresource says is wanted and
// is there, and the ready ones that its selector matches.
type scaled struct{ spec, status, ready int32 }

// recommend is the formula of the HorizontalPodAutoscaler, as the replica
// calculator of Kubernetes has it.
func (a *autoscaler) recommend(s scaled) int32 {
	within := func(ratio float64) bool { return math.Abs(1-ratio) <= autoscalerTolerance }
	switch a.metric {
	case "cpu":
		ratio := math.Floor(100*a.load/float64(s.ready)/a.target) / 100 // it counts in percent
		if s.ready == 0 || within(ratio) {
			return s.spec
		}
		return int32(math.Ceil(ratio * float64(s.ready)))
	case "external":
		if within(a.load / (a.target * float64(s.status))) {
			return s.status
		}
		return int32(math.Ceil(a.load / a.target))
	default:
		ratio := a.load / a.target
		if within(ratio) {
			return s.spec
		}
		return int32(math.Ceil(ratio * float64(s.ready)))
	}
}

// autoscale lets it look once, and act.
func (w *World) autoscale() {
	a := w.autoscaler
	a.next = w.Clock.Now().Add(autoscalerPeriod)
	ro := w.Rollout()
	if ro == nil || ro.Spec.Desired() == 0 {
		return
	}
	seen := scaled{spec: ro.Spec.Desired(), status: ro.Status.HPAReplicas}
	for _, key := range w.setsByNumber() {
		seen.ready += w.set(key).Status.ReadyReplicas
	}
	wants := a.recommend(seen)
	a.judge(w, seen.spec, wants)
	a.twin = a.recommend(scaled{a.twin, a.twin, a.twin})
	a.said, a.twinSaid = append(a.said, wants), append(a.twinSaid, a.twin)
	if wants != seen.spec {
		must(w.PatchSpec(fmt.Sprintf(`{"spec":{"replicas":%d}}`, wants)))
	}
}

// judge is invariant 10: from a size at which a Deployment could rest under
// this load, it never goes to one at which that could not. Of a queue nothing
// is promised.
func (a *autoscaler) judge(w *World, has, wants int32) {
	need := int64(math.Ceil(a.load / a.target * 1000)) // thousandths, so that need() rounds and not the float
	fits := func(pods int32) bool {
		return int64(pods) >= need/1100 && int64(pods) <= max((need+999)/1000, need/900)
	}
	if a.metric != "queue" && fits(has) && !fits(wants) {
		w.Breaches = append(w.Breaches, fmt.Sprintf("INV-10: %d -> %d pods for a load of %v", has, wants, a.load/a.target))
	}
}

// show what it wanted since the last time.
func (a *autoscaler) show(b *strings.Builder) {
	if len(a.said) > 0 {
		fmt.Fprintf(b, "  autoscaler: %s; of a Deployment: %s\n", counted(a.said), counted(a.twinSaid))
	}
	a.said, a.twinSaid = nil, nil
}

// counted writes what is said several times in a row once.
func counted(list []int32) string {
	var words []string
	for i := 0; i < len(list); {
		n := i
		for n < len(list) && list[n] == list[i] {
			n++
		}
		word := fmt.Sprint(list[i])
		if n-i > 1 {
			word = fmt.Sprintf("%d (%d times)", list[i], n-i)
		}
		words, i = append(words, word), n
	}
	return strings.Join(words, ", ")
}
