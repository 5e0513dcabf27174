// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// takeOver is what may go wrong while a Deployment gives way to the first version.
// Then all is well again, and the user goes on where the rollout is aborted.
func (s *simulation) takeOver() {
	s.do("ready", "", "v1", rapid.SampledFrom([]string{"0", "1", "3", "all"}).Draw(s.t, "first pods"))
	for range rapid.IntRange(1, 3).Draw(s.t, "first rounds") {
		s.round()
		s.do("wait", "", "for", "6s")
	}
	for range rapid.IntRange(1, 4).Draw(s.t, "troubles") {
		s.round()
		s.trouble()
		s.do("ready", "", "v1", rapid.SampledFrom([]string{"0", "1", "3", "all", "all"}).Draw(s.t, "pods"))
		for range rapid.IntRange(1, 3).Draw(s.t, "rounds") {
			s.round()
			s.do("wait", "", "for", rapid.SampledFrom([]string{"600ms", "3s", "6s", "6s"}).Draw(s.t, "for"))
		}
		s.round()
	}
	for _, command := range []string{"deliver", "restore", "unpause", "retry"} {
		s.do(command, "")
	}
	s.do("scale", "", "to", fmt.Sprint(s.trial.replicas))
	s.do("resize", "", "to", fmt.Sprint(s.trial.replicas))
	s.do("ready", "", "v1", "all")
	s.do("auto", "")
	s.do("wait", "", "for", "35s")
}

// trouble while a Deployment gives way.
func (s *simulation) trouble() {
	drawn := func(command, arg string, values ...string) func() {
		return func() { s.do(command, "", arg, rapid.SampledFrom(values).Draw(s.t, arg)) }
	}
	routeLost := func() {
		s.do("remove", "", "route", "web", "of", rapid.SampledFrom(s.resources()).Draw(s.t, "route"))
	}
	troubles := []func(){
		drawn("sleep", "controller", "replicasets", "endpointslices"),
		func() { s.do("sleep", "", "controller", "endpointslices") },
		drawn("scale", "to", "1", "3", "12"),
		drawn("resize", "to", "1", "3", "12"),
		func() { s.do("abort", "") },
		func() { s.do("pause", "") },
		func() { s.do("awake", ""); s.do("deliver", ""); s.do("unpause", "") },
		drawn("hold", "resource", "rollouts", "replicasets", "endpointslices", "deployments"),
		drawn("fail", "how", "refused", "lost", "unanswered"),
		s.raised, s.lowered,
		func() { s.do("restart-controller", "", "unread", "workloads") }, s.halfRead,
	}
	if s.trial.mesh != "none" {
		troubles = append(troubles, drawn("remove", "service", "stable", "canary"))
	}
	if s.trial.routed() {
		troubles = append(troubles, func() {
			s.doubt(s.t, rapid.SampledFrom(s.resources()).Draw(s.t, "resource"))
			s.do("weigh", "", "canary", "40")
		}, routeLost)
	} else {
		troubles = append(troubles, slices.Repeat([]func(){s.raised}, 8)...) // the whole of a Service is at stake
	}
	rapid.SampledFrom(troubles).Draw(s.t, "trouble")()
}

// few pods are wanted, and all of them are there.
func (s *simulation) few() {
	s.do("scale", "", "to", "1")
	s.round()
	s.do("ready", "", "v1", "all")
	s.round()
}

// raised from few pods, which are all there, to more than the Deployment has.
func (s *simulation) raised() {
	s.few()
	s.do("scale", "", "to", "12")
	s.do("wait", "", "for", "3s")
	s.do("sync", "", "loop", "slots")
}

// halfRead: a controller that has just been started knows the pods of few, but not
// that the Deployment has more.
func (s *simulation) halfRead() {
	s.few()
	s.do("restart-controller", "", "unread", "workloads")
	s.do("sync", "", "loop", "slots")
}

// lowered in the moment in which all pods are there.
func (s *simulation) lowered() {
	s.do("ready", "", "v1", "all")
	s.do("scale", "", "to", "1")
	s.do("wait", "", "for", "3s")
	s.do("sync", "", "loop", "slots")
}
