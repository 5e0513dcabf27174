// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// notBuilt is what can be written but is not built yet. It is refused, and
// never ignored.
type notBuilt struct {
	path string
	set  func(*v1alpha1.RolloutSpec) bool
}

var specNotBuilt = []notBuilt{
	{"workloadRef", func(s *v1alpha1.RolloutSpec) bool { return s.WorkloadRef != nil }},
	{"analysis", func(s *v1alpha1.RolloutSpec) bool { return s.Analysis != nil }},
	{"strategy.blueGreen", func(s *v1alpha1.RolloutSpec) bool { return s.Strategy.BlueGreen != nil }},
}

var canaryNotBuilt = []struct {
	path string
	set  func(*v1alpha1.CanaryStrategy) bool
}{
	{"analysis", func(c *v1alpha1.CanaryStrategy) bool { return c.Analysis != nil }},
	{"antiAffinity", func(c *v1alpha1.CanaryStrategy) bool { return c.AntiAffinity != nil }},
	{"canaryMetadata", func(c *v1alpha1.CanaryStrategy) bool { return c.CanaryMetadata != nil }},
	{"stableMetadata", func(c *v1alpha1.CanaryStrategy) bool { return c.StableMetadata != nil }},
}

var stepNotBuilt = []struct {
	path string
	set  func(*v1alpha1.CanaryStep) bool
}{
	{"analysis", func(s *v1alpha1.CanaryStep) bool { return s.Analysis != nil }},
	{"experiment", func(s *v1alpha1.CanaryStep) bool { return s.Experiment != nil }},
	{"plugin", func(s *v1alpha1.CanaryStep) bool { return s.Plugin != nil }},
}

var routingNotBuilt = []struct {
	path string
	set  func(*v1alpha1.RolloutTrafficRouting) bool
}{
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

var virtualServiceNotBuilt = []struct {
	path string
	set  func(*v1alpha1.IstioVirtualService) bool
}{
	{"tlsRoutes", func(v *v1alpha1.IstioVirtualService) bool { return len(v.TLSRoutes) > 0 }},
	{"tcpRoutes", func(v *v1alpha1.IstioVirtualService) bool { return len(v.TCPRoutes) > 0 }},
}

// gatewayKeys are the fields of the Gateway API block that are built.
var gatewayKeys = map[string]bool{"httpRoute": true, "httpRoutes": true, "rules": true, "namespace": true}

func unsupported(s *v1alpha1.RolloutSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	refuse := func(at *field.Path) { errs = append(errs, field.Forbidden(at, "not supported")) }
	for _, f := range specNotBuilt {
		if f.set(s) {
			refuse(path.Child(f.path))
		}
	}
	c := s.Strategy.Canary
	if c == nil {
		return errs
	}
	path = path.Child("strategy", "canary")
	for _, f := range canaryNotBuilt {
		if f.set(c) {
			refuse(path.Child(f.path))
		}
	}
	for i, step := range c.Steps {
		at := path.Child("steps").Index(i)
		for _, f := range stepNotBuilt {
			if f.set(&step) {
				refuse(at.Child(f.path))
			}
		}
	}
	if t := c.TrafficRouting; t != nil {
		path = path.Child("trafficRouting")
		for _, f := range routingNotBuilt {
			if f.set(t) {
				refuse(path.Child(f.path))
			}
		}
		errs = append(errs, unsupportedIstio(t.Istio, path.Child("istio"))...)
		errs = append(errs, unsupportedGateway(t, path)...)
	}
	return errs
}

func unsupportedIstio(istio *v1alpha1.IstioTrafficRouting, path *field.Path) field.ErrorList {
	if istio == nil {
		return nil
	}
	var errs field.ErrorList
	check := func(v *v1alpha1.IstioVirtualService, path *field.Path) {
		for _, f := range virtualServiceNotBuilt {
			if f.set(v) {
				errs = append(errs, field.Forbidden(path.Child(f.path), "not supported"))
			}
		}
	}
	if istio.VirtualService != nil {
		check(istio.VirtualService, path.Child("virtualService"))
	}
	for i := range istio.VirtualServices {
		check(&istio.VirtualServices[i], path.Child("virtualServices").Index(i))
	}
	return errs
}
