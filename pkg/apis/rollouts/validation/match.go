// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"maps"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

type (
	headerMatch = part[v1alpha1.HeaderRoutingMatch]
	stringMatch = part[v1alpha1.StringMatch]
)

// ofHeaderMatch has the rules about each header of a header route: wire
// contract 2.15, 16.
var ofHeaderMatch = chapter[v1alpha1.HeaderRoutingMatch]{
	at: "spec.strategy.canary.steps[*].setHeaderRoute.match[*]",
	parts: func(s *v1alpha1.RolloutSpec) []headerMatch {
		var parts []headerMatch
		for _, h := range ofHeader.parts(s) {
			for i := range h.self.Match {
				parts = append(parts, headerMatch{h.path.Child("match").Index(i), &h.self.Match[i], h.canary})
			}
		}
		return parts
	},
	rules: []rule[v1alpha1.HeaderRoutingMatch]{
		{
			field: "headerName", kind: field.ErrorTypeRequired, says: "name the header",
			holds: func(m headerMatch) bool { return m.self.HeaderName != "" },
			cel:   `self.headerName != ""`,
		},
		{
			field: "headerValue", says: "set exactly one of exact, prefix and regex",
			holds:    func(m headerMatch) bool { return ways(m.self.HeaderValue).count() == 1 },
			value:    func(m headerMatch) any { return ways(m.self.HeaderValue).String() },
			cel:      `size(` + celWays("self.?headerValue") + `) == 1`,
			celValue: quoted(celWays("self.?headerValue") + `.join(", ")`),
		},
		{
			field: "headerValue", says: "such a match is not supported by",
			holds: func(m headerMatch) bool { return !routed(m.canary) || ways(m.self.HeaderValue).count() != 1 },
			value: func(m headerMatch) any { return ways(m.self.HeaderValue).String() },
			needs: func(m headerMatch, f mesh.Features) bool {
				return slices.Contains(f.HeaderMatch, ways(m.self.HeaderValue).String())
			},
		},
	},
}

// ofMirrorMatch has the rule about how the method and the path of a mirrored
// request match: wire contract 2.15, 17.
var ofMirrorMatch = chapter[v1alpha1.RouteMatch]{
	at: "spec.strategy.canary.steps[*].setMirrorRoute.match[*]",
	parts: func(s *v1alpha1.RolloutSpec) []part[v1alpha1.RouteMatch] {
		var parts []part[v1alpha1.RouteMatch]
		for _, m := range ofMirror.parts(s) {
			for i := range m.self.Match {
				parts = append(parts, part[v1alpha1.RouteMatch]{m.path.Child("match").Index(i), &m.self.Match[i], m.canary})
			}
		}
		return parts
	},
	rules: []rule[v1alpha1.RouteMatch]{
		mirrorMatch("method", func(m *v1alpha1.RouteMatch) *v1alpha1.StringMatch { return m.Method }),
		mirrorMatch("path", func(m *v1alpha1.RouteMatch) *v1alpha1.StringMatch { return m.Path }),
	},
}

func mirrorMatch(name string, of func(*v1alpha1.RouteMatch) *v1alpha1.StringMatch) rule[v1alpha1.RouteMatch] {
	return rule[v1alpha1.RouteMatch]{
		field: name, says: "set exactly one of exact, prefix and regex",
		holds: func(m part[v1alpha1.RouteMatch]) bool {
			return of(m.self) == nil || ways(of(m.self)).count() == 1
		},
		value:    func(m part[v1alpha1.RouteMatch]) any { return ways(of(m.self)).String() },
		cel:      `!has(self.` + name + `) || size(` + celWays("self.?"+name) + `) == 1`,
		celValue: quoted(celWays("self.?"+name) + `.join(", ")`),
	}
}

// ofMirrorHeader has the same rule about each header of a mirrored request.
var ofMirrorHeader = chapter[v1alpha1.StringMatch]{
	at: "spec.strategy.canary.steps[*].setMirrorRoute.match[*].headers[*]",
	parts: func(s *v1alpha1.RolloutSpec) []stringMatch {
		var parts []stringMatch
		for _, m := range ofMirrorMatch.parts(s) {
			for _, name := range slices.Sorted(maps.Keys(m.self.Headers)) {
				header := m.self.Headers[name]
				parts = append(parts, stringMatch{m.path.Child("headers").Key(name), &header, m.canary})
			}
		}
		return parts
	},
	rules: []rule[v1alpha1.StringMatch]{{
		says:     "set exactly one of exact, prefix and regex",
		holds:    func(m stringMatch) bool { return ways(m.self).count() == 1 },
		value:    func(m stringMatch) any { return ways(m.self).String() },
		cel:      `size(` + celWays("optional.of(self)") + `) == 1`,
		celValue: quoted(celWays("optional.of(self)") + `.join(", ")`),
	}},
}

// ways that m matches.
func ways(m *v1alpha1.StringMatch) oneOf {
	if m == nil {
		return nil
	}
	return oneOf{{"exact", m.Exact != ""}, {"prefix", m.Prefix != ""}, {"regex", m.Regex != ""}}
}

// celWays is ways in CEL, of an optional match.
func celWays(match string) string {
	list := ""
	for _, way := range []string{"exact", "prefix", "regex"} {
		list += match + `.?` + way + `.orValue("") != "" ? "` + way + `" : "", `
	}
	return `[` + list[:len(list)-2] + `].filter(way, way != "")`
}
