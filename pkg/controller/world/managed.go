// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"k8s.io/client-go/tools/cache"
)

// checkManaged is invariant 6: the managed routes of an object that we write
// are a function of the state.
func (w *World) checkManaged(t truth, write Write, breach breachFunc) {
	if write.After == nil {
		return
	}
	before, next := w.API.carried(write.Before, t.total), w.API.carried(write.After, t.total)
	wanted, open := t.managedRoutes(len(t.managed) > 0)
	switch {
	case !t.stepsKnown() && !slices.ContainsFunc(next.managed, func(name string) bool { return !slices.Contains(before.managed, name) }):
		// the spec has other steps, that cannot start: nothing of theirs comes
	case t.ready[t.canary] == 0 && len(next.managed) > len(before.managed):
		breach("INV-6: managed routes %v -> %v, which lead to nobody", before.managed, next.managed)
	case slices.Equal(next.managed, wanted):
	case len(next.managed) == 0 && !t.names(object{write.Resource, write.Key}): // it is given back
	case (!open || t.ready[t.canary] == 0) && len(next.managed) == 0:
	case t.selects[t.stable] != t.stableHash() && len(next.managed) == 0:
		// somebody has pointed S elsewhere, and all that is ours makes way
	case open && len(next.managed) == 0 && len(before.managed) == 0:
		// not shown yet: its canary has just become available
	default:
		breach("INV-6: managed routes %v -> %v, of %v", before.managed, next.managed, wanted)
	}
}

// names: the spec names that route object, or another one by mistake, that the
// controller has never taken up.
func (t truth) names(o object) bool {
	listed := func(name string) bool {
		return listed(t.ro.Status.Managed, object{o.resource, cache.NewObjectName(Namespace, name)})
	}
	tr := t.spec.TrafficRouting
	switch {
	case tr == nil:
		return false
	case o.resource.Resource == "httproutes":
		return tr.GatewayAPI != nil && (tr.GatewayAPI.HTTPRoute == o.key.Name ||
			tr.GatewayAPI.HTTPRoute != "" && !listed(tr.GatewayAPI.HTTPRoute) && listed(o.key.Name) ||
			slices.ContainsFunc(tr.GatewayAPI.HTTPRoutes, func(r v1alpha1.GatewayAPIRoute) bool { return r.Name == o.key.Name }))
	case o.resource.Resource == "virtualservices":
		return tr.Istio != nil && tr.Istio.VirtualService != nil && tr.Istio.VirtualService.Name == o.key.Name
	default:
		return len(tr.Plugins) > 0
	}
}

// managedRoutes that should be there. open is false where there can be none,
// because what they lead to is not there or not to be had. Those that are shown
// stay while its pods are not told to be gone.
func (t truth) managedRoutes(shown bool) (names []string, open bool) {
	st, pods := t.ro.Status, t.available(t.current())
	if shown {
		pods = t.held(t.current())
	}
	open = t.selects[t.canary] == t.current() && pods > 0 && t.desired > 0 &&
		!st.Abort && !st.PromoteFull && t.sets[t.stableHash()] != nil && !t.atStable()
	if !open {
		return nil, false
	}
	return t.routesAt(t.index()), true
}

// Restored is the rest of invariant 6: the managed routes that should be there
// are there, on every object, "" for all. It is asked once T has passed since
// the canary is available, if nothing fails.
func (w *World) Restored() string {
	t, ok := state{api: w.API, objects: w.API.objects}.truth()
	if !ok || !t.routed {
		return ""
	}
	wanted, open := t.managedRoutes(false)
	if !open || !t.stepsKnown() || t.ready[t.canary] == 0 {
		return ""
	}
	for _, o := range w.routes("") {
		if have := w.API.carried(w.API.objects[o.resource][o.key], t.total).managed; !slices.Equal(have, wanted) {
			return "INV-6: " + o.resource.Resource + " lacks managed routes after " + patience.String()
		}
	}
	return ""
}
