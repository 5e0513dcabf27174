// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validationtest

func steps() []Row {
	step := canary + "steps[0]"
	const weight = "setWeight: 50"
	return []Row{
		{"a weight below nothing", Basic, weight, "setWeight: -1", []string{step + `.setWeight: Invalid value: -1: must be between 0 and 100`}},
		{"a weight above all", Basic, weight, "setWeight: 101", []string{step + `.setWeight: Invalid value: 101: must be between 0 and 100`}},
		{"two steps in one", Basic, weight, weight + ", pause: {}", []string{step + `: Invalid value: "setWeight, pause": a step has only one of these; make several steps`}},
		{"a pause backwards", Basic, weight, "pause: {duration: -1}", []string{step + `.pause.duration: Invalid value: "-1": must be a number of seconds, or a duration such as 10m`}},
		{"a pause of nothing known", Basic, weight, "pause: {duration: soon}", []string{step + `.pause.duration: Invalid value: "soon": must be a number of seconds, or a duration such as 10m`}},
		{"a canary scale for pods as weight", Basic, weight, "setCanaryScale: {replicas: 1}", []string{step + `.setCanaryScale: Forbidden: needs trafficRouting with a data plane; remove the step, or set it`}},
		{"a weight beyond another total", Routed, "managedRoutes: [{name: beta}, {name: copy}]", "maxTrafficWeight: 50\n        managedRoutes: [{name: beta}, {name: copy}]", []string{
			canary + `steps[12].setWeight: Invalid value: 100: must be between 0 and trafficRouting.maxTrafficWeight`,
		}},
		{"all kinds of moves in one step", Basic, weight, weight + ", pause: {}, analysis: {}", []string{
			step + `: Invalid value: "setWeight, pause, analysis": a step has only one of these; make several steps`,
			step + `.analysis: Forbidden: not supported`,
		}},
		{"a pause of half a second", Basic, weight, `pause: {duration: "1.5h2.s300ms"}`, nil},
		{"a pause without a unit", Basic, weight, `pause: {duration: "1.5"}`, []string{step + `.pause.duration: Invalid value: "1.5": must be a number of seconds, or a duration such as 10m`}},
		{"a pause of an hour ago", Basic, weight, `pause: {duration: "-1h"}`, []string{step + `.pause.duration: Invalid value: "-1h": must be a number of seconds, or a duration such as 10m`}},
		{"a pause of nothing said", Basic, weight, `pause: {duration: ""}`, []string{step + `.pause.duration: Invalid value: "": must be a number of seconds, or a duration such as 10m`}},
	}
}

