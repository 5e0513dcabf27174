// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation_test

import (
	"testing"
)

func TestWhatIsNotBuiltIsRefusedByName(t *testing.T) {
	t.Parallel()
	const routing = canary + "trafficRouting."
	spec := func(field, value string) row {
		return row{field, basic, "spec:", "spec:\n  " + field + ": " + value, []string{"spec." + field + ": Forbidden: not supported"}}
	}
	inCanary := func(field, value string) row {
		return row{field, basic, "canary: {", "canary: {" + field + ": " + value + ", ", []string{canary + field + ": Forbidden: not supported"}}
	}
	inStep := func(field, value string) row {
		return row{field + " step", basic, "setWeight: 50", field + ": " + value, []string{canary + "steps[0]." + field + ": Forbidden: not supported"}}
	}
	inRouting := func(field, value string) row {
		return row{field, routed, "trafficRouting:", "trafficRouting:\n        " + field + ": " + value, []string{routing + field + ": Forbidden: not supported"}}
	}
	inGateway := func(field, value string) row {
		return row{field, routed, "namespace: gateways", field + ": " + value, []string{routing + "gatewayAPI." + field + ": Forbidden: not supported"}}
	}
	check(t, []row{
		spec("workloadRef", "{name: shop}"),
		spec("analysis", "{successfulRunHistoryLimit: 1}"),
		{"blue-green", basic, "canary: {steps: [{setWeight: 50}, {pause: {}}]}", "blueGreen: {activeService: shop}", []string{"spec.strategy.blueGreen: Forbidden: not supported"}},
		inCanary("analysis", "{}"),
		inCanary("antiAffinity", "{}"),
		inCanary("canaryMetadata", "{}"),
		inCanary("stableMetadata", "{}"),
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
		{"a destination rule", routed, "istio:", "istio:\n          destinationRule: {name: a, canarySubsetName: b, stableSubsetName: c}", []string{routing + "istio.destinationRule: Forbidden: not supported"}},
		{"tls routes", routed, "routes: [web]", "tlsRoutes: [{port: 443}]", []string{routing + "istio.virtualServices[0].tlsRoutes: Forbidden: not supported"}},
		{"tcp routes", routed, "virtualServices: [{name: shop, routes: [web]}]", "virtualService: {name: shop, tcpRoutes: [{port: 80}]}", []string{routing + "istio.virtualService.tcpRoutes: Forbidden: not supported"}},
		inRouting("plugins", "{acme/mesh: {}}").wanting(routing + "plugins[acme/mesh]: Forbidden: not supported"),
	})
}

func (r row) wanting(errs ...string) row {
	r.want = errs
	return r
}

func TestTheGatewayPluginsBlockIsReadAsOurs(t *testing.T) {
	t.Parallel()
	const at = canary + "trafficRouting.plugins[argoproj-labs/gatewayAPI]"
	plugin := func(name, block string, want ...string) row {
		return row{
			name, basic, "canary: {",
			"canary: {stableService: a, canaryService: b, trafficRouting: {plugins: {argoproj-labs/gatewayAPI: " + block + "}}, ", want,
		}
	}
	check(t, []row{
		plugin("valid", `{httpRoute: shop, namespace: shop}`),
		plugin("what is false or empty is not set", `{httpRoutes: [{name: shop, useHeaderRoutes: true}], disableInProgressLabel: false, grpcRoute: "", tcpRoutes: [], tlsRoute: null}`),
		plugin("not built", `{httpRoute: shop, grpcRoute: shop, disableInProgressLabel: true}`,
			at+`.disableInProgressLabel: Forbidden: not supported`, at+`.grpcRoute: Forbidden: not supported`),
		plugin("not known", `{httpRoute: shop, wieght: 1}`, at+`.wieght: Forbidden: not supported`),
		plugin("not known further down", `{httpRoutes: [{name: shop, usesHeaderRoutes: true}]}`,
			at+`: Invalid value: "{\"httpRoutes\":[{\"name\":\"shop\",\"usesHeaderRoutes\":true}]}": cannot be read: json: unknown field "usesHeaderRoutes"`),
		plugin("not an object", `[]`, at+`: Invalid value: "[]": must be an object`),
		{
			"twice", routed, "gatewayAPI:", "plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}\n        gatewayAPI:",
			[]string{at + `: Forbidden: is the same as gatewayAPI; keep one of both`},
		},
	})
}
