// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import "testing"

const quarters = `
	setWeight: 25
	pause: {}
	setWeight: 75
	pause: {}`

// eachBasic runs a test without a data plane, with and without role Services.
func eachBasic(t *testing.T, test func(t *testing.T, s *shop, roles func(stable, canary string) string)) {
	t.Helper()
	t.Parallel()
	for _, router := range []string{none, services} {
		t.Run(router, func(t *testing.T) {
			t.Parallel()
			roles := func(stable, canary string) string { return "stable " + stable + ", canary " + canary }
			if router == none {
				roles = func(string, string) string { return "stable any, canary any" }
			}
			s := newHealthyShop(t, order{router: router, steps: quarters})
			s.shows("Healthy 4/4; v1 4/4; " + roles("v1", "v1"))
			s.deploy("v2")
			s.shows("Paused 1/4; v1 3/3, v2 1/1; " + roles("v1", "v2"))
			test(t, s, roles)
		})
	}
}

// Without a data plane the numbers of pods are the weights.
func TestBasicCanary(t *testing.T) {
	eachBasic(t, func(_ *testing.T, s *shop, roles func(stable, canary string) string) {
		s.resume()
		s.shows("Paused 3/4; v1 1/1, v2 3/3; " + roles("v1", "v2"))
		s.scale(8)
		s.shows("Paused 3/4; v1 2/2, v2 6/6; " + roles("v1", "v2"))
		s.resume()
		s.shows("Healthy 4/4; v2 8/8; " + roles("v2", "v2"))
	})
}

func TestBasicAbort(t *testing.T) {
	eachBasic(t, func(_ *testing.T, s *shop, roles func(stable, canary string) string) {
		s.abort()
		s.shows("Degraded 0/4; v1 4/4; " + roles("v1", "v1"))
		s.retry()
		s.shows("Paused 1/4; v1 3/3, v2 1/1; " + roles("v1", "v2"))
		s.promoteFull()
		s.shows("Healthy 4/4; v2 4/4; " + roles("v2", "v2"))
	})
}

func TestBasicThirdRevisionAndBack(t *testing.T) {
	eachBasic(t, func(_ *testing.T, s *shop, roles func(stable, canary string) string) {
		s.deploy("v3")
		s.shows("Paused 1/4; v1 3/3, v3 1/1; " + roles("v1", "v3"))
		s.deploy("v1")
		s.shows("Healthy 4/4; v1 4/4; " + roles("v1", "v1"))
	})
}

// Without steps a new version takes over as soon as it has all its pods.
func TestWithoutSteps(t *testing.T) {
	t.Parallel()
	for _, router := range []string{none, services, gateway, istio} {
		t.Run(router, func(t *testing.T) {
			t.Parallel()
			o := order{router: router}
			if router == gateway || router == istio {
				o.canary = soon
			}
			s := newHealthyShop(t, o)
			s.deploy("v2")
			v := s.until("v2 alone", func(v view) bool {
				return v.phase == "Healthy" && v.sets["v2"] != nil && v.sets["v2"].Status.AvailableReplicas == 4 && v.sets["v1"].Status.Replicas == 0
			})
			if v.ro.Status.StableRS != v.ro.Status.CurrentPodHash || v.stable != v.canary {
				t.Errorf("not promoted: %s", v)
			}
		})
	}
}
