// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validationtest

func strategy() []Row {
	return []Row{
		{"no room to move", Routed, `maxUnavailable: "50"`, `maxUnavailable: 0%`, []string{canary + `maxSurge: Invalid value: "0": maxSurge and maxUnavailable both can not be zero; raise one of them`}},
		{"a surge of nothing known", Routed, `maxSurge: 0`, `maxSurge: lots`, []string{canary + `maxSurge: Invalid value: "lots": must be a number or a percentage, 0 or more`}},
		{"a negative unavailability", Routed, `maxUnavailable: "50"`, `maxUnavailable: -1`, []string{canary + `maxUnavailable: Invalid value: "-1": must be a number or a percentage, 0 or more`}},
		{"one Service for both roles", Routed, "canaryService: shop-canary", "canaryService: shop", []string{canary + `stableService: Invalid value: "shop": must not be the same Service as canaryService`}},
		{"no stable Service", Routed, "stableService: shop", "", []string{canary + `stableService: Required value: traffic is split between two Services; name the stable one`}},
		{"no canary Service", Routed, "canaryService: shop-canary", "", []string{canary + `canaryService: Required value: traffic is split between two Services; name the canary one`}},
		{"a scale-down delay for pods as weight", Basic, "canary: {", "canary: {scaleDownDelaySeconds: 30, ", []string{canary + `scaleDownDelaySeconds: Invalid value: 30: can only be set with trafficRouting; remove it`}},
		{"an abort delay for pods as weight is valid", Basic, "canary: {", "canary: {abortScaleDownDelaySeconds: 30, ", nil},
		{"a negative delay", Routed, "abortScaleDownDelaySeconds: 0", "abortScaleDownDelaySeconds: -1", []string{canary + `abortScaleDownDelaySeconds: Invalid value: -1: must be 0 or more`}},
		{"a bound below nothing percent", Basic, "canary: {", `canary: {maxSurge: "-5%", `, []string{canary + `maxSurge: Invalid value: "-5%": must be a number or a percentage, 0 or more`}},
		{"bounds of nothing percent", Basic, "canary: {", `canary: {maxSurge: "0", maxUnavailable: 0, `, []string{canary + `maxSurge: Invalid value: "0": maxSurge and maxUnavailable both can not be zero; raise one of them`}},
		{"one bound of nothing is valid", Basic, "canary: {", `canary: {maxSurge: 0%, `, nil},
		{"one Service for both roles without a data plane", Basic, "canary: {", "canary: {stableService: a, canaryService: a, ", []string{canary + `stableService: Invalid value: "a": must not be the same Service as canaryService`}},
		{"a Service for one role without a data plane is valid", Basic, "canary: {", "canary: {stableService: a, ", nil},
		swap("roles that swap", "{pingService: a, pongService: b}"),
		swap("roles that swap without a ping", `{pingService: "", pongService: b}`, "pingPong.pingService: Required value: the roles swap between two Services; name both"),
		swap("roles that swap without a pong", `{pingService: a, pongService: ""}`, "pingPong.pongService: Required value: the roles swap between two Services; name both"),
		swap("roles that swap on one Service", "{pingService: a, pongService: a}", `pingPong.pongService: Invalid value: "a": must not be the same Service as pingService`),
		{"a negative scale-down delay", Routed, "\n      scaleDownDelaySeconds: 0", "\n      scaleDownDelaySeconds: -1", []string{canary + `scaleDownDelaySeconds: Invalid value: -1: must be 0 or more`}},
		{"a scale-down delay with a dynamic stable scale", Routed, "maxSurge: 0", "maxSurge: 0\n      dynamicStableScale: true", []string{
			canary + `scaleDownDelaySeconds: Invalid value: 0: can not be set with dynamicStableScale, which scales down with the weight; remove one of both`,
		}},
		{"a dynamic stable scale", Routed, "\n      scaleDownDelaySeconds: 0", "\n      dynamicStableScale: true", nil},
		{"a static stable scale and a scale-down delay", Routed, "maxSurge: 0", "maxSurge: 0\n      dynamicStableScale: false", nil},
		{"a dynamic stable scale for pods as weight", Basic, "canary: {", "canary: {dynamicStableScale: true, ", []string{canary + `dynamicStableScale: Forbidden: can only be set with trafficRouting; remove it`}},
		{"a dynamic stable scale without a data plane", Basic, "canary: {", "canary: {trafficRouting: {}, dynamicStableScale: true, ", []string{canary + `dynamicStableScale: Forbidden: can only be set with trafficRouting; remove it`}},
		{"a threshold of nothing known", Basic, "canary: {", "canary: {replicaProgressThreshold: {type: Some, value: 1}, ", []string{canary + `replicaProgressThreshold.type: Invalid value: "Some": must be Percent or Pods`}},
		{"a threshold of pods", Basic, "canary: {", "canary: {replicaProgressThreshold: {type: Pods, value: 1}, ", nil},
		affinity("affinity of neither kind", "{}", `antiAffinity: Invalid value: "": set exactly one of preferredDuringSchedulingIgnoredDuringExecution and requiredDuringSchedulingIgnoredDuringExecution`),
		affinity("affinity of both kinds", "{requiredDuringSchedulingIgnoredDuringExecution: {}, preferredDuringSchedulingIgnoredDuringExecution: {weight: 1}}",
			`antiAffinity: Invalid value: "preferredDuringSchedulingIgnoredDuringExecution, requiredDuringSchedulingIgnoredDuringExecution": set exactly one of preferredDuringSchedulingIgnoredDuringExecution and requiredDuringSchedulingIgnoredDuringExecution`),
		affinity("affinity of no weight", "{preferredDuringSchedulingIgnoredDuringExecution: {weight: 0}}",
			`antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight: Invalid value: 0: must be between 1 and 100`),
		affinity("affinity of more than all weight", "{preferredDuringSchedulingIgnoredDuringExecution: {weight: 101}}",
			`antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight: Invalid value: 101: must be between 1 and 100`),
		affinity("affinity of all weight", "{preferredDuringSchedulingIgnoredDuringExecution: {weight: 100}}"),
		{"no total weight", Routed, "managedRoutes:", "maxTrafficWeight: 0\n        managedRoutes:", []string{
			canary + `trafficRouting.maxTrafficWeight: Invalid value: 0: must be 1 or more`,
			canary + `steps[12].setWeight: Invalid value: 100: must be between 0 and trafficRouting.maxTrafficWeight`,
		}},
		{"a large total weight", Routed, "managedRoutes:", "maxTrafficWeight: 100000000\n        managedRoutes:", nil},
		{"a managed route without a name", Routed, "managedRoutes: [", `managedRoutes: [{name: ""}, `, []string{
			canary + `trafficRouting.managedRoutes[0].name: Required value: routes without a name would be taken for it; name it`,
		}},
		{"no VirtualService", Routed, "virtualServices: [{name: shop, routes: [web]}]", "virtualServices: []", []string{virtualService}},
		{"VirtualServices named in both ways", Routed, "virtualServices:", "virtualService: {name: cart}\n          virtualServices:", []string{virtualService}},
		{"no HTTPRoute", Routed, "httpRoutes: [{name: shop, useHeaderRoutes: true, rules: [web]}]", "httpRoutes: []", []string{
			canary + `trafficRouting.gatewayAPI.httpRoute: Required value: names no route; set httpRoute or httpRoutes`,
		}},
	}
}

const virtualService = canary + `trafficRouting.istio.virtualService: Required value: set exactly one of virtualService and virtualServices`

// swap has a pingPong in place of the role Services.
func swap(name, pingPong string, want ...string) Row {
	for i := range want {
		want[i] = canary + want[i]
	}
	return Row{name, Routed, "stableService: shop\n      canaryService: shop-canary", "pingPong: " + pingPong, want}
}

// affinity has an antiAffinity.
func affinity(name, block string, want ...string) Row {
	for i := range want {
		want[i] = canary + want[i]
	}
	return Row{name, Basic, "canary: {", "canary: {antiAffinity: " + block + ", ", want}
}
