// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validationtest

func extras() []Row {
	in := func(from, field, value string, errs ...string) Row {
		return Row{field + " " + value, from, "maxSurge", field + ": " + value + "\n      maxSurge", errs}
	}
	const with = `
spec:
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: shop:v1}]}}
  strategy:
    canary:
      stableService: a
      canaryService: b
      maxSurge: 1
      trafficRouting: {gatewayAPI: {httpRoute: shop}}
`
	const without = `
spec:
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: shop:v1}]}}
  strategy:
    canary:
      maxSurge: 1
`
	return []Row{
		in(with, "abortRamp", "{decrement: 10, intervalSeconds: 5}"),
		in(with, "abortRamp", "{decrement: 0, intervalSeconds: 0}",
			canary+"abortRamp.decrement: Invalid value: 0: must be 1 or more", canary+"abortRamp.intervalSeconds: Invalid value: 0: must be 1 or more"),
		in(with, "drainGate", "{timeoutSeconds: 0}"),
		in(with, "drainGate", "{timeoutSeconds: -1}", canary+"drainGate.timeoutSeconds: Invalid value: -1: must be 0 or more"),
		in(with, "prewarm", "true"),
		in(with, "boundedScaleUp", "true"),
		in(without, "prewarm", "true", canary+"prewarm: Forbidden: needs trafficRouting; remove it"),
		in(without, "boundedScaleUp", "true", canary+"boundedScaleUp: Forbidden: needs trafficRouting; remove it"),
		in(without, "drainGate", "{timeoutSeconds: 1}", canary+"drainGate: Forbidden: needs trafficRouting; remove it"),
		in(without, "abortRamp", "{decrement: 1, intervalSeconds: 1}", canary+"abortRamp: Forbidden: needs trafficRouting; remove it"),
	}
}
