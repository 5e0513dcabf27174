// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type (
	canaryPart = part[v1alpha1.CanaryStrategy]
	canaryRule = rule[v1alpha1.CanaryStrategy]
)

var canaryPath = specPath.Child("strategy", "canary")

// ofCanary has the rules about the strategy: wire contract 2.15, 9 to 14 and
// 21.
var ofCanary = chapter[v1alpha1.CanaryStrategy]{
	at: "spec.strategy.canary",
	parts: func(s *v1alpha1.RolloutSpec) []canaryPart {
		if s.Strategy.Canary == nil {
			return nil
		}
		return []canaryPart{{path: canaryPath, self: s.Strategy.Canary, canary: s.Strategy.Canary}}
	},
	rules: []canaryRule{
		bound("maxSurge", func(c *v1alpha1.CanaryStrategy) *intstr.IntOrString { return c.MaxSurge }),
		bound("maxUnavailable", func(c *v1alpha1.CanaryStrategy) *intstr.IntOrString { return c.MaxUnavailable }),
		{
			field: "maxSurge", says: "maxSurge and maxUnavailable both can not be zero; raise one of them",
			holds: func(c canaryPart) bool { return !isZero(c.self.MaxSurge) || !isZero(c.self.MaxUnavailable) },
			value: func(c canaryPart) any { return c.self.MaxSurge.String() },
			cel: `!has(self.maxSurge) || !has(self.maxUnavailable) ||
				!(string(self.maxSurge).matches("^[+-]?0+%?$") && string(self.maxUnavailable).matches("^[+-]?0+%?$"))`,
			celValue: quoted(`self.maxSurge`),
		},
		{
			field: "stableService", says: "must not be the same Service as canaryService",
			holds: func(c canaryPart) bool {
				return c.self.StableService == "" || c.self.StableService != c.self.CanaryService
			},
			cel:      `self.?stableService.orValue("") == "" || self.stableService != self.?canaryService.orValue("")`,
			celValue: quoted(`self.stableService`),
		},
		roleService("stableService", "stable", func(c *v1alpha1.CanaryStrategy) string { return c.StableService }),
		roleService("canaryService", "canary", func(c *v1alpha1.CanaryStrategy) string { return c.CanaryService }),
		pingPongService("pingService", func(p *v1alpha1.PingPongSpec) string { return p.PingService }),
		pingPongService("pongService", func(p *v1alpha1.PingPongSpec) string { return p.PongService }),
		{
			field: "pingPong.pongService", says: "must not be the same Service as pingService",
			holds: func(c canaryPart) bool {
				p := c.self.PingPong
				return p == nil || p.PingService == "" || p.PingService != p.PongService
			},
			cel:      `self.?pingPong.?pingService.orValue("") == "" || self.pingPong.pingService != self.pingPong.?pongService.orValue("")`,
			celValue: quoted(`self.pingPong.pongService`),
		},
		{
			field: "pingPong", kind: field.ErrorTypeForbidden, says: "is not supported by",
			holds: func(c canaryPart) bool { return c.self.PingPong == nil },
			needs: func(_ canaryPart, f mesh.Features) bool { return f.PingPong },
		},
		{
			field: "pingPong", kind: field.ErrorTypeForbidden, advice: true, says: "has no effect without trafficRouting; remove it",
			holds: func(c canaryPart) bool { return c.self.PingPong == nil || routed(c.self) },
			cel:   `!has(self.pingPong) || variables.routed`,
		},
		atLeast(0, "scaleDownDelaySeconds", func(c *v1alpha1.CanaryStrategy) *int32 { return c.ScaleDownDelaySeconds }),
		atLeast(0, "abortScaleDownDelaySeconds", func(c *v1alpha1.CanaryStrategy) *int32 { return c.AbortScaleDownDelaySeconds }),
		{
			field: "scaleDownDelaySeconds", says: "can only be set with trafficRouting; remove it",
			holds: func(c canaryPart) bool { return c.self.ScaleDownDelaySeconds == nil || c.self.TrafficRouting != nil },
			cel:   `!has(self.scaleDownDelaySeconds) || has(self.trafficRouting)`,
		},
		{
			field: "scaleDownDelaySeconds", says: "can not be set with dynamicStableScale, which scales down with the weight; remove one of both",
			holds: func(c canaryPart) bool { return c.self.ScaleDownDelaySeconds == nil || !c.self.DynamicStableScale },
			cel:   `!has(self.scaleDownDelaySeconds) || !self.?dynamicStableScale.orValue(false)`,
		},
		{
			field: "dynamicStableScale", kind: field.ErrorTypeForbidden, says: "can only be set with trafficRouting; remove it",
			holds: func(c canaryPart) bool { return !c.self.DynamicStableScale || routed(c.self) },
			cel:   `!self.?dynamicStableScale.orValue(false) || variables.routed`,
		},
		advise(atLeast(0, "scaleDownDelayRevisionLimit", func(c *v1alpha1.CanaryStrategy) *int32 { return c.ScaleDownDelayRevisionLimit })),
		advise(atLeast(0, "minPodsPerReplicaSet", func(c *v1alpha1.CanaryStrategy) *int32 { return c.MinPodsPerReplicaSet })),
		{
			field: "replicaProgressThreshold.type", says: "must be Percent or Pods",
			holds: func(c canaryPart) bool {
				t := c.self.ReplicaProgressThreshold
				return t == nil || t.Type == v1alpha1.ThresholdPercent || t.Type == v1alpha1.ThresholdPods
			},
			cel:      `!has(self.replicaProgressThreshold) || self.replicaProgressThreshold.type in ["Percent", "Pods"]`,
			celValue: quoted(`self.replicaProgressThreshold.type`),
		},
		{
			field: "replicaProgressThreshold.value", advice: true, says: "below 0 all pods are wanted, and above 100 percent no more than all; must be 0 to 100",
			holds: func(c canaryPart) bool {
				t := c.self.ReplicaProgressThreshold
				return t == nil || t.Value >= 0 && (t.Value <= 100 || t.Type != v1alpha1.ThresholdPercent)
			},
			cel: `!has(self.replicaProgressThreshold) || self.replicaProgressThreshold.value >= 0 &&
				(self.replicaProgressThreshold.value <= 100 || self.replicaProgressThreshold.type != "Percent")`,
		},
		{
			field: "antiAffinity", says: "set exactly one of preferredDuringSchedulingIgnoredDuringExecution and requiredDuringSchedulingIgnoredDuringExecution",
			holds: func(c canaryPart) bool { return c.self.AntiAffinity == nil || affinities(c).count() == 1 },
			value: func(c canaryPart) any { return affinities(c).String() },
			cel: `!has(self.antiAffinity) || has(self.antiAffinity.preferredDuringSchedulingIgnoredDuringExecution) !=
				has(self.antiAffinity.requiredDuringSchedulingIgnoredDuringExecution)`,
			celValue: `(has(self.antiAffinity.requiredDuringSchedulingIgnoredDuringExecution) ?
				'"preferredDuringSchedulingIgnoredDuringExecution, requiredDuringSchedulingIgnoredDuringExecution"' : '""')`,
		},
		{
			field: "antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight", says: "must be between 1 and 100",
			holds: func(c canaryPart) bool {
				a := c.self.AntiAffinity
				return a == nil || a.PreferredDuringSchedulingIgnoredDuringExecution == nil || within(a.PreferredDuringSchedulingIgnoredDuringExecution.Weight, 1, 100)
			},
			cel: `self.?antiAffinity.?preferredDuringSchedulingIgnoredDuringExecution.?weight.orValue(1) >= 1 &&
				self.?antiAffinity.?preferredDuringSchedulingIgnoredDuringExecution.?weight.orValue(1) <= 100`,
		},
	},
}

