// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	exact  = "Exact"
	prefix = "PathPrefix"
	regex  = "RegularExpression"
)

// anyPath is what the API server writes where no path is given.
func anyPath() map[string]any { return map[string]any{"type": prefix, "value": "/"} }

// matchesOf a rule; one without a match matches every path.
func matchesOf(rule map[string]any) []map[string]any {
	matches := kit.Maps(runtime.DeepCopyJSON(rule), "matches")
	if len(matches) == 0 {
		return []map[string]any{{"path": anyPath()}}
	}
	return matches
}

// headersMatch is the match of a header route's step: all of its headers.
func headersMatch(headers []mesh.HeaderMatch) map[string]any {
	var all []any
	for _, h := range headers {
		all = append(all, headerMatch(h.Header, h.Value))
	}
	return map[string]any{"headers": all}
}

// twice is the first header that is matched more than once, "" if none is.
func twice(headers []mesh.HeaderMatch) string {
	for i, h := range headers {
		if slices.ContainsFunc(headers[:i], func(n mesh.HeaderMatch) bool { return strings.EqualFold(n.Header, h.Header) }) {
			return h.Header
		}
	}
	return ""
}

// headerMatch: a prefix is a regular expression here, with all that is special
// in it quoted.
func headerMatch(name string, p mesh.Pattern) map[string]any {
	kind, value := regex, p.Regex
	switch {
	case p.Exact != "":
		kind, value = exact, p.Exact
	case p.Prefix != "":
		value = "^" + regexp.QuoteMeta(p.Prefix) + ".*"
	}
	return map[string]any{"name": name, "type": kind, "value": value}
}

// requestMatch of one element of a mirror route; problem says why an HTTPRoute
// cannot express it.
func requestMatch(r mesh.RequestMatch) (match map[string]any, problem string) {
	match = map[string]any{"path": anyPath()}
	if r.Path != nil {
		match["path"] = pathMatch(*r.Path)
	}
	if r.Method != nil {
		if r.Method.Exact == "" {
			return nil, "an HTTPRoute matches a method only exactly; use exact"
		}
		match["method"] = r.Method.Exact
	}
	var headers []any
	for _, header := range slices.Sorted(maps.Keys(r.Headers)) {
		headers = append(headers, headerMatch(header, r.Headers[header]))
	}
	if headers != nil {
		match["headers"] = headers
	}
	return match, ""
}

func pathMatch(p mesh.Pattern) map[string]any {
	switch {
	case p.Exact != "":
		return map[string]any{"type": exact, "value": p.Exact}
	case p.Prefix != "":
		return map[string]any{"type": prefix, "value": p.Prefix}
	default:
		return map[string]any{"type": regex, "value": p.Regex}
	}
}

// both is the match of what a and b match. none: there is nothing that both
// do; err: it cannot be expressed.
//
// Of path /shop and {path /, method GET} it is {path /shop, method GET}.
func both(a, b map[string]any) (match map[string]any, none bool, err error) {
	match = runtime.DeepCopyJSON(a)
	if method := kit.String(b, "method"); method != "" {
		own := kit.String(a, "method")
		none = own != "" && own != method
		match["method"] = method
	}
	path, nowhere, err := bothOf(pathOf(a), pathOf(b))
	none = none || nowhere
	match["path"] = path
	for _, field := range []string{"headers", "queryParams"} {
		alike := strings.EqualFold
		if field == "queryParams" {
			alike = func(a, b string) bool { return a == b }
		}
		fields, never, problem := bothLists(kit.Maps(a, field), kit.Maps(b, field), alike)
		none, err = none || never, cmp.Or(err, problem)
		if len(fields) > 0 {
			match[field] = fields
		}
	}
	if none {
		return nil, true, nil
	}
	return match, false, err
}

func pathOf(match map[string]any) map[string]any {
	path, ok := match["path"].(map[string]any)
	if !ok {
		return anyPath()
	}
	path = maps.Clone(path)
	if kit.String(path, "type") == "" {
		path["type"] = prefix
	}
	if kit.String(path, "value") == "" {
		path["value"] = "/"
	}
	return path
}

