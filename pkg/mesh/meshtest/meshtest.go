// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package meshtest is the conformance suite that every Kind of data plane
// passes. A Fixture is one set of route objects as a user would write them,
// and an independent reading of what a proxy would do with a request, so that
// no router is its own witness.
package meshtest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Request that a proxy gets.
type Request struct {
	Host, Method, Path string
	Headers            map[string]string
}

// with a header more.
func (r Request) with(header, value string) Request {
	headers := maps.Clone(r.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	headers[header] = value
	r.Headers = headers
	return r
}

// Answer is what a proxy does with a request.
type Answer struct {
	// Shares of the Services that may answer it, as the weights are written.
	// One with weight 0 is absent.
	Shares map[string]int64
	// Mirrors are the Services that get a copy of it, in percent.
	Mirrors map[string]int64
}

// Weighted is a request that the pair answers.
type Weighted struct {
	Request
	// Sum of the pair's weights beside other backends; 0: it is alone.
	Sum int64
	// Besides are the shares of the other backends.
	Besides map[string]int64
	// Bare: managed routes are kept off the object that carries it.
	Bare bool
}

// Plane is what is the same for all fixtures of a Kind: how its objects are
// read and spoilt by hand.
type Plane struct {
	Kind mesh.Kind
	// Split reads what a proxy with these objects does with a request.
	Split func(objs []*unstructured.Unstructured, r Request) Answer
	// Alone is the total of a pair that is alone in its rule, for a total
	// weight.
	Alone func(total int32) int64
	// Defaults are what the schema adds to an object; may be nil.
	Defaults func(*unstructured.Unstructured)
	// Valid says what the schema has against an object; may be nil.
	Valid func(*unstructured.Unstructured) error
	// Weigh changes the weights of a pair in every rule that has it.
	Weigh func(obj *unstructured.Unstructured, stable, canary string, change Weights)
	// Names of the rules of an object.
	Names func(obj *unstructured.Unstructured) []string
	// Drop takes out the rules with these names, and copies of them.
	Drop func(obj *unstructured.Unstructured, names ...string)
	// Broken are mistakes in an object, each with the field that a Fault about
	// it names.
	Broken []Mistake
	// Acknowledge, for a Kind that can be Acked, writes the status of an
	// object as its controller does that serves, or refuses, this generation.
	Acknowledge func(obj *unstructured.Unstructured, refusal string)
	// AllHeaders: a header route needs all of its headers, not one of them.
	AllHeaders bool
	// Narrow: a managed route takes no request of a rule that is not weighted.
	Narrow bool
}

// Weights makes the new weights of a pair of the old ones.
type Weights func(stable, canary int64) (int64, int64)

// Mistake of a user in an object.
type Mistake struct {
	Name, Field string
	Make        func(obj *unstructured.Unstructured)
}

// Fixture is one configuration with its objects.
type Fixture struct {
	Plane
	// Config is the block under trafficRouting, in YAML.
	Config string
	// Before is the name of a file of objects as a user would write them.
	Before string
	// Route has the rollout and its Services; the rest is the suite's.
	Route mesh.Route
	// Weighted are requests that the pair answers, at least one per weighted
	// rule; Others those that a rollout must not touch.
	Weighted []Weighted
	Others   []Request
	// Neighbour, where set, is a second rollout on the same objects, with a
	// block of its own, and Neighbours requests that its pair answers.
	Neighbour       mesh.Route
	NeighbourConfig string
	Neighbours      []Weighted
}

// Names of the managed routes that the suite uses.
const (
	preview = "preview"
	shadow  = "shadow"
)

// Run checks all that Router promises.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	checks := []struct {
		name  string
		check func(*testing.T, *bench)
	}{
		{"the objects are as a user writes them", checkBefore},
		{"weights arrive", checkWeights},
		{"a weight of another total arrives or is refused", checkTotals},
		{"a weight of no step is never refused", checkNoStep},
		{"the two Services swap roles", checkSwap},
		{"what is not ours survives", checkForeign},
		{"remove gives back", checkRemove},
		{"header routes", checkHeaders},
		{"several headers", checkSeveralHeaders},
		{"mirror routes", checkMirrors},
		{"the order of managed routes", checkOrder},
		{"managed routes that go and change", checkManagedChange},
		{"what is not declared is refused", checkUndeclared},
		{"a reserved name that a user has given", checkForeignName},
		{"drift is seen and repaired", checkDrift},
		{"a stale cache writes nothing wrong", checkConflict},
		{"writes that fail", checkFailedWrites},
		{"reads that fail", checkFailedReads},
		{"a schema that refuses or drops", checkSchema},
		{"an object that is missing", checkMissing},
		{"an object with a mistake", checkMistakes},
		{"a rollout that changes its Services", checkHandOver},
		{"two rollouts on one object", checkNeighbours},
		{"levels", checkLevels},
		{"a cancelled context", checkCancelled},
		{"no objects", checkNoObjects},
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t, newBench(t, f))
		})
	}
}

// bench is a fresh copy of a fixture's objects, with a router on it.
type bench struct {
	Fixture
	store  *Store
	router mesh.Router
	before []*unstructured.Unstructured
}

