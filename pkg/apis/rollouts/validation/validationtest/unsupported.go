// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validationtest

func notBuilt() []Row {
	const routing = canary + "trafficRouting."
	spec := func(field, value string) Row {
		return Row{field, Basic, "spec:", "spec:\n  " + field + ": " + value, []string{"spec." + field + ": Forbidden: not supported"}}
	}
	inCanary := func(field, value string) Row {
		return Row{field, Basic, "canary: {", "canary: {" + field + ": " + value + ", ", []string{canary + field + ": Forbidden: not supported"}}
	}
	inStep := func(field, value string) Row {
		return Row{field + " step", Basic, "setWeight: 50", field + ": " + value, []string{canary + "steps[0]." + field + ": Forbidden: not supported"}}
	}
	inRouting := func(field, value string) Row {
		return Row{field, Routed, "trafficRouting:", "trafficRouting:\n        " + field + ": " + value, []string{routing + field + ": Forbidden: not supported"}}
	}
	inGateway := func(field, value string) Row {
		return Row{field, Routed, "namespace: gateways", field + ": " + value, []string{routing + "gatewayAPI." + field + ": Forbidden: not supported"}}
	}
	return []Row{
		spec("analysis", "{successfulRunHistoryLimit: 1}"),
		{"blue-green", Basic, "canary: {steps: [{setWeight: 50}, {pause: {}}]}", "blueGreen: {activeService: shop}", []string{"spec.strategy.blueGreen: Forbidden: not supported"}},
		inCanary("analysis", "{}"),
		inStep("analysis", "{}"),
		inStep("experiment", "{templates: []}"),
		inStep("plugin", "{name: a/b}"),
		inRouting("nginx", "{}"),
		inRouting("alb", "{servicePort: 80}"),
		inRouting("smi", "{}"),
		inRouting("ambassador", "{mappings: []}"),
		inRouting("appMesh", "{}"),
		inRouting("traefik", "{weightedTraefikServiceName: a}"),
		inRouting("apisix", "{}"),
		inGateway("grpcRoute", "a"),
		inGateway("grpcRoutes", "[{name: a}]"),
		inGateway("tcpRoute", "a"),
		inGateway("tcpRoutes", "[{name: a}]"),
		inGateway("tlsRoute", "a"),
		inGateway("tlsRoutes", "[{name: a}]"),
		inGateway("httpRouteSelector", "{}"),
		inGateway("grpcRouteSelector", "{}"),
		inGateway("tcpRouteSelector", "{}"),
		inGateway("tlsRouteSelector", "{}"),
		inGateway("disableInProgressLabel", "true"),
		inGateway("inProgressLabelKey", "a"),
		inGateway("inProgressLabelValue", "a"),
		{"a destination rule", Routed, "istio:", "istio:\n          destinationRule: {name: a, canarySubsetName: b, stableSubsetName: c}", []string{routing + "istio.destinationRule: Forbidden: not supported"}},
		{"tls routes", Routed, "routes: [web]", "tlsRoutes: [{port: 443}]", []string{routing + "istio.virtualServices[0].tlsRoutes: Forbidden: not supported"}},
		{"tcp routes of several", Routed, "routes: [web]", "tcpRoutes: [{port: 80}]", []string{routing + "istio.virtualServices[0].tcpRoutes: Forbidden: not supported"}},
		{"tls routes of one", Routed, "virtualServices: [{name: shop, routes: [web]}]", "virtualService: {name: shop, tlsRoutes: [{port: 443}]}", []string{routing + "istio.virtualService.tlsRoutes: Forbidden: not supported"}},
		{"tcp routes", Routed, "virtualServices: [{name: shop, routes: [web]}]", "virtualService: {name: shop, tcpRoutes: [{port: 80}]}", []string{routing + "istio.virtualService.tcpRoutes: Forbidden: not supported"}},
		inRouting("plugins", "{acme/mesh: {}}").wanting(routing + "plugins[acme/mesh]: Forbidden: not supported"),
	}
}

func plugin() []Row {
	const at = canary + "trafficRouting.plugins[argoproj-labs/gatewayAPI]"
	block := func(name, block string, want ...string) Row {
		return Row{
			name, Basic, "canary: {",
			"canary: {stableService: a, canaryService: b, trafficRouting: {plugins: {argoproj-labs/gatewayAPI: " + block + "}}, ", want,
		}
	}
	return []Row{
		block("valid", `{httpRoute: shop, namespace: shop}`),
		block("what is false or empty is not set", `{httpRoutes: [{name: shop, useHeaderRoutes: true}], disableInProgressLabel: false, grpcRoute: "", tcpRoutes: [], tlsRoute: null}`),
		block("not built", `{httpRoute: shop, grpcRoute: shop, disableInProgressLabel: true}`,
			at+`.disableInProgressLabel: Forbidden: not supported`, at+`.grpcRoute: Forbidden: not supported`),
		block("not known", `{httpRoute: shop, wieght: 1}`, at+`.wieght: Forbidden: not supported`),
		block("not known further down", `{httpRoutes: [{name: shop, usesHeaderRoutes: true}]}`,
			at+`: Invalid value: "{\"httpRoutes\":[{\"name\":\"shop\",\"usesHeaderRoutes\":true}]}": cannot be read: json: unknown field "usesHeaderRoutes"`),
		block("not an object", `[]`, at+`: Invalid value: "[]": must be an object`),
		{
			"twice", Routed, "gatewayAPI:", "plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}\n        gatewayAPI:",
			[]string{at + `: Forbidden: is the same as gatewayAPI; keep one of both`},
		},
	}
}
