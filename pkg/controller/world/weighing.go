// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// weighing is what a route object carries from a time on.
type weighing struct {
	at     time.Time
	weight map[string]int32
}

// settleOf is how long a weight of a data plane must have stood: Istio does
// not acknowledge.
func settleOf(resource schema.GroupVersionResource) time.Duration {
	if resource.Resource == "virtualservices" {
		return settleUnacked
	}
	return settleAcked
}

func isRoute(resource schema.GroupVersionResource) bool {
	return resource.Resource == "httproutes" || resource.Resource == "virtualservices"
}

// weigh notes the weights of a route object that was written.
func (w *World) weigh(write Write) {
	if !isRoute(write.Resource) {
		return
	}
	now := truth{weight: map[string]int32{}}
	if write.After != nil {
		now.read(write.After)
	}
	w.weighings[write.Resource] = append(w.weighings[write.Resource], weighing{w.Clock.Now(), now.weight})
}

// lately is w(x) of the invariants: the highest weight of a Service in the
// settle time that ends at a time.
func (w *World) lately(service string, at time.Time) int32 {
	var highest int32
	for resource, all := range w.weighings {
		from := at.Add(-settleOf(resource))
		for i, one := range all {
			over := i+1 < len(all) && !all[i+1].at.After(from)
			if !over && !one.at.After(at) {
				highest = max(highest, one.weight[service])
			}
		}
	}
	return highest
}
