// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// checkLastEndpoint, edge case 20: without a data plane no write takes the last
// ready pod away from a role Service, unless maxSurge 0 may leave no other way.
func (t truth) checkLastEndpoint(write Write, breach breachFunc) {
	if write.Before == nil || write.After == nil || t.desired == 0 {
		return
	}
	switch write.Resource {
	case servicesResource:
		name := write.Key.Name
		hash, _, _ := unstructured.NestedString(write.After.Object, "spec", "selector", replicaset.HashLabel)
		if hash != "" && hash != t.selects[name] && t.ready[name] > 0 && t.available(hash) == 0 {
			breach("edge case 20: pointed at %q, which has no available pod", hash)
		}
	case setsResource:
		before, _, _ := unstructured.NestedInt64(write.Before.Object, "spec", "replicas")
		after, _, _ := unstructured.NestedInt64(write.After.Object, "spec", "replicas")
		if before == 0 || after > 0 || t.ro.Spec.MaxSurge() == 0 {
			return
		}
		for _, name := range []string{t.stable, t.canary} {
			if t.selects[name] == write.Before.GetLabels()[replicaset.HashLabel] && t.ready[name] > 0 {
				breach("edge case 20: the last pod of Service %s goes", name)
			}
		}
	}
}
