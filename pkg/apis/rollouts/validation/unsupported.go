// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// NotSupported is what is said of a field that is not built yet.
const NotSupported = "not supported"

// notBuilt is what can be written but is not built yet. It is refused, and
// never ignored.
type notBuilt[T any] struct {
	path string
	set  func(*T) bool
}

var specNotBuilt = []notBuilt[v1alpha1.RolloutSpec]{
	{"analysis", func(s *v1alpha1.RolloutSpec) bool { return s.Analysis != nil }},
	{"strategy.blueGreen", func(s *v1alpha1.RolloutSpec) bool { return s.Strategy.BlueGreen != nil }},
}

var canaryNotBuilt = []notBuilt[v1alpha1.CanaryStrategy]{
	{"analysis", func(c *v1alpha1.CanaryStrategy) bool { return c.Analysis != nil }},
}

var stepNotBuilt = []notBuilt[v1alpha1.CanaryStep]{
	{"analysis", func(s *v1alpha1.CanaryStep) bool { return s.Analysis != nil }},
	{"experiment", func(s *v1alpha1.CanaryStep) bool { return s.Experiment != nil }},
	{"plugin", func(s *v1alpha1.CanaryStep) bool { return s.Plugin != nil }},
}

var routingNotBuilt = []notBuilt[v1alpha1.RolloutTrafficRouting]{
	{"nginx", func(t *v1alpha1.RolloutTrafficRouting) bool { return t.Nginx != nil }},
	{"alb", func(t *v1alpha1.RolloutTrafficRouting) bool { return t.ALB != nil }},
	{"smi", func(t *v1alpha1.RolloutTrafficRouting) bool { return t.SMI != nil }},
	{"ambassador", func(t *v1alpha1.RolloutTrafficRouting) bool { return t.Ambassador != nil }},
	{"appMesh", func(t *v1alpha1.RolloutTrafficRouting) bool { return t.AppMesh != nil }},
	{"traefik", func(t *v1alpha1.RolloutTrafficRouting) bool { return t.Traefik != nil }},
	{"apisix", func(t *v1alpha1.RolloutTrafficRouting) bool { return t.Apisix != nil }},
	{"istio.destinationRule", func(t *v1alpha1.RolloutTrafficRouting) bool {
		return t.Istio != nil && t.Istio.DestinationRule != nil
	}},
}

var virtualServiceNotBuilt = []notBuilt[v1alpha1.IstioVirtualService]{
	{"tlsRoutes", func(v *v1alpha1.IstioVirtualService) bool { return len(v.TLSRoutes) > 0 }},
	{"tcpRoutes", func(v *v1alpha1.IstioVirtualService) bool { return len(v.TCPRoutes) > 0 }},
}

// refuse makes a rule of what is not built.
func refuse[T any](all []notBuilt[T]) []rule[T] {
	var rules []rule[T]
	for _, f := range all {
		rules = append(rules, rule[T]{
			field: f.path, kind: field.ErrorTypeForbidden, says: NotSupported,
			holds: func(p part[T]) bool { return !f.set(p.self) },
			cel:   optional("self", f.path) + `.orValue(dyn([])) in [dyn(false), dyn(""), dyn([])]`,
		})
	}
	return rules
}

var (
	specRefused    = chapter[v1alpha1.RolloutSpec]{ofSpec.at, ofSpec.parts, refuse(specNotBuilt)}
	canaryRefused  = chapter[v1alpha1.CanaryStrategy]{ofCanary.at, ofCanary.parts, refuse(canaryNotBuilt)}
	stepRefused    = chapter[v1alpha1.CanaryStep]{ofStep.at, ofStep.parts, refuse(stepNotBuilt)}
	routingRefused = chapter[v1alpha1.RolloutTrafficRouting]{ofRouting.at, ofRouting.parts, refuse(routingNotBuilt)}
	gatewayRefused = chapter[v1alpha1.GatewayAPITrafficRouting]{ofGateway.at, ofGateway.parts, refuse(gatewayNotBuilt())}

	virtualServiceRefused = chapter[v1alpha1.IstioVirtualService]{
		at: ofIstio.at + ".virtualService",
		parts: func(s *v1alpha1.RolloutSpec) []part[v1alpha1.IstioVirtualService] {
			var parts []part[v1alpha1.IstioVirtualService]
			for _, i := range ofIstio.parts(s) {
				if vs := i.self.VirtualService; vs != nil {
					parts = append(parts, part[v1alpha1.IstioVirtualService]{i.path.Child("virtualService"), vs, i.canary})
				}
			}
			return parts
		},
		rules: refuse(virtualServiceNotBuilt),
	}
	virtualServicesRefused = chapter[v1alpha1.IstioVirtualService]{
		at: ofIstio.at + ".virtualServices[*]",
		parts: func(s *v1alpha1.RolloutSpec) []part[v1alpha1.IstioVirtualService] {
			var parts []part[v1alpha1.IstioVirtualService]
			for _, i := range ofIstio.parts(s) {
				for n := range i.self.VirtualServices {
					parts = append(parts, part[v1alpha1.IstioVirtualService]{i.path.Child("virtualServices").Index(n), &i.self.VirtualServices[n], i.canary})
				}
			}
			return parts
		},
		rules: refuse(virtualServiceNotBuilt),
	}
)
