// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import "maps"

// checkSums is invariant 5: in every rule the pair's weights are in [0, W]; a
// pair alone has the sum W, and one beside others keeps its sum.
func (w *World) checkSums(t truth, write Write, breach breachFunc) {
	before := w.API.carried(write.Before, t.total)
	for i, rule := range w.API.carried(write.After, t.total).rules {
		sum, alone := pairSum(rule, t.stable, t.canary)
		for _, weight := range rule {
			if weight < 0 || alone && weight > int64(t.total) {
				breach("INV-5: weights %v", rule)
			}
		}
		switch {
		case !names(rule, t.stable) || !names(rule, t.canary):
			// a rule of the user's own
		case alone && sum != int64(t.total):
			breach("INV-5: weights %v do not sum to %d", rule, t.total)
		case !alone && i < len(before.rules):
			if was, _ := pairSum(before.rules[i], t.stable, t.canary); sum != was {
				breach("INV-5: the pair's sum %d -> %d beside others", was, sum)
			}
		}
	}
}

// names reports whether a rule names a Service.
func names(rule map[string]int64, service string) bool {
	_, ok := rule[service]
	return ok
}

// checkRaises is invariant 2, with what 4, 9 and 15 say of raises: more weight
// only for what has the pods for it.
func (w *World) checkRaises(t truth, write Write, breach breachFunc) {
	before, next := w.API.carried(write.Before, t.total), w.API.carried(write.After, t.total)
	for _, service := range t.services() {
		weight := next.weight[service]
		if weight <= before.weight[service] || weight <= t.weight[service] {
			continue
		}
		if service == t.canary {
			w.checkCanaryRaise(t, weight, breach)
		}
		w.checkPods(t, service, weight, breach)
	}
}

// checkCanaryRaise: what is aborted, rolled back or drained never gets more,
// and nothing advances while a route is unknown.
func (w *World) checkCanaryRaise(t truth, weight int32, breach breachFunc) {
	handOver := t.selects[t.canary] == t.stableHash() // and S has yet to come there
	switch {
	case t.selects[t.stable] == t.selects[t.canary], handOver && t.selects[t.stable] != t.stableHash():
	case t.ro.Status.Abort && !t.atStable():
		breach("INV-9: w(C) %d -> %d while aborted", t.weight[t.canary], weight)
	case t.atStable():
		breach("INV-9: w(C) %d -> %d while rolled back", t.weight[t.canary], weight)
	case t.selects[t.canary] != t.current():
		breach("INV-15: w(C) %d -> %d of a revision that is superseded", t.weight[t.canary], weight)
	case t.missing() != "":
		breach("INV-13: w(C) %d -> %d without Service %s", t.weight[t.canary], weight, t.missing())
	case w.unknown(t):
		breach("INV-4: w(C) %d -> %d while a route is unknown", t.weight[t.canary], weight)
	}
}

// checkPods: the taker has the pods, or the giver has none to lose.
func (w *World) checkPods(t truth, service string, weight int32, breach breachFunc) {
	other := t.other(service)
	if t.desired == 0 {
		return
	}
	if t.selects[service] == t.selects[other] {
		if t.ready[service] < min(t.ready[other], t.need(weight)) {
			breach("INV-2: %s -> %d with %d ready endpoints, %s has %d of the same", service, weight, t.ready[service], other, t.ready[other])
		}
		return
	}
	pods := min(t.available(t.selects[service]), t.ready[service])
	giver := min(t.available(t.selects[other]), t.ready[other])
	enough := w.enough(t, service, weight)
	share := int32(0) // of the pods there are, rounded up
	if pods+giver > 0 {
		share = int32((int64(pods)*int64(t.total) + int64(pods+giver) - 1) / int64(pods+giver))
	}
	switch {
	case pods >= enough:
	case giver == 0 && pods > 0:
	case giver < t.need(t.weight[other]) && weight <= share:
	case pods > 0 && weight <= t.total-t.carries(giver) && giver < t.need(t.weight[other]):
	default:
		breach("INV-2: %s %d -> %d with %d of %d pods", service, t.weight[service], weight, pods, enough)
	}
}

// carries is the weight that so many pods are enough for, rounded down.
func (t truth) carries(pods int32) int32 {
	return int32(min(int64(t.total), int64(pods)*int64(t.total)/int64(max(1, t.desired))))
}

// enough pods for a weight of a Service, by the user's own words, never below
// 1.
func (w *World) enough(t truth, service string, weight int32) int32 {
	need := t.need(weight)
	if service == t.stable {
		return max(1, min(t.spec.Enough(need), t.least()))
	}
	if pods, said, before := t.words(); said && before {
		need = min(need, pods)
	}
	if weight == t.total {
		need = min(need, w.filledFor(t))
	}
	return max(1, t.spec.Enough(need))
}

// unknown: the outcome of our last write to a route object is not known, and
// nobody has read it since.
func (w *World) unknown(t truth) bool {
	for key := range maps.Keys(w.unsure) {
		if isRoute(key.resource) {
			return t.routed
		}
	}
	return false
}
