// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// selected is the hash in the selector of a Service, "" for none.
func selected(service *unstructured.Unstructured) string {
	hash, _, _ := unstructured.NestedString(service.Object, "spec", "selector", replicaset.HashLabel)
	return hash
}

// checkFlip is invariant 1: no selector changes under load, and what it changes
// to has pods. Without routing a role Service carries all that it gets: it
// never loses its last ready endpoint (edge case 20).
func (w *World) checkFlip(t truth, write Write, breach breachFunc) {
	if write.After == nil {
		return
	}
	name := write.Key.Name
	old, hash := t.selects[name], selected(write.After)
	if hash == "" && selected(write.Before) != "" && t.routed && w.lately(name, t) > 0 {
		breach("INV-1: given back under weight %d", w.lately(name, t))
	}
	if hash == old || hash == "" {
		return
	}
	weight, managed := int32(0), false
	if t.routed {
		weight, managed = w.lately(name, t), w.managedLately(t)
	}
	serves := weight > 0 || name == t.canary && managed
	have := t.available(hash)
	switch {
	case t.desired > 0 && have == 0 && t.endpoints[name] > 0:
		breach("INV-1: selector %q -> %q, which has no available pod, of a Service with %d endpoints", old, hash, t.endpoints[name])
	case old == "" && have >= max(1, t.size(hash)) && have >= t.need(weight):
	case t.desired == 0 && t.endpoints[name] == 0 && hash == t.stableHash() && (name == t.stable || !serves):
	case w.unknown(t) && t.routed && !t.dead(name):
		breach("INV-4: selector %q -> %q while a route is unknown", old, hash)
	case old != "" && !serves:
	case name == t.stable && old != "" && (t.endpoints[name] == 0 || t.sets[old] == nil):
	case name == t.canary && t.stableDead() && have >= max(1, t.need(weight)):
	case old == "":
		breach("INV-1: adopted at %q with %d of %d pods, weight %d", hash, have, t.size(hash), weight)
	default:
		breach("INV-1: selector %q -> %q under weight %d, managed routes %v", old, hash, weight, managed)
	}
}

// stableDead: no pod of the stable revision is available, and that is not news
// which its status has yet to hear.
func (t truth) stableDead() bool {
	rs := t.sets[t.stableHash()]
	return rs == nil || t.available(t.stableHash()) == 0 && rs.Status.ObservedGeneration >= rs.Generation
}

// dead: nobody is behind a Service, or its hash names nobody.
func (t truth) dead(service string) bool {
	return t.endpoints[service] == 0 || t.sets[t.selects[service]] == nil
}