// bothLists joins two lists of header or query matches; one name may stand in
// them only once. Names of headers are alike in any case.
func bothLists(a, b []map[string]any, alike func(a, b string) bool) (joined []any, none bool, err error) {
	for _, x := range a {
		i := slices.IndexFunc(b, func(y map[string]any) bool { return alike(kit.String(x, "name"), kit.String(y, "name")) })
		if i >= 0 {
			var problem error
			if x, none, problem = bothOf(x, b[i]); none {
				return nil, true, nil
			}
			err = cmp.Or(err, problem)
		}
		joined = append(joined, runtime.DeepCopyJSON(x))
	}
	for _, y := range b {
		if !slices.ContainsFunc(a, func(x map[string]any) bool { return alike(kit.String(x, "name"), kit.String(y, "name")) }) {
			joined = append(joined, runtime.DeepCopyJSON(y))
		}
	}
	return joined, false, err
}

// bothOf two matches of one path, header or query parameter.
func bothOf(a, b map[string]any) (match map[string]any, none bool, err error) {
	kindA, kindB := kindOf(a), kindOf(b)
	valueA, valueB := kit.String(a, "value"), kit.String(b, "value")
	switch {
	case kindA == kindB && valueA == valueB:
		return a, false, nil
	case kindA == exact:
		return a, !covers(kindB, valueB, valueA), nil
	case kindB == exact:
		return b, !covers(kindA, valueA, valueB), nil
	case kindA == prefix && covers(kindB, valueB, valueA) && kindB == prefix:
		return a, false, nil
	case kindB == prefix && covers(kindA, valueA, valueB) && kindA == prefix:
		return b, false, nil
	case kindA == prefix && kindB == prefix:
		return nil, true, nil
	case kindA == prefix && isRoot(valueA):
		return b, false, nil
	case kindB == prefix && isRoot(valueB):
		return a, false, nil
	}
	return nil, false, fmt.Errorf("%s %q and %s %q cannot be matched together", kindA, valueA, kindB, valueB)
}

func kindOf(m map[string]any) string {
	if kind := kit.String(m, "type"); kind != "" {
		return kind
	}
	return exact // of headers and query parameters; a path has a type
}

func isRoot(path string) bool { return strings.Trim(path, "/") == "" }

// covers reports whether a match of that kind and value matches one value. A
// path prefix is one of whole elements.
func covers(kind, pattern, value string) bool {
	switch kind {
	case prefix:
		pattern = strings.TrimSuffix(pattern, "/")
		return value == pattern || strings.HasPrefix(value, pattern+"/")
	case regex:
		expression, err := regexp.Compile("^(?:" + pattern + ")$")
		return err == nil && expression.MatchString(value)
	default:
		return pattern == value
	}
}

// outranks reports whether a gateway prefers a to b for what both match: an
// exact path, then the longer prefix, then a method, then more headers, then
// more query parameters. Where a path is a regular expression it is up to the
// gateway, and so it may.
func outranks(a, b map[string]any) bool {
	pathA, pathB := pathOf(a), pathOf(b)
	if pathA["type"] == regex || pathB["type"] == regex {
		return true
	}
	rank := func(match, path map[string]any) []int {
		r := make([]int, 5)
		if path["type"] == exact {
			r[0] = 1
		}
		r[1] = len(kit.String(path, "value"))
		if kit.String(match, "method") != "" {
			r[2] = 1
		}
		r[3], r[4] = len(kit.Maps(match, "headers")), len(kit.Maps(match, "queryParams"))
		return r
	}
	return slices.Compare(rank(a, pathA), rank(b, pathB)) > 0
}

func contains(matches []map[string]any, match map[string]any) bool {
	return slices.ContainsFunc(matches, func(m map[string]any) bool { return equality.Semantic.DeepEqual(m, match) })
}
