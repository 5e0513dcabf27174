// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"

	"pgregory.net/rapid"
)

// takeOver is what may go wrong while a Deployment gives way to the first version.
// Then all is well again, and the user goes on where the rollout is aborted.
func (s *simulation) takeOver() {
	for range rapid.IntRange(2, 8).Draw(s.t, "troubles") {
		switch rapid.SampledFrom([]string{"ready", "ready", "ready", "sleep", "awake", "scale", "resize", "user", "hold", "deliver", "fail", "blind", "service"}).Draw(s.t, "trouble") {
		case "ready":
			s.do("ready", "", "v1", rapid.SampledFrom([]string{"0", "1", "3", "all", "all"}).Draw(s.t, "pods"))
		case "sleep":
			s.do("sleep", "", "controller", rapid.SampledFrom([]string{"replicasets", "endpointslices"}).Draw(s.t, "controller"))
		case "scale":
			s.do("scale", "", "to", rapid.SampledFrom([]string{"1", "3", "12"}).Draw(s.t, "to"))
		case "resize":
			s.do("resize", "", "to", rapid.SampledFrom([]string{"1", "3", "12"}).Draw(s.t, "to"))
		case "user":
			s.do(rapid.SampledFrom([]string{"abort", "retry", "pause", "unpause"}).Draw(s.t, "user"), "")
		case "hold":
			s.do("hold", "", "resource", rapid.SampledFrom([]string{"rollouts", "replicasets", "endpointslices", "deployments"}).Draw(s.t, "held"))
		case "fail":
			s.do("fail", "", "how", rapid.SampledFrom([]string{"refused", "lost", "unanswered"}).Draw(s.t, "how"))
		case "blind":
			s.do("blind", "", "resource", rapid.SampledFrom([]string{"deployments", "httproutes", "virtualservices", "testroutes"}).Draw(s.t, "unread"))
		case "service":
			if s.trial.mesh != "none" {
				s.do("remove", "", "service", rapid.SampledFrom([]string{"stable", "canary"}).Draw(s.t, "service"))
			}
		default:
			s.do("awake", "")
			s.do("deliver", "")
		}
		for range rapid.IntRange(1, 3).Draw(s.t, "rounds") {
			s.round()
		}
		s.do("wait", "", "for", rapid.SampledFrom([]string{"600ms", "3s", "6s", "6s"}).Draw(s.t, "for"))
		s.round()
	}
	for _, command := range []string{"restore", "unpause", "retry"} {
		s.do(command, "")
	}
	s.do("scale", "", "to", fmt.Sprint(s.trial.replicas))
	s.do("resize", "", "to", fmt.Sprint(s.trial.replicas))
	s.do("ready", "", "v1", "all")
	s.do("auto", "")
	s.do("wait", "", "for", "35s")
}
