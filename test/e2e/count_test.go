// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// newCounted is a shop whose controller acts on nothing else, under an account
// of the namespace: the audit log can tell its requests.
func newCounted(t *testing.T, o order) *shop {
	t.Helper()
	// The namespace is made first, so that the instance can be named after it.
	o.instance = "counted"
	s := newShop(t, o)
	namespacedController(t, s.ns, "--instance-id=counted", "--leader-elect=true")
	s.until("Healthy", func(v view) bool { return v.phase == "Healthy" })
	return s
}

// routeResource is that of a router.
func routeResource(router string) string {
	if router == istio {
		return virtualServices.Resource
	}
	return httpRoutes.Resource
}

// edge case 24: what a setWeight step costs, and what it takes for a resume to
// reach the route. Nothing is read in all of it.
func TestCostOfSteps(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newCounted(t, order{router: router, canary: soon, steps: `
			setWeight: 25
			pause: {}
			setWeight: 50
			pause: {}
			setWeight: 50
			pause: {}`})
		user := userOf(s.ns)
		s.deploy("v2")
		s.shows("Paused 1/6; v1 4/4, v2 1/1; stable v1, canary v2, 75/25")
		s.quiet()

		// From 25 to 50: one pod more.
		since := time.Now()
		s.resume()
		s.shows("Paused 3/6; v1 4/4, v2 2/2; stable v1, canary v2, 50/50")
		took := time.Since(since)
		s.quiet()
		requests := requestsOf(user, since)
		writes := count(requests, isWrite)
		status, counters := s.statusWrites(2, since)
		cost := []struct {
			what      string
			have, max int
		}{
			{"route", sum(writes, " "+routeResource(router)), 1},
			{"ReplicaSet", sum(writes, " replicasets"), 1},
			{"status", status, 2},
			{"counter", counters, int(took/(500*time.Millisecond)) + 1},
			{"Service", sum(writes, " services"), 0},
			{"other", sum(writes, " rollouts") - sum(writes, " rollouts/status"), 0},
		}
		for _, c := range cost {
			figure(fmt.Sprintf("%s writes of a setWeight step, %s", c.what, router), fmt.Sprintf("%d (at most %d)", c.have, c.max))
			if c.have > c.max {
				t.Errorf("%d writes of %s, want at most %d", c.have, c.what, c.max)
			}
		}
		if reads := count(requests, isRead); len(reads) > 0 {
			t.Errorf("read in the course of a step: %v", reads)
		}
		if t.Failed() {
			t.Log(list(requests))
		}
	})
}

// statusWrites counts what was written while a step was the current one, and
// apart from that what changes nothing but what is counted and waited for: it
// is held back for up to 500 ms, so that how much there is of it depends on how
// long pods take.
func (s *shop) statusWrites(step int32, since time.Time) (writes, counters int) {
	s.t.Helper()
	var before *v1alpha1.RolloutStatus
	for _, w := range all.tape.of("/registry/argoproj.io/rollouts/"+s.ns+"/"+name, since) {
		var ro v1alpha1.Rollout
		if err := json.Unmarshal(w.Object, &ro); err != nil {
			s.t.Fatal(err)
		}
		after := withoutCounters(&ro.Status)
		if w := after.Canary.Weights; before != nil && w != nil && w.Verified != nil && !*w.Verified {
			after.Canary.Weights = before.Canary.Weights // still on its way, and held back too
		}
		switch {
		case before == nil || before.CurrentStepIndex == nil || *before.CurrentStepIndex != step:
		case equality.Semantic.DeepEqual(before, after):
			counters++
		default:
			writes++
		}
		before = after
	}
	if writes == 0 {
		s.t.Errorf("step %d was never left", step)
	}
	return writes, counters
}

func withoutCounters(st *v1alpha1.RolloutStatus) *v1alpha1.RolloutStatus {
	st = st.DeepCopy()
	st.Replicas, st.UpdatedReplicas, st.ReadyReplicas, st.AvailableReplicas, st.HPAReplicas, st.BlockedOn, st.Message = 0, 0, 0, 0, 0, nil, ""
	for i := range st.Conditions {
		st.Conditions[i].LastUpdateTime = metav1.Time{}
	}
	return st
}

// edge case 9: a resume reaches the route with the second write: status, then the
// route.
func TestLatencyOfResume(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		// The canary has all its pods before, so that nothing is waited for.
		s := newCounted(t, order{router: router, canary: soon, steps: `
			setCanaryScale: {replicas: 4}
			setWeight: 25
			pause: {}
			setWeight: 75
			pause: {}`})
		s.deploy("v2")
		s.shows("Paused 2/5; v1 4/4, v2 4/4; stable v1, canary v2, 75/25")
		s.quiet()
		since := time.Now()
		s.resume()
		s.shows("Paused 4/5; v1 4/4, v2 4/4; stable v1, canary v2, 25/75")
		requests := requestsOf(userOf(s.ns), since)
		before := 0
		for _, r := range requests {
			if isWrite(r) {
				before++
			}
			if r.ObjectRef.Resource == routeResource(router) && isWrite(r) {
				break
			}
		}
		figure("writes in series until a resume reaches the route, "+router, fmt.Sprintf("%d (at most 2)", before))
		if before > 2 || before == 0 {
			t.Errorf("%d writes until the route, want 2\n%s", before, list(requests))
		}
		if reads := count(requests, isRead); len(reads) > 0 {
			t.Errorf("read in the course of a step: %v", reads)
		}
	})
}

// quiet waits until the shop's controller has had nothing to write for a
// while: what is counted from then on belongs to what comes next.
func (s *shop) quiet() {
	s.t.Helper()
	const while = 1500 * time.Millisecond
	var last time.Time
	eventually(s.t, func() error {
		for _, r := range requestsOf(userOf(s.ns), last) {
			if isWrite(r) {
				last = r.StageTimestamp
			}
		}
		if since := time.Since(last); since < while {
			return fmt.Errorf("the last write was %s ago", since)
		}
		return nil
	})
}

// A rollout at rest, and one that waits for its user, cause nothing but the
// renewal of the lease.
func TestQuietAtRest(t *testing.T) {
	t.Parallel()
	const length = time.Minute
	for _, router := range routers {
		for _, state := range []string{"at rest", "paused"} {
			t.Run(router+" "+state, func(t *testing.T) {
				t.Parallel()
				s := newCounted(t, order{router: router, steps: half, canary: soon})
				if state == "paused" {
					s.deploy("v2")
					s.shows(atHalf2)
				}
				s.quiet()
				user, since := userOf(s.ns), time.Now()
				var requests []request
				for end := since.Add(length); time.Now().Before(end) && len(requests) == 0; time.Sleep(time.Second) {
					requests = requests[:0]
					for _, r := range requestsOf(user, since) {
						if !isRenewed(r) {
							requests = append(requests, r)
						}
					}
				}
				figure(fmt.Sprintf("requests of a rollout %s in %s, but for the lease, %s", state, length, router), len(requests))
				if len(requests) > 0 {
					t.Errorf("not quiet:\n%s", list(requests))
				}
				if renewals := count(requestsOf(user, since), isLease); len(renewals) == 0 {
					t.Error("the lease was not renewed: nothing was looked at")
				}
			})
		}
	}
}
