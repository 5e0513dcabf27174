// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validationtest

const labels = "spec.template.metadata.labels: Required value: `selector` does not match template `labels`; add its labels"

func spec() []Row {
	return []Row{
		{"all that is supported is valid", Routed, "", "", nil},
		{"pods as weight are valid", Basic, "", "", nil},
		{"replicas", Basic, "spec:", "spec:\n  replicas: -1", []string{`spec.replicas: Invalid value: -1: must be 0 or more`}},
		{"no replicas at all are valid", Basic, "spec:", "spec:\n  replicas: 0", nil},
		{"min ready", Basic, "spec:", "spec:\n  minReadySeconds: -1", []string{`spec.minReadySeconds: Invalid value: -1: must be 0 or more`}},
		{"history", Basic, "spec:", "spec:\n  revisionHistoryLimit: -1", []string{`spec.revisionHistoryLimit: Invalid value: -1: must be 0 or more`}},
		{"deadline", Basic, "spec:", "spec:\n  progressDeadlineSeconds: -1", []string{`spec.progressDeadlineSeconds: Invalid value: -1: must be 0 or more`}},
		{"the deadline is not after min ready", Routed, "minReadySeconds: 5", "minReadySeconds: 60", []string{`spec.progressDeadlineSeconds: Invalid value: 60: must be greater than minReadySeconds`}},
		{"the default deadline is not after min ready", Basic, "spec:", "spec:\n  minReadySeconds: 600", []string{`spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds`}},
		{"no selector", Basic, "selector: {matchLabels: {app: shop}}", "", []string{`spec.selector: Required value: set labels that the pod template has`}},
		{"an empty selector", Basic, "{matchLabels: {app: shop}}", "{}", []string{`spec.selector: Invalid value: "{}": empty selector is invalid for a Rollout: set labels that the pod template has`}},
		{"a malformed selector", Basic, "{matchLabels: {app: shop}}", "{matchExpressions: [{key: app, operator: Is}]}", []string{`spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Is"}]}: is malformed: keys and values are labels, an operator is In or NotIn with values, or Exists or DoesNotExist without`}},
		{"a selector for other pods", Basic, "matchLabels: {app: shop}", "matchLabels: {app: cart}", []string{labels}},
		{"no strategy", Basic, "{canary: {steps: [{setWeight: 50}, {pause: {}}]}}", "{}", []string{`spec.strategy: Required value: set canary`}},
		{"two strategies", Basic, "{canary: {", "{blueGreen: {activeService: shop}, canary: {", []string{
			`spec.strategy: Invalid value: "canary and blueGreen": set one of them`,
			`spec.strategy.blueGreen: Forbidden: not supported`,
		}},
		{"every mistake is told", Basic, "spec:", "spec:\n  revisionHistoryLimit: -1\n  paused: true\n  minReadySeconds: -1\n  rollbackWindow: {}\n  analysis: {}", []string{
			`spec.minReadySeconds: Invalid value: -1: must be 0 or more`,
			`spec.revisionHistoryLimit: Invalid value: -1: must be 0 or more`,
			`spec.analysis: Forbidden: not supported`,
		}},
		{"labels by expression", Basic, "matchLabels: {app: shop}", "matchExpressions: [{key: app, operator: In, values: [cart]}]", []string{labels + ", as matchExpressions says"}},
		{"labels by expression are valid", Basic, "matchLabels: {app: shop}", "matchExpressions: [{key: app, operator: Exists}]", nil},
		{"one label of two", Basic, "matchLabels: {app: shop}", "matchLabels: {app: shop, tier: web}", []string{labels}},
		workload("a reference beside a template", "", "apiVersion: apps/v1, kind: Deployment, name: shop", `spec.template: Forbidden: the template of workloadRef is used; remove this one, or workloadRef`),
		workload("a reference to nothing", "x", "apiVersion: apps/v1, kind: ReplicaSet", `spec.workloadRef.name: Required value: name the workload`),
		workload("a reference to what has no pods", "x", "apiVersion: v1, kind: ConfigMap, name: shop", `spec.workloadRef: Invalid value: "ConfigMap of v1": must be a Deployment or ReplicaSet of apps/v1, or a PodTemplate of v1`),
		workload("a reference without a kind", "x", "name: shop", `spec.workloadRef: Invalid value: " of ": must be a Deployment or ReplicaSet of apps/v1, or a PodTemplate of v1`),
		workload("a reference to a template", "x", "apiVersion: v1, kind: PodTemplate, name: shop"),
		workload("a reference to an older version", "x", "apiVersion: apps/v1beta2, kind: Deployment, name: shop"),
	}
}

// workload has a workloadRef, beside a template or in its place.
func workload(name, place, ref string, want ...string) Row {
	const template = "template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: shop:v1}]}}"
	r := Row{name, Routed, "  " + template, "  workloadRef: {" + ref + "}", nil}
	if place == "" {
		r.To += "\n" + r.From
	}
	return r.wanting(want...)
}