func managedSteps() []Row {
	step := canary + "steps[0]"
	const weight = "setWeight: 50"
	return []Row{
		{"an empty step", Basic, weight, "", []string{step + `: Invalid value: "{}": the step is empty; set one of setWeight, pause, setCanaryScale, setHeaderRoute, setMirrorRoute`}},
		{"a header route for pods as weight", Basic, weight, "setHeaderRoute: {name: beta}", []string{step + `.setHeaderRoute: Forbidden: needs trafficRouting with a data plane; remove the step, or set it`}},
		{"a mirror route for pods as weight", Basic, weight, "setMirrorRoute: {name: beta}", []string{step + `.setMirrorRoute: Forbidden: needs trafficRouting with a data plane; remove the step, or set it`}},
		{"a header route that is not listed", Routed, "managedRoutes: [{name: beta}, {name: copy}]", "managedRoutes: [{name: copy}]", []string{
			canary + `steps[3].setHeaderRoute.name: Invalid value: "beta": is not in trafficRouting.managedRoutes; add it there`,
			canary + `steps[4].setHeaderRoute.name: Invalid value: "beta": is not in trafficRouting.managedRoutes; add it there`,
		}},
		{"a mirror route that is not listed", Routed, "percentage: 0", "percentage: 101, match: []}\n      - setMirrorRoute: {name: other", []string{
			canary + `steps[6].setMirrorRoute.name: Invalid value: "other": is not in trafficRouting.managedRoutes; add it there`,
		}},
		{"a header without a name", Routed, "headerName: x-beta", `headerName: ""`, []string{canary + `steps[3].setHeaderRoute.match[0].headerName: Required value: name the header`}},
		{"a header without a value", Routed, `headerValue: {exact: "1"}`, "headerValue: null", []string{canary + `steps[3].setHeaderRoute.match[0].headerValue: Invalid value: "": set exactly one of exact, prefix and regex`}},
		{"a header with two values", Routed, `{exact: "1"}`, `{exact: "1", regex: "1"}`, []string{canary + `steps[3].setHeaderRoute.match[0].headerValue: Invalid value: "exact, regex": set exactly one of exact, prefix and regex`}},
		{"a path of no kind", Routed, "path: {prefix: /}", "path: {}", []string{canary + `steps[5].setMirrorRoute.match[0].path: Invalid value: "": set exactly one of exact, prefix and regex`}},
		{"a mirrored header of no kind", Routed, "headers: {x: {regex: .}}", "headers: {x: {}, a: {}}", []string{
			canary + `steps[5].setMirrorRoute.match[0].headers[a]: Invalid value: "": set exactly one of exact, prefix and regex`,
			canary + `steps[5].setMirrorRoute.match[0].headers[x]: Invalid value: "": set exactly one of exact, prefix and regex`,
		}},
		{"managed routes that no HTTPRoute would carry", Routed, "useHeaderRoutes: true", "useHeaderRoutes: false", []string{
			canary + `steps[3].setHeaderRoute.name: Invalid value: "beta": none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one`,
			canary + `steps[4].setHeaderRoute.name: Invalid value: "beta": none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one`,
			canary + `steps[5].setMirrorRoute.name: Invalid value: "copy": none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one`,
			canary + `steps[6].setMirrorRoute.name: Invalid value: "copy": none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one`,
		}},
		{"managed routes that are not listed at all", Routed, "managedRoutes: [{name: beta}, {name: copy}]", "", []string{
			canary + `steps[3].setHeaderRoute.name: Invalid value: "beta": is not in trafficRouting.managedRoutes; add it there`,
			canary + `steps[4].setHeaderRoute.name: Invalid value: "beta": is not in trafficRouting.managedRoutes; add it there`,
			canary + `steps[5].setMirrorRoute.name: Invalid value: "copy": is not in trafficRouting.managedRoutes; add it there`,
			canary + `steps[6].setMirrorRoute.name: Invalid value: "copy": is not in trafficRouting.managedRoutes; add it there`,
		}},
		{"a header route without a name", Routed, "setHeaderRoute: {name: beta}", "setHeaderRoute: {}", []string{
			canary + `steps[4].setHeaderRoute.name: Invalid value: "": is not in trafficRouting.managedRoutes; add it there`,
		}},
		{"a method of two kinds", Routed, "method: {exact: GET}", "method: {exact: GET, prefix: G}", []string{
			canary + `steps[5].setMirrorRoute.match[0].method: Invalid value: "exact, prefix": set exactly one of exact, prefix and regex`,
		}},
		{"managed routes that the plugin's one HTTPRoute carries", Basic, "canary: {steps: [{setWeight: 50}", "canary: {stableService: a, canaryService: b, trafficRouting: {managedRoutes: [{name: beta}], plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}, steps: [{setHeaderRoute: {name: beta}}", nil},
		{"managed routes that no HTTPRoute of the plugin would carry", Basic, "canary: {steps: [{setWeight: 50}", "canary: {stableService: a, canaryService: b, trafficRouting: {managedRoutes: [{name: beta}], plugins: {argoproj-labs/gatewayAPI: {httpRoutes: [{name: shop}]}}}, steps: [{setHeaderRoute: {name: beta}}", []string{
			step + `.setHeaderRoute.name: Invalid value: "beta": none of the httpRoutes of gatewayAPI would carry it; set useHeaderRoutes on one`,
		}},
	}
}
