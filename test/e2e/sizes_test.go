// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
)

const twoStops = `
	setWeight: 50
	pause: {}
	setWeight: 25
	pause: {}`

// Stable has the pods of its own share, on the way there, back, and at an
// abort.
func TestDynamicStableScale(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, instance: told, steps: twoStops, canary: "dynamicStableScale: true\nmaxUnavailable: 0"})
		s.shows("Healthy 4/4; v1 4/4; stable v1, canary v1, 100/0")
		s.deploy("v2")
		s.shows("Paused 1/4; v1 2/2, v2 2/2; stable v1, canary v2, 50/50")
		s.resume()
		s.shows("Paused 3/4; v1 3/3, v2 1/1; stable v1, canary v2, 75/25")
		s.abort()
		s.shows("Degraded 0/4; v1 4/4; stable v1, canary v1, 100/0")
		s.retry()
		s.shows("Paused 1/4; v1 2/2, v2 2/2; stable v1, canary v2, 50/50")
		s.promoteFull()
		s.shows("Healthy 4/4; v2 4/4; stable v2, canary v2, 100/0")
	})
}

// Two Services swap roles: no selector under weight is edited, and a promotion
// moves nothing.
func TestPingPong(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, instance: told, steps: twoStops, canary: soon + "\npingPong: {pingService: stable, pongService: canary}"})
		s.shows("Healthy 4/4; v1 4/4; stable v1, canary v1, 100/0")
		s.deploy("v2")
		s.shows("Paused 1/4; v1 4/4, v2 2/2; stable v1, canary v2, 50/50")
		s.promoteFull()
		s.shows("Healthy 4/4; v2 4/4; stable v1, canary v2, 0/100")
		s.deploy("v3")
		s.shows("Paused 1/4; v2 4/4, v3 2/2; stable v3, canary v2, 50/50")
		s.abort()
		s.shows("Degraded 0/4; v2 4/4; stable v3, canary v2, 0/100")
		s.retry()
		s.shows("Paused 1/4; v2 4/4, v3 2/2; stable v3, canary v2, 50/50")
		s.promoteFull()
		s.shows("Healthy 4/4; v3 4/4; stable v3, canary v2, 100/0")
	})
}

// A total of 1000, floors, thresholds and a rollback within the window.
func TestTotalAndSizes(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		planes := "maxTrafficWeight: 1000, gatewayAPI: {httpRoute: web}"
		if router == istio {
			planes = "maxTrafficWeight: 1000, istio: {virtualService: {name: web, routes: [main]}}"
		}
		s := newHealthyShop(t, order{
			router: router, instance: told, planes: planes,
			spec:   "rollbackWindow: {revisions: 1}",
			canary: soon + "\nminPodsPerReplicaSet: 2\nreplicaProgressThreshold: {type: Percent, value: 75}",
			steps:  "\n\tsetWeight: 5\n\tpause: {}",
		})
		s.shows("Healthy 2/2; v1 4/4; stable v1, canary v1, 1000/0")
		s.deploy("v2")
		s.shows("Paused 1/2; v1 4/4, v2 2/2; stable v1, canary v2, 995/5")
		s.resume()
		s.shows("Healthy 2/2; v2 4/4; stable v2, canary v2, 1000/0")
		s.deploy("v1")
		s.shows("Healthy 2/2; v1 4/4; stable v1, canary v1, 1000/0")
		s.hasEvent("SkipSteps")
	})
}
