// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"reflect"
	"time"
)

// reverterPeriod is how often a tool that reverts for ever looks at the routes.
const reverterPeriod = 5 * time.Second

// leastRepairSpace is how long a repair of a route that was repaired before has
// to wait at least (edge case 27).
const leastRepairSpace = 10 * time.Second

// reverter is a GitOps tool that writes the routes back to what the user's
// manifests say, whenever they differ.
type reverter struct {
	by   string
	next time.Time
}

// doReverter starts such a tool, or ends it: reverter by=argocd, reverter.
func (w *World) doReverter(args map[string]string, _ string) error {
	w.reverter = nil
	if by := args["by"]; by != "" {
		w.reverter = &reverter{by: by, next: w.Clock.Now().Add(reverterPeriod)}
	}
	return nil
}

// revertDue lets the tool look, if it is time to.
func (w *World) revertDue() {
	r := w.reverter
	if r == nil || r.next.After(w.Clock.Now()) {
		return
	}
	r.next = w.Clock.Now().Add(reverterPeriod)
	for _, o := range w.routes("") {
		spec := w.API.objects[o.resource][o.key].Object["spec"].(map[string]any)
		if manifest := w.manifests[o].Object["spec"].(map[string]any); !reflect.DeepEqual(spec, merged(spec, manifest)) {
			must(w.Revert(r.by, o.resource.Resource))
		}
	}
}

// repaired is a route object as the controller last wrote it.
type repaired struct {
	spec any
	// undone: somebody else has changed it since; at is the last repair.
	undone bool
	at     time.Time
}

// spaceRepairs is edge case 27: what a tool undoes again and again is not written
// again and again. What its user says since begins anew; a controller that has just
// started knows of no repair, nor one that does not know what became of its write.
func (w *World) spaceRepairs(write Write) {
	if write.Resource == rolloutsResource && !write.Ours {
		clear(w.repairs)
	}
	if !isRoute(write.Resource) || write.After == nil {
		return
	}
	o := object{write.Resource, write.Key}
	r, spec := w.repairs[o], write.After.Object["spec"]
	_, unsure := w.unsure[o]
	same := r.spec != nil && reflect.DeepEqual(r.spec, spec)
	switch {
	case unsure:
		delete(w.repairs, o)
		return
	case !write.Ours:
		r.undone = r.spec != nil && !same
	case same && r.undone:
		if since := write.at.Sub(r.at); w.reverter != nil && !r.at.IsZero() && since < leastRepairSpace {
			w.Breaches = append(w.Breaches, "edge case 27: "+write.Resource.Resource+" repaired again after "+since.String())
		}
		r.undone, r.at = false, write.at
	default:
		r.undone, r.spec = false, spec
	}
	w.repairs[o] = r
}
