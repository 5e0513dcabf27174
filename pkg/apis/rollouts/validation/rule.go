// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// rule is one thing that has to hold of each part of a kind, said twice: in Go
// for the controller, and in CEL for the API server. What both answer is the
// same, to the letter.
type rule[T any] struct {
	// field that is at fault, below the part; "" for the part itself.
	field string
	// says what must hold, and what to do about it.
	says string
	// kind of mistake: field.ErrorTypeInvalid where it is empty, which shows
	// the offending value; the other kinds have none.
	kind field.ErrorType
	// advice: a spec that breaks the rule is not refused.
	advice bool
	// holds says whether all is well with a part.
	holds func(part[T]) bool
	// cel is holds in CEL, with the part as self; "" where CEL cannot say it.
	// It never says that something is wrong where holds does not.
	cel string
	// needs asks each data plane of the rollout for a feature, once holds has
	// said that the part depends on it. What data planes can do is not known
	// to the API server, so that such a rule has no CEL.
	needs func(part[T], mesh.Features) bool
	// value is the one to show, where that is not the one of field; celValue
	// is the same in CEL. Without it the field is taken for a number.
	value    func(part[T]) any
	celValue string
}

// part of a spec, with what the rules about it ask for.
type part[T any] struct {
	path *field.Path
	self *T
	// canary is the strategy that the part is in.
	canary *v1alpha1.CanaryStrategy
}

// chapter has the rules about one kind of part.
type chapter[T any] struct {
	// at is the path of the parts, with [*] for each element of a list or map.
	at    string
	parts func(*v1alpha1.RolloutSpec) []part[T]
	rules []rule[T]
}

// check gives all that is wrong with the parts of s, or all that could be
// better.
func (c chapter[T]) check(s *v1alpha1.RolloutSpec, kinds map[string]mesh.Features, advice bool) field.ErrorList {
	var errs field.ErrorList
	for _, p := range c.parts(s) {
		for _, r := range c.rules {
			if r.advice == advice {
				errs = append(errs, r.check(p, kinds)...)
			}
		}
	}
	return errs
}

func (r rule[T]) check(p part[T], kinds map[string]mesh.Features) field.ErrorList {
	says := r.says
	if r.holds(p) {
		return nil
	}
	if r.needs != nil {
		lacking := missing(kinds, func(f mesh.Features) bool { return r.needs(p, f) })
		if len(lacking) == 0 {
			return nil
		}
		says += " " + strings.Join(lacking, ", ")
	}
	err := &field.Error{Type: r.kind, Field: p.path.String(), Detail: says, BadValue: ""}
	if r.field != "" {
		err.Field = p.path.Child(r.field).String()
	}
	if err.Type == "" {
		err.Type = field.ErrorTypeInvalid
		err.BadValue = r.offending(p)
	}
	return field.ErrorList{err}
}

// offending is the value that breaks r.
func (r rule[T]) offending(p part[T]) any {
	if r.value != nil {
		return r.value(p)
	}
	value, err := lookUp(p.self, r.field)
	if err != nil {
		return err.Error()
	}
	return value
}

// lookUp finds a field by its path in JSON, nil where it is not set.
func lookUp(in any, path string) (any, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a weight of 100000000 is not 1e+08
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	for key := range strings.SplitSeq(path, ".") {
		fields, _ := value.(map[string]any)
		value = fields[key]
	}
	return value, nil
}

// missing lists, sorted, the kinds that lack a feature.
func missing(kinds map[string]mesh.Features, has func(mesh.Features) bool) []string {
	var names []string
	for name, f := range kinds {
		if !has(f) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// oneOf says which of the fields are set, for a rule that wants one of them.
type oneOf []struct {
	name string
	set  bool
}

func (o oneOf) count() int {
	n := 0
	for _, f := range o {
		if f.set {
			n++
		}
	}
	return n
}

func (o oneOf) names() []string {
	var names []string
	for _, f := range o {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}

func (o oneOf) String() string { return strings.Join(o.names(), ", ") }

// atLeast is a rule about a number that may be left out.
func atLeast[T any](least int32, name string, number func(*T) *int32) rule[T] {
	return rule[T]{
		field: name,
		says:  fmt.Sprintf("must be %d or more", least),
		holds: func(p part[T]) bool {
			n := number(p.self)
			return n == nil || *n >= least
		},
		cel: fmt.Sprintf("%s.orValue(%d) >= %d", optional("self", name), least, least),
	}
}

// optional is the CEL for a field that may be missing, as may be those above.
func optional(in, path string) string {
	return in + ".?" + strings.ReplaceAll(path, ".", ".?")
}

// quoted is the CEL for a text as messages show it.
func quoted(cel string) string { return `'"' + string(` + cel + `) + '"'` }
