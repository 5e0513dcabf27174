// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// patience is T: a write may rest on a state that is no older than this.
const patience = 2 * time.Second

// remember adds the state of now to the history, and drops what no write can
// rest on any more.
func (w *World) remember() {
	objects := map[schema.GroupVersionResource]map[cache.ObjectName]*unstructured.Unstructured{}
	for resource, byKey := range w.API.objects {
		objects[resource] = maps.Clone(byKey)
	}
	w.forget()
	w.history = append(w.history, state{at: w.Clock.Now(), version: w.API.version, api: w.API, objects: objects})
}

// forget the states that were over before anything that a write of now may rest
// on.
func (w *World) forget() {
	for len(w.history) > 1 && w.Clock.Since(w.history[1].at) > patience {
		w.history = w.history[1:]
	}
}

// moment is a time, and the version of the API server at which it was over;
// unseen are earlier versions that no cache of the controller has yet.
type moment struct {
	at     time.Time
	over   int64
	unseen map[int64]bool
}

// seen is the state that the controller knows of before a write: what it has
// written and read itself, and what its caches show, where each lags behind by
// itself, but none by more than patience.
func (w *World) seen(write Write) (state, moment) {
	now := w.Clock.Now()
	s := state{at: now, api: w.API, objects: map[schema.GroupVersionResource]map[cache.ObjectName]*unstructured.Unstructured{}}
	for resource, byKey := range w.API.objects {
		s.objects[resource] = maps.Clone(byKey)
	}
	if s.objects[write.Resource][write.Key] = write.Before; write.Before == nil {
		delete(s.objects[write.Resource], write.Key)
	}
	until, own := moment{now, math.MaxInt64, map[int64]bool{}}, map[object]bool{}
	for _, late := range slices.Backward(w.pending) {
		o := object{late.Resource, late.Key}
		if own[o] = own[o] || late.Ours; own[o] || late.version <= w.read[o] || now.Sub(late.at) > patience {
			continue
		}
		until.unseen[late.version] = true
		if s.objects[o.resource][o.key] = late.Before; late.Before == nil {
			delete(s.objects[o.resource], o.key)
		}
	}
	return s, until
}

// judge compares one write of the controller with the invariants. It breaks
// one only where no state that it may rest on allows it: what the caches show,
// or what was there no longer than patience ago, with our own writes since then.
func (w *World) judge(write Write) {
	seen, until := w.seen(write)
	breaches := w.check(seen, until, write)
	if len(breaches) == 0 {
		return
	}
	until.unseen = nil
	w.forget()
	for i := len(w.history) - 1; i >= 0; i-- {
		found := w.check(w.history[i], until, write)
		until = moment{at: w.history[i].at, over: w.history[i].version}
		if len(found) == 0 {
			breaches = nil
			break
		}
	}
	w.Breaches = append(w.Breaches, breaches...)
}

// overlay lays a write of our own over all that was before: the controller
// reads what it has written, while of each resource that others write it may
// know no more than what was there a moment ago.
func (w *World) overlay(write Write) {
	for _, s := range w.history {
		if s.objects[write.Resource] == nil {
			s.objects[write.Resource] = map[cache.ObjectName]*unstructured.Unstructured{}
		}
		if s.objects[write.Resource][write.Key] = write.After; write.After == nil {
			delete(s.objects[write.Resource], write.Key)
		}
	}
}

// same reports whether two versions of an object say the same.
func same(a, b *unstructured.Unstructured) bool {
	if a == nil || b == nil {
		return false
	}
	for _, field := range []string{"spec", "status"} {
		if !reflect.DeepEqual(a.Object[field], b.Object[field]) {
			return false
		}
	}
	return maps.Equal(a.GetLabels(), b.GetLabels()) && maps.Equal(a.GetAnnotations(), b.GetAnnotations()) &&
		reflect.DeepEqual(a.GetOwnerReferences(), b.GetOwnerReferences())
}

type breachFunc func(format string, args ...any)

// check gives what a write breaks if it rests on a state as it was until then.
func (w *World) check(s state, until moment, write Write) []string {
	var breaches []string
	breach := func(format string, args ...any) {
		breaches = append(breaches, fmt.Sprintf("%s %s: ", write.Resource.Resource, write.Key.Name)+fmt.Sprintf(format, args...))
	}
	if write.After != nil && same(s.objects[write.Resource][write.Key], write.After) {
		breach("INV-7: what is written is there already")
	}
	w.checkMigration(s, until, write, breach)
	w.checkClaim(s, write, breach)
	t, ok := s.truth()
	if !ok {
		return breaches
	}
	t.moment = until
	switch {
	case write.Resource == servicesResource:
		w.checkFlip(t, write, breach)
		w.checkOwned(t, write, breach)
	case write.Resource == setsResource:
		w.checkShrink(t, write, breach)
		w.checkFilled(t, write, breach)
		w.checkDelay(t, write, breach)
		w.checkKept(t, write, breach)
		w.checkBudget(t, write, breach)
	case write.Resource == podsResource:
		w.checkPod(t, write, breach)
	case write.Resource == rolloutsResource:
		w.checkSteps(t, write, breach)
		w.checkListed(s, write, breach)
		w.checkDeadline(write, breach)
		w.checkInvalid(s, t, write, breach)
	case isRoute(write.Resource):
		w.checkSums(t, write, breach)
		w.checkRaises(t, write, breach)
		w.checkFalls(t, write, breach)
		w.checkManaged(t, write, breach)
		w.checkOwned(t, write, breach)
	}
	return breaches
}
