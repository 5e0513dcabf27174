// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// eachRouter runs a test with both data planes.
func eachRouter(t *testing.T, test func(t *testing.T, router string)) {
	t.Helper()
	t.Parallel()
	for _, router := range routers {
		t.Run(router, func(t *testing.T) {
			t.Parallel()
			test(t, router)
		})
	}
}

// A first version is up at once, whatever the steps say; the Services are
// narrowed to it once it has all its pods, and the route is left alone. Shows
// compatibility 2.
func TestFirstDeploy(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newShop(t, order{router: router, instance: told, env: `{name: START_DELAY, value: 1s}`, steps: `
			setHeaderRoute: {name: preview, match: [{headerName: x-preview, headerValue: {exact: "yes"}}]}
			setWeight: 25
			pause: {}`})
		before := s.route()
		s.until("no Service narrowed before all pods are up", func(v view) bool {
			rs := v.sets["v1"]
			if rs != nil && rs.Status.AvailableReplicas < 4 && (v.stable != "any" || v.canary != "any") {
				t.Fatalf("adopted too early: %s", v)
			}
			return rs != nil && rs.Status.AvailableReplicas == 4
		})
		v := s.shows("Healthy 3/3; v1 4/4; stable v1, canary v1, 100/0")
		if v.ro.Status.StableRS == "" || v.ro.Status.StableRS != v.ro.Status.CurrentPodHash {
			t.Errorf("stableRS %q, currentPodHash %q", v.ro.Status.StableRS, v.ro.Status.CurrentPodHash)
		}
		if diff := cmp.Diff(before, s.route()); diff != "" {
			t.Errorf("the route was touched: -before +after\n%s", diff)
		}
		s.hasEvent("NewReplicaSetCreated")
		s.hasEvent("RolloutCompleted")
	})
}
