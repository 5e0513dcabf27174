// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

var routingPath = canaryPath.Child("trafficRouting")

// ofRouting has the rules about trafficRouting: what of wire contract 2.15,
// 14 and 18, is about no step.
var ofRouting = chapter[v1alpha1.RolloutTrafficRouting]{
	at: "spec.strategy.canary.trafficRouting",
	parts: func(s *v1alpha1.RolloutSpec) []part[v1alpha1.RolloutTrafficRouting] {
		c := s.Strategy.Canary
		if c == nil || c.TrafficRouting == nil {
			return nil
		}
		return []part[v1alpha1.RolloutTrafficRouting]{{path: routingPath, self: c.TrafficRouting, canary: c}}
	},
	rules: []rule[v1alpha1.RolloutTrafficRouting]{
		{
			kind: field.ErrorTypeRequired, advice: true, says: "no data plane is named, so that the numbers of pods are the split; name one, or remove it",
			holds: func(t part[v1alpha1.RolloutTrafficRouting]) bool { return routed(t.canary) },
			cel:   `variables.routed`,
		},
		atLeast(1, "maxTrafficWeight", func(t *v1alpha1.RolloutTrafficRouting) *int32 { return t.MaxTrafficWeight }),
		{
			field: "maxTrafficWeight", says: "only 100 is supported by",
			holds: func(t part[v1alpha1.RolloutTrafficRouting]) bool {
				return t.canary.TotalWeight() == v1alpha1.DefaultTotalWeight
			},
			needs: func(_ part[v1alpha1.RolloutTrafficRouting], f mesh.Features) bool { return f.Total },
		},
	},
}

// ofManagedRoute has the rules about each name that a managed route may have.
var ofManagedRoute = chapter[v1alpha1.ManagedRoute]{
	at: "spec.strategy.canary.trafficRouting.managedRoutes[*]",
	parts: func(s *v1alpha1.RolloutSpec) []part[v1alpha1.ManagedRoute] {
		var parts []part[v1alpha1.ManagedRoute]
		c := s.Strategy.Canary
		if c == nil || c.TrafficRouting == nil {
			return nil
		}
		for i := range c.TrafficRouting.ManagedRoutes {
			parts = append(parts, part[v1alpha1.ManagedRoute]{routingPath.Child("managedRoutes").Index(i), &c.TrafficRouting.ManagedRoutes[i], c})
		}
		return parts
	},
	rules: []rule[v1alpha1.ManagedRoute]{
		{
			field: "name", kind: field.ErrorTypeRequired, says: "routes without a name would be taken for it; name it",
			holds: func(m part[v1alpha1.ManagedRoute]) bool { return m.self.Name != "" },
			cel:   `self.name != ""`,
		},
		{
			field: "name", advice: true, says: "is named twice; its first place counts",
			holds: func(m part[v1alpha1.ManagedRoute]) bool {
				all := m.canary.TrafficRouting.ManagedRoutes
				return &all[slices.IndexFunc(all, func(o v1alpha1.ManagedRoute) bool { return o.Name == m.self.Name })] == m.self
			},
			cel:      `variables.managed.all(i, name, name != self.name || i >= i0)`,
			celValue: quoted(`self.name`),
		},
	},
}

// ofIstio has the rules about istio: of wire contract 2.15, 27.
var ofIstio = chapter[v1alpha1.IstioTrafficRouting]{
	at: "spec.strategy.canary.trafficRouting.istio",
	parts: func(s *v1alpha1.RolloutSpec) []part[v1alpha1.IstioTrafficRouting] {
		c := s.Strategy.Canary
		if c == nil || c.TrafficRouting == nil || c.TrafficRouting.Istio == nil {
			return nil
		}
		return []part[v1alpha1.IstioTrafficRouting]{{routingPath.Child("istio"), c.TrafficRouting.Istio, c}}
	},
	rules: []rule[v1alpha1.IstioTrafficRouting]{
		{
			field: "virtualService", kind: field.ErrorTypeRequired, says: "set exactly one of virtualService and virtualServices",
			holds: func(i part[v1alpha1.IstioTrafficRouting]) bool {
				return (i.self.VirtualService == nil) != (len(i.self.VirtualServices) == 0)
			},
			cel: `has(self.virtualService) != (size(self.?virtualServices.orValue([])) > 0)`,
		},
	},
}

// ofGateway has the rule about gatewayAPI, which a plugin's block of that name
// is told by the data plane itself.
var ofGateway = chapter[v1alpha1.GatewayAPITrafficRouting]{
	at: "spec.strategy.canary.trafficRouting.gatewayAPI",
	parts: func(s *v1alpha1.RolloutSpec) []part[v1alpha1.GatewayAPITrafficRouting] {
		c := s.Strategy.Canary
		if c == nil || c.TrafficRouting == nil || c.TrafficRouting.GatewayAPI == nil {
			return nil
		}
		return []part[v1alpha1.GatewayAPITrafficRouting]{{routingPath.Child("gatewayAPI"), c.TrafficRouting.GatewayAPI, c}}
	},
	rules: []rule[v1alpha1.GatewayAPITrafficRouting]{
		{
			field: "httpRoute", kind: field.ErrorTypeRequired, says: "names no route; set httpRoute or httpRoutes",
			holds: func(g part[v1alpha1.GatewayAPITrafficRouting]) bool {
				return g.self.HTTPRoute != "" || len(g.self.HTTPRoutes) > 0
			},
			cel: `self.?httpRoute.orValue("") != "" || size(self.?httpRoutes.orValue([])) > 0`,
		},
	},
}

// dataPlanes lists the fields of trafficRouting that name one. Which of them
// are built is another question.
func dataPlanes(t *v1alpha1.RolloutTrafficRouting) oneOf {
	return oneOf{
		{"istio", t.Istio != nil},
		{"gatewayAPI", t.GatewayAPI != nil},
		{"nginx", t.Nginx != nil},
		{"alb", t.ALB != nil},
		{"smi", t.SMI != nil},
		{"ambassador", t.Ambassador != nil},
		{"appMesh", t.AppMesh != nil},
		{"traefik", t.Traefik != nil},
		{"apisix", t.Apisix != nil},
		{"plugins", len(t.Plugins) > 0},
	}
}

// celRouted is routed in CEL.
const celRouted = `has(variables.routing.istio) || has(variables.routing.gatewayAPI) || has(variables.routing.nginx) || ` +
	`has(variables.routing.alb) || has(variables.routing.smi) || has(variables.routing.ambassador) || ` +
	`has(variables.routing.appMesh) || has(variables.routing.traefik) || has(variables.routing.apisix) || ` +
	`size(variables.routing.?plugins.orValue(dyn({}))) > 0`

// routed: a data plane carries the weights.
func routed(c *v1alpha1.CanaryStrategy) bool {
	return c.TrafficRouting != nil && dataPlanes(c.TrafficRouting).count() > 0
}
