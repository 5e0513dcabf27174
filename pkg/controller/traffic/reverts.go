// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"reflect"
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

// reverts remembers, per rollout, the route that was applied last, and when
// somebody else undid it. It only ever delays a write.
type reverts struct {
	mu  sync.Mutex
	all map[cache.ObjectName]*revert
}

type revert struct {
	route mesh.Route
	// undone: somebody has reverted it, and it is not repaired yet.
	undone bool
	// times of the reverts of late, and who did the last one; next is when
	// the next repair may be.
	times []time.Time
	by    string
	next  time.Time
}

// applied notes what was written. A new route is no repair.
func (r *reverts) applied(key cache.ObjectName, route mesh.Route, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[cache.ObjectName]*revert{}
	}
	known := r.all[key]
	if known == nil {
		known = &revert{}
		r.all[key] = known
	}
	if known.undone {
		known.next = now.Add(min(firstSpace<<min(max(0, len(known.recent(now))-1), 10), lastSpace))
	}
	known.route, known.undone = route, false
}

// wait is how long to wait before route is written, 0 for not at all. The
// objects were seen not to carry it.
func (r *reverts) wait(key cache.ObjectName, route mesh.Route, urgent bool, seen mesh.Observed, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.all[key]
	if known == nil || !reflect.DeepEqual(known.route, route) {
		return 0
	}
	if !known.undone {
		known.undone, known.by = true, manager(seen)
		known.times = append(known.recent(now), now)
	}
	left := known.next.Sub(now)
	if urgent {
		left = min(left, known.times[len(known.times)-1].Add(firstSpace).Sub(now))
	}
	return max(0, left)
}

func (k *revert) recent(now time.Time) []time.Time {
	var late []time.Time
	for _, t := range k.times {
		if now.Sub(t) < lastSpace {
			late = append(late, t)
		}
	}
	return late
}

func manager(seen mesh.Observed) string {
	for _, s := range seen.Objects {
		if !s.Matches && s.Manager != "" {
			return s.Manager
		}
	}
	return "an unknown field manager"
}

// contender is who reverts the route again and again, "" for nobody, and how
// long that will be said.
func (r *reverts) contender(key cache.ObjectName, now time.Time) (by string, left time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.all[key]
	if known == nil {
		return "", 0
	}
	late := known.recent(now)
	if len(late) < contended {
		return "", 0
	}
	return known.by, late[len(late)-contended].Add(lastSpace).Sub(now)
}

func (r *reverts) forget(key cache.ObjectName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, key)
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