func newBench(t *testing.T, f Fixture) *bench {
	t.Helper()
	f.Route.Objects = parse(t, f, f.Config)
	if f.Neighbour.Stable != "" {
		f.Neighbour.Objects = parse(t, f, f.NeighbourConfig)
	}
	f.Route.Reserved = []string{preview, shadow}
	f.Route.Total, f.Neighbour.Total = 100, 100
	b := &bench{Fixture: f}
	b.store = NewStore(t, f.Plane, load(t, f.Before)...)
	b.router = f.Kind.New(b.store)
	b.before = b.store.Objects(f.Route.Objects)
	return b
}

// parse a block under trafficRouting.
func parse(t *testing.T, f Fixture, config string) []mesh.Object {
	t.Helper()
	block, err := yaml.YAMLToJSON([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := f.Kind.Parse(block, f.Route.Rollout.Namespace)
	if err != nil {
		t.Fatalf("parse the configuration: %v", err)
	}
	return objects
}

// load the objects of a file.
func load(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []*unstructured.Unstructured
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		object, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		obj := &unstructured.Unstructured{}
		if err := obj.UnmarshalJSON(object); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, obj)
	}
	return all
}

// route of the fixture for a step with a weight of 100 and managed routes.
func (b *bench) route(weight int32, managed ...mesh.Managed) mesh.Route {
	r := b.Route
	r.Weight, r.Step, r.Managed = weight, true, managed
	return r
}

func (b *bench) apply(t *testing.T, r mesh.Route) {
	t.Helper()
	if err := b.router.Apply(t.Context(), r); err != nil {
		t.Fatalf("apply %s: %v", brief(r), err)
	}
}

// settled: the objects are seen to carry r, and a second Apply writes nothing.
func (b *bench) settled(t *testing.T, r mesh.Route) {
	t.Helper()
	if seen := b.observe(t, r); !seen.Matches {
		t.Errorf("%s: Matches is false after Apply", brief(r))
	}
	writes := b.store.Writes()
	b.apply(t, r)
	if n := b.store.Writes() - writes; n != 0 {
		t.Errorf("%s: a second Apply wrote %d times", brief(r), n)
	}
}

func (b *bench) observe(t *testing.T, r mesh.Route) mesh.Observed {
	t.Helper()
	seen, err := b.router.Observe(t.Context(), r)
	if err != nil {
		t.Fatalf("observe %s: %v", brief(r), err)
	}
	return seen
}

func (b *bench) remove(t *testing.T, r mesh.Route) {
	t.Helper()
	if err := b.router.Remove(t.Context(), r); err != nil {
		t.Fatalf("remove %s: %v", brief(r), err)
	}
}

func (b *bench) split(r Request) Answer { return b.Split(b.store.Objects(b.Route.Objects), r) }

// unwritten: what f does writes nothing.
func (b *bench) unwritten(t *testing.T, f func()) {
	t.Helper()
	before := b.store.Objects(b.Route.Objects)
	f()
	if diff := cmp.Diff(objects(before), objects(b.store.Objects(b.Route.Objects))); diff != "" {
		t.Errorf("an object was written (-before +after):\n%s", diff)
	}
}

func objects(all []*unstructured.Unstructured) []map[string]any {
	var contents []map[string]any
	for _, obj := range all {
		contents = append(contents, obj.Object)
	}
	return contents
}

func brief(r mesh.Route) string {
	text, _ := json.Marshal(map[string]any{"weight": r.Weight, "total": r.Total, "managed": r.Managed})
	return string(text)
}

// faulty: err is a user's fault that names an object.
func faulty(t *testing.T, err error, object string) *mesh.Fault {
	t.Helper()
	var fault *mesh.Fault
	if !errors.As(err, &fault) {
		t.Fatalf("got %v, want a user's fault about %s", err, object)
	}
	if fault.Object != object || fault.Problem == "" {
		t.Errorf("the fault %+v does not name %s and a problem", *fault, object)
	}
	return fault
}

// owned takes out of obj all that a route may put in, but for the weights.
func (b *bench) owned(obj *unstructured.Unstructured, routes ...mesh.Route) *unstructured.Unstructured {
	obj = obj.DeepCopy()
	annotations := obj.GetAnnotations()
	delete(annotations, kit.EditorsAnnotation)
	if len(annotations) == 0 {
		annotations = nil
	}
	obj.SetAnnotations(annotations)
	for _, r := range routes {
		b.Drop(obj, r.Reserved...)
		b.Weigh(obj, r.Stable, r.Canary, func(int64, int64) (int64, int64) { return 0, 0 })
	}
	obj.SetResourceVersion("")
	obj.SetGeneration(0)
	obj.SetManagedFields(nil)
	return obj
}

// unchanged: every object is as before, but for what routes own.
func (b *bench) unchanged(t *testing.T, routes ...mesh.Route) {
	t.Helper()
	for i, obj := range b.store.Objects(b.Route.Objects) {
		want, err := json.MarshalIndent(b.owned(b.before[i], routes...), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.MarshalIndent(b.owned(obj, routes...), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what the user wrote (-want +got):\n%s", obj.GetName(), diff)
		}
	}
}

// cancelled is a context that has ended.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// without 0.
func shares(m map[string]int64) map[string]int64 {
	some := maps.Clone(m)
	maps.DeleteFunc(some, func(_ string, n int64) bool { return n == 0 })
	if len(some) == 0 {
		return nil
	}
	return some
}

func names(managed []mesh.Managed) []string {
	var all []string
	for _, m := range managed {
		all = append(all, m.Name)
	}
	slices.Sort(all)
	return all
}
