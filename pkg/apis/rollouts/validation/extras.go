// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateExtras is for the fields that only Sluice has. Nobody's manifest has
// them by accident, so what cannot work is refused.
func validateExtras(c *v1alpha1.CanaryStrategy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	atLeast := func(path *field.Path, least, n int32, what string) {
		if n < least {
			errs = append(errs, field.Invalid(path, n, what))
		}
	}
	if r := c.AbortRamp; r != nil {
		atLeast(path.Child("abortRamp", "decrement"), 1, r.Decrement, "must be 1 or more")
		atLeast(path.Child("abortRamp", "intervalSeconds"), 1, r.IntervalSeconds, "must be 1 or more")
	}
	if g := c.DrainGate; g != nil {
		atLeast(path.Child("drainGate", "timeoutSeconds"), 0, g.TimeoutSeconds, "must be 0 or more")
	}
	if c.TrafficRouting != nil {
		return errs
	}
	for _, extra := range []struct {
		name string
		set  bool
	}{{"abortRamp", c.AbortRamp != nil}, {"boundedScaleUp", c.BoundedScaleUp}, {"drainGate", c.DrainGate != nil}, {"prewarm", c.Prewarm}} {
		if extra.set {
			errs = append(errs, field.Forbidden(path.Child(extra.name), "needs trafficRouting; remove it"))
		}
	}
	return errs
}
