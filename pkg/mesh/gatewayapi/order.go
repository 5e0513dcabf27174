// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/api/equality"
)

// keepOrder makes the order of managed routes hold although a gateway goes by
// how specific a match is, not by its place: an earlier rule takes in what it
// has in common with a later one that would win over it. Where that cannot be
// expressed the order is refused.
//
// Of {X: beta} before {method GET}, the first becomes {X: beta} or {X: beta,
// method GET}, because a method wins over a header.
func keepOrder(all []*made, o mesh.Object) error {
	for i := len(all) - 1; i >= 0; i-- {
		first := all[i]
		alone := slices.Clone(first.matches)
		for _, later := range all[i+1:] {
			if !same(later.source.rule, first.source.rule) || later.header && first.header {
				continue
			}
			if err := first.takeIn(alone, later); err != nil {
				return faultOf(o, "managed route "+first.name, fmt.Sprintf(
					"may lose requests to managed route %s, which stands after it: %v; let that stand before it, or match exact values", later.name, err))
			}
		}
	}
	return nil
}

// takeIn what m, of which alone are the matches by itself, has in common with
// a later rule, where that would win; err: it cannot be expressed. Of what is
// made of two matches of the weighted rule it need not be: a request that both
// take is taken by what m has made of the second one too.
func (m *made) takeIn(alone []map[string]any, later *made) error {
	own := matchesOf(m.source.rule)
	for _, theirs := range later.matches {
		for _, ours := range alone {
			common, none, err := both(ours, theirs)
			switch {
			case none || !outranks(theirs, ours):
			case err != nil && slices.ContainsFunc(own, func(x map[string]any) bool { return takesAll(x, ours) && takesAll(x, theirs) }):
				return err
			case err == nil && !contains(m.matches, common):
				m.matches = append(m.matches, common)
			}
		}
	}
	return nil
}

// same reports whether two rules are one and the same.
func same(a, b map[string]any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// rival is a rule of the user's own that is not weighted, and its path.
type rival struct {
	rule map[string]any
	at   string
	// index among the user's own rules.
	index int
}

// rivals of the weighted rules. What another rollout has made is none.
func rivals(own []map[string]any, weighted []pair, others map[string]string) []rival {
	var all []rival
	for i, rule := range own {
		_, foreign := others[kit.String(rule, "name")]
		if !foreign && !slices.ContainsFunc(weighted, func(p pair) bool { return same(p.rule, rule) }) {
			all = append(all, rival{rule, ruleAt(rule, i), i})
		}
	}
	return all
}

// unreached reports whether a rival takes all requests of a match, which is of
// a copy of the rule p.
func unreached(match map[string]any, p pair, rivals []rival) bool {
	return slices.ContainsFunc(rivals, func(r rival) bool {
		return slices.ContainsFunc(matchesOf(r.rule), func(theirs map[string]any) bool {
			return takesAll(theirs, match) && preferred(theirs, r, p, match)
		})
	})
}

// checkTaken refuses a mirror route that would take requests from a rival:
// that is the more specific rule, but a mirror route of a method or of headers
// may be more specific than it. What both match, added to the rival, keeps
// them there, where that can be expressed.
//
// Of a rule for {query a=1} beside a weighted one for all, a mirror route of
// {method GET} would take GET requests with a=1.
func checkTaken(all []*made, rivals []rival, o mesh.Object) error {
	for _, m := range all {
		for _, r := range rivals {
			match, problem := m.takes(r)
			if m.header || match == nil && problem == nil {
				continue
			}
			field := "managed route " + kit.String(m.rule, "name")
			if problem != nil {
				return faultOf(o, field, fmt.Sprintf("may take requests from %s: %v; match exact values", r.at, problem))
			}
			text, err := json.Marshal(match)
			if err != nil {
				return err
			}
			return faultOf(o, field, fmt.Sprintf("would take requests from %s; add to the matches of that rule: %s", r.at, text))
		}
	}
	return nil
}

// takes is the first match of requests that go to a rival, and that m would
// take, nil if there is none; problem: it cannot be expressed.
func (m *made) takes(r rival) (common map[string]any, problem error) {
	theirs := matchesOf(r.rule)
	for _, ours := range m.matches {
		for _, match := range theirs {
			common, none, err := both(match, ours)
			within := []map[string]any{common}
			if err != nil {
				within = []map[string]any{match, ours}
			}
			if none || outranks(match, ours) || !preferred(match, r, m.source, within...) {
				continue
			}
			if !slices.ContainsFunc(theirs, func(x map[string]any) bool { return takesAll(x, within...) && outranks(x, ours) }) {
				return common, err
			}
		}
	}
	return nil, nil
}

// preferred reports whether the requests within matches go to that match of a
// rival rather than to the weighted rule p.
func preferred(match map[string]any, r rival, p pair, within ...map[string]any) bool {
	for _, own := range matchesOf(p.rule) {
		if takesAll(own, within...) && (outranks(own, match) || p.index < r.index && !outranks(match, own)) {
			return false
		}
	}
	return true
}

// takesAll reports whether match takes all requests within others: all those of
// one of them will do.
func takesAll(match map[string]any, others ...map[string]any) bool {
	return slices.ContainsFunc(others, func(other map[string]any) bool {
		joined, none, err := both(other, match)
		return err == nil && !none && equality.Semantic.DeepEqual(joined, other)
	})
}
