// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ofExtras has the rules about the fields that only Sluice has. Nobody's
// manifest has them by accident, so what cannot work is refused.
var ofExtras = chapter[v1alpha1.CanaryStrategy]{
	at: ofCanary.at, parts: ofCanary.parts,
	rules: []canaryRule{
		atLeast(1, "abortRamp.decrement", func(c *v1alpha1.CanaryStrategy) *int32 {
			if c.AbortRamp == nil {
				return nil
			}
			return &c.AbortRamp.Decrement
		}),
		atLeast(1, "abortRamp.intervalSeconds", func(c *v1alpha1.CanaryStrategy) *int32 {
			if c.AbortRamp == nil {
				return nil
			}
			return &c.AbortRamp.IntervalSeconds
		}),
		atLeast(0, "drainGate.timeoutSeconds", func(c *v1alpha1.CanaryStrategy) *int32 {
			if c.DrainGate == nil {
				return nil
			}
			return &c.DrainGate.TimeoutSeconds
		}),
		extra("abortRamp", func(c *v1alpha1.CanaryStrategy) bool { return c.AbortRamp != nil }),
		extra("boundedScaleUp", func(c *v1alpha1.CanaryStrategy) bool { return c.BoundedScaleUp }),
		extra("drainGate", func(c *v1alpha1.CanaryStrategy) bool { return c.DrainGate != nil }),
		extra("prewarm", func(c *v1alpha1.CanaryStrategy) bool { return c.Prewarm }),
	},
}

// extra is a rule about a field that means nothing without a data plane.
func extra(name string, set func(*v1alpha1.CanaryStrategy) bool) canaryRule {
	return canaryRule{
		field: name, kind: field.ErrorTypeForbidden, says: "needs trafficRouting; remove it",
		holds: func(c canaryPart) bool { return !set(c.self) || routed(c.self) },
		cel:   "variables.routed || self.?" + name + ".orValue(dyn(false)) == dyn(false)",
	}
}
