// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package replay judges a controller by what it wrote. It reads every change
// that an API server has stored, in order, and says which writes of the
// controller broke invariant 1, 2 or 3 of docs/invariants.md: no flip under
// load, capacity before weight, weight before scale-down.
//
// It shares no code with the planner and the routers: it reads objects in the
// plainest way, and knows what a proxy would do with them.
package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Write is one change that the API server stored.
type Write struct {
	// Revision counts the changes. It is the resourceVersion of the object.
	Revision int64 `json:"revision"`
	// Key of the object in etcd.
	Key string `json:"key"`
	// Object as stored, empty where it was deleted.
	Object json.RawMessage `json:"object"`
	// At is when the change was seen.
	At time.Time `json:"-"`
	// Foreign changes are somebody else's. They are answered, not judged.
	Foreign bool `json:"-"`
}

// prefixes of the keys that a Judge looks at, with what is stored there.
var prefixes = map[string]func() any{
	"/registry/argoproj.io/rollouts/":                 func() any { return &v1alpha1.Rollout{} },
	"/registry/replicasets/":                          func() any { return &appsv1.ReplicaSet{} },
	"/registry/services/specs/":                       func() any { return &corev1.Service{} },
	"/registry/endpointslices/":                       func() any { return &discoveryv1.EndpointSlice{} },
	"/registry/gateway.networking.k8s.io/httproutes/": func() any { return &unstructured.Unstructured{} },
	"/registry/networking.istio.io/virtualservices/":  func() any { return &unstructured.Unstructured{} },
}

// Relevant reports whether a Judge looks at the object of a key.
func Relevant(key string) bool {
	prefix, _ := split(key)
	return prefix != ""
}

// split gives the prefix and the namespace of a key; an irrelevant one has none.
func split(key string) (prefix, namespace string) {
	for prefix := range prefixes {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			namespace, _, _ = strings.Cut(rest, "/")
			return prefix, namespace
		}
	}
	return "", ""
}

// Judge reads changes in their order. The zero value has seen none.
type Judge struct {
	// Patience is T: a write may rest on a state that is no older than this
	// when the write is seen. Zero is for ever.
	Patience time.Duration
	// Judged counts the writes that were compared with the invariants.
	Judged int
	// Breaches of all writes so far.
	Breaches []string

	namespaces map[string]*history
}

// history is what a namespace held, oldest first. The last state is what it
// holds now.
type history struct {
	states []state
	next   int
	// since has for each rollout the number of the state that the last write
	// of the controller made: an older one is no excuse for the next write.
	since map[string]int
}

// state is true until another one is; the objects are shared and never change.
type state struct {
	number  int
	until   time.Time // zero: it holds now
	objects map[string]any
}

// Add judges one change, and remembers the state that it makes.
func (j *Judge) Add(w Write) error {
	prefix, namespace := split(w.Key)
	if prefix == "" {
		return nil
	}
	var object any
	if len(w.Object) > 0 {
		object = prefixes[prefix]()
		if err := json.Unmarshal(w.Object, object); err != nil {
			return fmt.Errorf("read %s at revision %d: %w", w.Key, w.Revision, err)
		}
	}
	h := j.history(namespace)
	before := &h.states[len(h.states)-1]
	before.until = w.At
	h.forget(w.At.Add(-j.Patience), j.Patience > 0)
	before = &h.states[len(h.states)-1]
	next := state{number: h.next, objects: maps.Clone(before.objects)}
	h.next++
	if object == nil {
		delete(next.objects, w.Key)
	} else {
		next.objects[w.Key] = object
	}
	if !w.Foreign {
		j.judge(h, change{Write: w, before: before.objects[w.Key], after: object}, next.number)
	}
	h.states = append(h.states, next)
	return nil
}

func (j *Judge) history(namespace string) *history {
	if j.namespaces == nil {
		j.namespaces = map[string]*history{}
	}
	h := j.namespaces[namespace]
	if h == nil {
		h = &history{next: 1, since: map[string]int{}, states: []state{{objects: map[string]any{}}}}
		j.namespaces[namespace] = h
	}
	return h
}

// forget drops the states that ended before a time.
func (h *history) forget(before time.Time, limited bool) {
	for limited && len(h.states) > 1 && h.states[0].until.Before(before) {
		h.states = h.states[1:]
	}
}

// change is a write, with the object before and after it, nil for none.
type change struct {
	Write
	before, after any
}

// judge compares a write with the invariants, for each rollout that it
// concerns. It breaks one only where no state that it may rest on allows it.
func (j *Judge) judge(h *history, c change, number int) {
	newest := h.states[len(h.states)-1]
	for _, rollout := range newest.concerned(c) {
		var breaches []string
		j.Judged++
		for i := len(h.states) - 1; i >= 0 && h.states[i].number >= h.since[rollout]; i-- {
			found := h.states[i].breaches(rollout, c)
			if len(found) == 0 {
				breaches = nil
				break
			}
			if breaches == nil {
				breaches = found
			}
		}
		for _, b := range breaches {
			j.Breaches = append(j.Breaches, fmt.Sprintf("revision %d, %s, %s: %s", c.Revision, c.At.Format("15:04:05.000"), strings.TrimPrefix(c.Key, "/registry/"), b))
		}
		h.since[rollout] = number
	}
}
