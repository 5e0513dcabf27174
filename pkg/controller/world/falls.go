// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

// noteCarriers follows, for each route object, the most pods that the canary has had
// since we raised its weight there. What somebody else gave it, or what moved freely
// between two Services of one revision, it need not have the pods for.
func (w *World) noteCarriers(t truth, write Write) {
	pods, route := t.carriers(), object{write.Resource, write.Key}
	if isRoute(write.Resource) && w.API.carried(write.After, t.total).weight[t.canary] > w.API.carried(write.Before, t.total).weight[t.canary] {
		delete(w.carriers, route)
		if write.Ours && t.selects[t.stable] != t.selects[t.canary] {
			w.carriers[route] = pods
		}
	}
	for raised, most := range w.carriers {
		w.carriers[raised] = max(most, pods)
	}
}

// carriers are the pods of the current revision that serve what C carries.
func (t truth) carriers() int32 { return min(t.held(t.current()), t.ready[t.canary]) }

// checkFalls is edge case 13: once status has told of its weight, a canary that has
// lost no pod keeps that, or what the steps ask for where that is less, whatever
// they say now of the pods that are enough.
func (w *World) checkFalls(t truth, write Write, breach breachFunc) {
	was, is := w.API.carried(write.Before, t.total).weight[t.canary], w.API.carried(write.After, t.total).weight[t.canary]
	goal, told := t.lastWeight(), t.ro.Status.Canary.Weights
	carriers, raised := w.carriers[object{write.Resource, write.Key}]
	if t.ro.Status.PromoteFull {
		goal = t.total
	}
	switch {
	case is >= min(was, goal), t.desired == 0, t.ro.Status.Abort, t.atStable():
	case t.selects[t.canary] != t.current(), t.selects[t.stable] != t.stableHash():
	case !t.names(object{write.Resource, write.Key}): // it is given back
	case told == nil, told.Canary.Weight != was, !raised, t.carriers() < carriers:
	default:
		breach("edge case 13: w(C) %d -> %d, and none of %d pods is lost", was, is, carriers)
	}
}