// bound is a rule about maxSurge or maxUnavailable.
func bound(name string, of func(*v1alpha1.CanaryStrategy) *intstr.IntOrString) canaryRule {
	return canaryRule{
		field: name, says: "must be a number or a percentage, 0 or more",
		holds: func(c canaryPart) bool {
			n, err := v1alpha1.ParseBound(of(c.self), 100, true)
			return err == nil && n >= 0
		},
		value:    func(c canaryPart) any { return of(c.self).String() },
		cel:      fmt.Sprintf(`!has(self.%s) || string(self.%s).matches("^([+]?[0-9]+%%?|-0+%%?)$")`, name, name),
		celValue: quoted("self." + name),
	}
}

func isZero(b *intstr.IntOrString) bool {
	n, err := v1alpha1.ParseBound(b, 100, true)
	return b != nil && err == nil && n == 0
}

// roleService is a rule about a Service that traffic is sent to.
func roleService(name, side string, of func(*v1alpha1.CanaryStrategy) string) canaryRule {
	return canaryRule{
		field: name, kind: field.ErrorTypeRequired, says: "traffic is split between two Services; name the " + side + " one",
		holds: func(c canaryPart) bool { return of(c.self) != "" || c.self.PingPong != nil || !routed(c.self) },
		cel:   fmt.Sprintf(`self.?%s.orValue("") != "" || has(self.pingPong) || !variables.routed`, name),
	}
}

func pingPongService(name string, of func(*v1alpha1.PingPongSpec) string) canaryRule {
	return canaryRule{
		field: "pingPong." + name, kind: field.ErrorTypeRequired, says: "the roles swap between two Services; name both",
		holds: func(c canaryPart) bool { return c.self.PingPong == nil || of(c.self.PingPong) != "" },
		cel:   fmt.Sprintf(`!has(self.pingPong) || self.pingPong.?%s.orValue("") != ""`, name),
	}
}

// advise makes advice of a rule.
func advise[T any](r rule[T]) rule[T] {
	r.advice = true
	return r
}

func affinities(c canaryPart) oneOf {
	return oneOf{
		{"preferredDuringSchedulingIgnoredDuringExecution", c.self.AntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution != nil},
		{"requiredDuringSchedulingIgnoredDuringExecution", c.self.AntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil},
	}
}

func within(n, least, most int32) bool { return n >= least && n <= most }
