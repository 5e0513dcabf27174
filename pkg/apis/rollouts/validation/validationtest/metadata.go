// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validationtest

import "strings"

func metadata() []Row {
	in := func(name, field, value string, want ...string) Row {
		for i := range want {
			want[i] = canary + want[i]
		}
		return Row{name, Basic, "canary: {", "canary: {" + field + ": " + value + ", ", want}
	}
	const selected = "Forbidden: pods are selected by the labels of selector and by rollouts-pod-template-hash; name other labels"
	return []Row{
		in("metadata", "canaryMetadata", "{labels: {role: canary}, annotations: {example.com/role: any thing}}"),
		in("metadata of nothing", "stableMetadata", "{}"),
		in("a label that pods are selected by", "canaryMetadata", "{labels: {role: canary, app: other}}", "canaryMetadata.labels: "+selected),
		in("the label of revisions", "stableMetadata", "{labels: {rollouts-pod-template-hash: other}}", "stableMetadata.labels: "+selected),
		{
			"a label of an expression", strings.Replace(Basic, "matchLabels: {app: shop}", "matchExpressions: [{key: app, operator: Exists}]", 1),
			"canary: {", "canary: {stableMetadata: {labels: {app: shop}}, ",
			[]string{canary + "stableMetadata.labels: " + selected},
		},
		in("a label of two words", "canaryMetadata", "{labels: {role: any thing}}", `canaryMetadata.labels: Invalid value: "any thing": must be labels, as pods have them`),
		in("a stable label of two words", "stableMetadata", "{labels: {role: any thing}}", `stableMetadata.labels: Invalid value: "any thing": must be labels, as pods have them`),
		in("a canary annotation of two words", "canaryMetadata", "{annotations: {any thing: there}}", `canaryMetadata.annotations: Invalid value: "any thing": must be annotations, as pods have them`),
		in("an annotation of two words", "stableMetadata", "{annotations: {any thing: there}}", `stableMetadata.annotations: Invalid value: "any thing": must be annotations, as pods have them`),
	}
}
