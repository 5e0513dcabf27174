// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import "testing"

// What comes first, where no managed route holds anything back by itself: weight
// goes before the pods that carried it, and before the Service is re-pointed.
func TestOrderOfWrites(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, replicas: 8, canary: soon, steps: `
			setWeight: 75
			pause: {}
			setWeight: 25
			pause: {}`})
		s.deploy("v2")
		s.shows("Paused 1/4; v1 8/8, v2 6/6; stable v1, canary v2, 25/75")
		s.resume()
		s.shows("Paused 3/4; v1 8/8, v2 2/2; stable v1, canary v2, 75/25")
		s.deploy("v3")
		s.shows("Paused 1/4; v1 8/8, v3 6/6; stable v1, canary v3, 25/75")
		s.scale(4)
		s.shows("Paused 1/4; v1 4/4, v3 3/3; stable v1, canary v3, 25/75")
		s.deploy("v1")
		s.shows("Healthy 4/4; v1 4/4; stable v1, canary v1, 100/0")
		noBreach(t, s.ns)
	})
}
