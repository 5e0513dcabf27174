// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validationtest

func advice() []Row {
	inStep := func(name, step string, want ...string) Row {
		for i := range want {
			want[i] = canary + "steps[0]" + want[i]
		}
		return Row{name, Routed, "steps:\n", "steps:\n      - " + step + "\n", nil}.wanting(want...)
	}
	return []Row{
		{"a valid rollout", Routed, "", "", nil},
		{"pods as weight", Basic, "", "", nil},
		{"no data plane", Basic, "canary: {", "canary: {trafficRouting: {}, ", []string{
			canary + "trafficRouting: Required value: no data plane is named, so that the numbers of pods are the split; name one, or remove it",
		}},
		{"roles that swap without a data plane", Basic, "canary: {", "canary: {pingPong: {pingService: a, pongService: b}, ", []string{
			canary + "pingPong: Forbidden: has no effect without trafficRouting; remove it",
		}},
		workload("a Deployment to scale down some other way", "x", "apiVersion: apps/v1, kind: Deployment, name: shop, scaleDown: Never",
			`spec.workloadRef.scaleDown: Invalid value: "Never": is none of never, onsuccess and progressively, and taken for never`),
		workload("a Deployment to scale down", "x", "apiVersion: apps/v1, kind: Deployment, name: shop, scaleDown: onsuccess"),
		workload("a ReplicaSet to scale down", "x", "apiVersion: apps/v1, kind: ReplicaSet, name: shop, scaleDown: onsuccess",
			`spec.workloadRef.scaleDown: Invalid value: "onsuccess": is for a Deployment; nothing else is scaled down`),
		workload("a ReplicaSet to leave alone", "x", "apiVersion: apps/v1, kind: ReplicaSet, name: shop, scaleDown: never"),
		{"a window for no revision", Basic, "spec:", "spec:\n  rollbackWindow: {}", []string{`spec.rollbackWindow.revisions: Invalid value: 0: no revision is ever in this window; must be 1 or more`}},
		{"a negative limit", Basic, "canary: {", "canary: {scaleDownDelayRevisionLimit: -1, ", []string{canary + "scaleDownDelayRevisionLimit: Invalid value: -1: must be 0 or more"}},
		{"a negative floor", Basic, "canary: {", "canary: {minPodsPerReplicaSet: -1, ", []string{canary + "minPodsPerReplicaSet: Invalid value: -1: must be 0 or more"}},
		{"a negative threshold", Basic, "canary: {", "canary: {replicaProgressThreshold: {type: Pods, value: -1}, ", []string{
			canary + "replicaProgressThreshold.value: Invalid value: -1: below 0 all pods are wanted, and above 100 percent no more than all; must be 0 to 100",
		}},
		{"more than all", Basic, "canary: {", "canary: {replicaProgressThreshold: {type: Percent, value: 101}, ", []string{
			canary + "replicaProgressThreshold.value: Invalid value: 101: below 0 all pods are wanted, and above 100 percent no more than all; must be 0 to 100",
		}},
		{"many pods", Basic, "canary: {", "canary: {replicaProgressThreshold: {type: Pods, value: 101}, ", nil},
		{"a managed route named twice", Routed, "managedRoutes: [", "managedRoutes: [{name: copy}, {name: copy}, ", []string{
			canary + `trafficRouting.managedRoutes[1].name: Invalid value: "copy": is named twice; its first place counts`,
			canary + `trafficRouting.managedRoutes[3].name: Invalid value: "copy": is named twice; its first place counts`,
		}},
		inStep("several kinds in one step", "{setHeaderRoute: {name: beta}, setCanaryScale: {replicas: 1}, setWeight: 5}",
			`: Invalid value: "setCanaryScale, setWeight, setHeaderRoute": a step of several kinds is done when the first of them is; make several steps`),
		inStep("a scale said in three ways", "setCanaryScale: {replicas: 1, weight: 5, matchTrafficWeight: true}",
			`.setCanaryScale: Invalid value: "matchTrafficWeight, replicas, weight": only the first of these counts; set one`),
		inStep("a scale of nothing", "setCanaryScale: {}",
			`.setCanaryScale: Required value: an empty one leaves the canary as its weight asks; set replicas, weight or matchTrafficWeight`),
		inStep("a negative scale", "setCanaryScale: {replicas: -1}", `.setCanaryScale.replicas: Invalid value: -1: must be 0 or more`),
		inStep("a negative scale by weight", "setCanaryScale: {weight: -5}", `.setCanaryScale.weight: Invalid value: -5: must be 0 or more`),
		inStep("more copies than requests", "setMirrorRoute: {name: copy, percentage: 101}",
			`.setMirrorRoute.percentage: Invalid value: 101: is taken for the nearer of 0 and 100; must be between`),
		inStep("fewer copies than none", "setMirrorRoute: {name: copy, percentage: -1}",
			`.setMirrorRoute.percentage: Invalid value: -1: is taken for the nearer of 0 and 100; must be between`),
	}
}
