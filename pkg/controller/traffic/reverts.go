// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/client-go/tools/cache"
)

// Repairs of what somebody else reverts are spaced: at once, then firstSpace,
// doubling up to lastSpace. Urgent ones are never spaced by more than
// firstSpace.
const (
	firstSpace = 10 * time.Second
	lastSpace  = 5 * time.Minute
	// contended: so many reverts within lastSpace are a contention.
	contended = 3
)

// reverts remembers, per rollout and object, the route that was applied last, and
// when somebody else undid it. It only ever delays a write.
type reverts struct {
	mu  sync.Mutex
	all map[cache.ObjectName]map[string]*revert
}

// revert is a row of reverts of one object, which ends when nobody has reverted it
// for long enough.
type revert struct {
	route mesh.Route
	// undone: somebody has reverted it, and it is not repaired yet.
	undone bool
	// times of the last reverts, no more than are a contention.
	times []time.Time
	// space from the last repair to the next one, which may be at next.
	space time.Duration
	next  time.Time
	// by contends since then, "" for nobody.
	by    string
	since time.Time
}

// applied notes what was written. A new route is no repair.
func (r *reverts) applied(key cache.ObjectName, route mesh.Route, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[cache.ObjectName]map[string]*revert{}
	}
	if r.all[key] == nil {
		r.all[key] = map[string]*revert{}
	}
	for _, o := range route.Objects {
		known := r.all[key][o.String()]
		if known == nil {
			known = &revert{}
			r.all[key][o.String()] = known
		}
		if known.undone {
			known.space = min(max(firstSpace, 2*known.space), lastSpace)
			known.next = now.Add(known.space)
		}
		known.route, known.undone = of(route, o), false
	}
}

// of is the route of one object. What stable can take, which follows its pods,
// makes no other route of it.
func of(route mesh.Route, o mesh.Object) mesh.Route {
	route.Objects, route.Least = []mesh.Object{o}, 0
	return route
}

// wait is how long to wait before route is written to an object, 0 for not at
// all. That was seen not to carry it.
func (r *reverts) wait(key cache.ObjectName, route mesh.Route, urgent bool, seen mesh.State, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.all[key][seen.Object.String()]
	if known == nil || !reflect.DeepEqual(known.route, of(route, seen.Object)) {
		return 0
	}
	if !known.undone {
		known.undone = true
		known.reverted(cmp.Or(seen.Manager, "an unknown field manager"), now)
	}
	left := known.next.Sub(now)
	if urgent {
		left = min(left, known.times[len(known.times)-1].Add(firstSpace).Sub(now))
	}
	return max(0, left)
}

// reverted notes one more revert of the row, or the first one of another.
func (k *revert) reverted(by string, now time.Time) {
	if !now.Before(k.ends()) {
		k.times, k.space, k.by = nil, 0, ""
	}
	k.times = append(k.times, now)
	k.times = k.times[max(0, len(k.times)-contended):]
	if k.by == "" && len(k.times) == contended && now.Sub(k.times[0]) < lastSpace {
		k.by, k.since = by, now
	}
}

// ends is when the row of reverts is over if no more come: what undoes a repair as
// soon as it is there comes no later.
func (k *revert) ends() time.Time {
	if len(k.times) == 0 {
		return time.Time{}
	}
	return k.times[len(k.times)-1].Add(max(lastSpace, 2*k.space))
}

// contender is who reverts an object again and again, and has for longest, "" for
// nobody, and how long that will be said.
func (r *reverts) contender(key cache.ObjectName, now time.Time) (by string, left time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var first *revert
	for _, known := range r.all[key] {
		if known.by != "" && now.Before(known.ends()) && (first == nil || known.since.Before(first.since)) {
			first = known
		}
	}
	if first == nil {
		return "", 0
	}
	return first.by, first.ends().Sub(now)
}

// keep forgets all objects of a rollout but those that are named.
func (r *reverts) keep(key cache.ObjectName, objects []mesh.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.all[key], func(name string, _ *revert) bool {
		return !slices.ContainsFunc(objects, func(o mesh.Object) bool { return o.String() == name })
	})
	if len(r.all[key]) == 0 {
		delete(r.all, key)
	}
}

// contentionAdvice tells how to make the other writer leave our fields alone.
func contentionAdvice(kind mesh.Kind, by string) string {
	resource := kind.Resources[0]
	field := "/spec/http"
	if resource.Kind == "HTTPRoute" {
		field = "/spec/rules"
	}
	return fmt.Sprintf("%s reverts the weights again and again. If it is Argo CD, add to its Application: "+
		"ignoreDifferences: [{group: %s, kind: %s, jsonPointers: [%s]}] with syncOptions: [RespectIgnoreDifferences=true]",
		by, resource.Group, resource.Kind, field)
}
