// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"encoding/json"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Role says which side of a rollout a Service plays.
type Role string

const (
	// Stable is the side that carries all traffic that is not the canary's.
	Stable Role = "stable"
	// Canary is the side that carries the share of the steps.
	Canary Role = "canary"
)

// Level is how well an observation is known. The zero value is Unknown.
type Level int

const (
	// Unknown: nothing is known; every role must be taken to carry everything.
	Unknown Level = iota
	// Accepted: the object in the API server says so.
	Accepted
	// Acked: the data plane's controller has said that it serves this
	// generation of the object.
	Acked
)

// Object names one route object and the part of it that a rollout weights.
type Object struct {
	// Resource is the plural resource with its group; the version is the
	// Store's business.
	Resource schema.GroupResource
	Kind     string
	// Namespace is never empty for a namespaced object.
	Namespace string
	Name      string
	// Rules names the rules whose weights are ours. Empty means what the Kind
	// takes by default. Its syntax is the Kind's own.
	Rules []string
	// WeightOnly keeps managed routes off this object.
	WeightOnly bool
}

// Pattern matches a string. Exactly one field is set.
type Pattern struct {
	Exact, Prefix, Regex string
}

// HeaderMatch is one header that a request must carry.
type HeaderMatch struct {
	Header string
	Value  Pattern
}

// RequestMatch describes requests; all that is set must hold.
type RequestMatch struct {
	Method, Path *Pattern
	Headers      map[string]Pattern
}

// Managed is one header or mirror route. Exactly one of Headers and Mirror is
// not empty.
type Managed struct {
	Name string
	// Headers sends what matches to the canary. Whether all or one of several
	// must match is the Kind's own, long-standing rule (Istio: one; Gateway
	// API: all).
	Headers []HeaderMatch
	// Mirror copies what matches any element to the canary; the answer still
	// comes from where the weights say.
	Mirror []RequestMatch
	// Percent of the matching requests that are mirrored, 0 to 100.
	Percent int32
}

// Route is everything that route objects should say for one rollout. It is
// complete: equal Routes make equal objects, whatever was written before.
type Route struct {
	// Rollout names whose route this is.
	Rollout types.NamespacedName
	// Stable and Canary are the names of the two role Services, in the
	// rollout's namespace.
	Stable, Canary string
	// Total is the sum of both weights, at least 1; Weight is the canary's
	// part of it, 0 to Total.
	Total, Weight int32
	// Step: a step asks for Weight, and an object that cannot express it is at
	// fault. Any other weight is rounded down as far as it has to be, but not
	// below Least: what Stable cannot take.
	Step  bool
	Least int32
	// Managed routes that should exist, in order of precedence, the first
	// one matched first.
	Managed []Managed
	// Reserved lists every managed route name that is ours; a route with such
	// a name that is not in Managed is removed.
	Reserved []string
	// Objects that carry the route.
	Objects []Object
}

// AtRest reports whether r asks the data plane for nothing: all weight on
// stable and no managed route.
func (r Route) AtRest() bool { return r.Weight == 0 && len(r.Managed) == 0 }

// Condition is what a data plane's controller answered about an object.
type Condition struct {
	// Parent names who answered, or who has not answered yet.
	Parent string
	// Message is the answer, empty while there is none.
	Message string
	// Part: it is about a part, and the parent serves the rest.
	Part bool
}

