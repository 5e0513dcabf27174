// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/controller/world"
)

// TestMemoryIsFlat: what the controller remembers does not grow with the releases
// that it has done, nor with the rollouts that are gone (invariant 12).
func TestMemoryIsFlat(t *testing.T) {
	t.Parallel()
	for mesh, life := range map[string]func(*testing.T, *world.World, int){
		"gateway+istio+test": release, "service": release, "istio": birth,
	} {
		w := world.New()
		act(t, w, "shop mesh="+mesh, "setWeight: 20\npause: {}")
		var counts []int
		for i := range 8 {
			life(t, w, i)
			counts = append(counts, remembered(w.Controller))
		}
		if early, late := slices.Min(counts[:4]), slices.Min(counts[4:]); late > early || early == 0 {
			t.Errorf("%s: the controller remembers more and more: %v", mesh, counts)
		}
	}
}

// release a version, and lose an answer on the way.
func release(t *testing.T, w *world.World, i int) {
	act(t, w, fmt.Sprintf("deploy image=r%d", i))
	act(t, w, "fail how=unanswered of=replicasets")
	act(t, w, fmt.Sprintf("ready r%d=all", i))
	act(t, w, "promote")
	act(t, w, "wait for=60s")
	if phase := w.Rollout().Status.Phase; phase != "Healthy" {
		t.Fatalf("release %d ends %s", i, phase)
	}
}

// birth of a rollout in the place of one that is deleted, in trouble.
func birth(t *testing.T, w *world.World, i int) {
	release(t, w, i)
	act(t, w, "remove route=web of=virtualservices")
	act(t, w, "fail how=lost")
	act(t, w, "deploy image=late")
	act(t, w, "fail how=refused")
	act(t, w, "delete")
	act(t, w, "wait for=60s")
	if remembers, nothing := remembered(w.Controller), remembered(world.New().Controller); remembers > nothing {
		t.Errorf("without a rollout the controller remembers %d things, %d at first", remembers, nothing)
	}
	act(t, w, "shop mesh=istio", "setWeight: 20\npause: {}")
}

func act(t *testing.T, w *world.World, command string, input ...string) {
	t.Helper()
	words := strings.Fields(command)
	args := map[string]string{}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		args[name] = value
	}
	if err := w.Act(words[0], args, strings.Join(input, "\n")); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
}

// remembered counts the entries of all maps and slices that a value leads to, but for
// what informers hold, what the cluster is made of, and what waits in a queue.
func remembered(v any) int {
	seen, count := map[uintptr]bool{}, 0
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		if !v.IsValid() || foreign(v.Type()) {
			return
		}
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() || seen[v.Pointer()] {
				return
			}
			seen[v.Pointer()] = true
			walk(v.Elem())
		case reflect.Interface:
			walk(v.Elem())
		case reflect.Struct:
			for _, field := range v.Fields() {
				walk(field)
			}
		case reflect.Map:
			count += v.Len()
			for _, value := range v.Seq2() {
				walk(value)
			}
		case reflect.Slice, reflect.Array:
			count += v.Len()
			for _, value := range v.Seq2() {
				walk(value)
			}
		default: // has no entries
		}
	}
	walk(reflect.ValueOf(v))
	return count
}

// foreign: what belongs to the cluster, or to its informers.
func foreign(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for _, path := range []string{"controller/world", "client-go/tools/cache", "client-go/testing", "client-go/informers", "client-go/kubernetes", "client-go/dynamic", "pkg/client/", "apimachinery/pkg/util/sets"} {
		if strings.Contains(t.PkgPath(), path) {
			return true
		}
	}
	return strings.HasPrefix(t.String(), "workqueue.queue[")
}