// State is what one object was seen to carry.
type State struct {
	Object Object
	// Missing: the object does not exist, and so carries nothing.
	Missing bool
	Level   Level
	// Stable and Canary are the highest weights over the object's rules, in
	// units of Route.Total, rounded up.
	Stable, Canary int32
	// Managed lists the names of the managed routes that the object has,
	// sorted.
	Managed []string
	// Weighted identifies the rule that is weighted for being the only one, where
	// a Kind has that; a later one beside it is not.
	Weighted string
	// Matches: the object is what Apply of this Route would write.
	Matches bool
	// Waiting is the first parent that has not acknowledged this generation.
	Waiting *Condition
	// Served names the parents that serve this generation, and have nothing
	// against any part of it.
	Served []string
	// Refused is what parents have against this generation, or a part of it: they
	// may have accepted the rest.
	Refused []Condition
	// Caused is the first of Refused that is about an edit of the rollout, nil for
	// none.
	Caused *Condition
	// Manager is the field manager of the last write that was not ours.
	Manager string
	// ResourceVersion of the object that this was read from.
	ResourceVersion string
	// Edition differs after every edit that may change what the object carries,
	// and never comes back: an edit that is undone leaves its trace in it. What
	// a data plane answers is none.
	Edition string
	// Ours: something is still on the object that Remove would take away, a
	// managed route or our annotation.
	Ours bool
	// Fault is why the object cannot carry the route, a mistake that only its
	// owner can mend; empty if there is none. Level is Unknown where it cannot
	// be read either.
	Fault string
}

// Observed is what the objects of one Kind were seen to carry. The zero value
// is Unknown.
type Observed struct {
	// Kind is the name of the Kind.
	Kind string
	// Best is the highest Level that this Kind can reach; Level is the lowest
	// over all objects.
	Best, Level Level
	// Stable and Canary are the highest weights over all objects, in units of
	// Route.Total. They mean nothing while Level is Unknown.
	Stable, Canary int32
	// Managed lists the managed routes that exist on any object, sorted.
	Managed []string
	// Matches: every object is what Apply of this Route would write.
	Matches bool
	Objects []State
	// Ready counts the pods that the data plane itself reports as able to
	// serve, per role; a role that it does not report is absent.
	Ready map[Role]int32
}

// Router writes and reads the route objects of one data plane. It keeps no
// state, and never sees a Rollout.
type Router interface {
	// Apply makes the objects of r carry r, and nothing else of ours. It
	// writes nothing where they already do. A *Fault is the user's to mend.
	Apply(ctx context.Context, r Route) error
	// Observe reads what the objects of r carry. It sends no request.
	Observe(ctx context.Context, r Route) (Observed, error)
	// Remove undoes all that Apply ever put into the objects of r. It is safe
	// to repeat.
	Remove(ctx context.Context, r Route) error
}

// Store is how a Router reaches the objects.
type Store interface {
	// Get returns the object as last seen, shared and read-only. It answers
	// an apierrors NotFound where there is none, and ErrStale while what was
	// seen may be older than our own last write.
	Get(ctx context.Context, o Object) (*unstructured.Unstructured, error)
	// Patch sends one JSON patch (RFC 6902), which carries the
	// resourceVersion that was seen, and asks for strict field validation: an
	// older schema that would drop a field refuses it instead. It returns the
	// object as the API server has stored it.
	Patch(ctx context.Context, o Object, patch []byte) (*unstructured.Unstructured, error)
}

// Features says what a Kind can express. What it cannot is refused when a new
// revision starts.
type Features struct {
	// HeaderMatch lists the match kinds of header routes: "exact", "prefix",
	// "regex". Empty: no header routes.
	HeaderMatch []string
	// Mirror routes; MirrorPercent: with a share below 100.
	Mirror, MirrorPercent bool
	// PingPong: the two Services may swap roles.
	PingPong bool
	// Total: a total weight other than 100.
	Total bool
}

// Kind is one sort of data plane.
type Kind struct {
	// Name is the key under spec.strategy.canary.trafficRouting.
	Name     string
	Features Features
	// Best is the highest Level that Observe can reach.
	Best Level
	// Resources that it reads and writes, with the API versions that it
	// understands, the preferred one first.
	Resources []Resource
	// Parse turns the block under Name into the objects that it names, for a
	// rollout in namespace. Its error is a *Fault: the user's to mend.
	Parse func(config json.RawMessage, namespace string) ([]Object, error)
	// New makes the Router.
	New func(Store) Router
}

// Resource is one API resource that a Kind uses.
type Resource struct {
	schema.GroupResource
	Kind     string
	Versions []string
}
