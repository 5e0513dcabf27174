// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package gatewayapi_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh/meshtest"

	"github.com/google/go-cmp/cmp"
	gocmp "github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// split reads HTTPRoutes as the specification says that a gateway does: of all
// the matches of the routes for a host that a request meets, the most specific
// one decides.
func split(objs []*unstructured.Unstructured, r meshtest.Request) meshtest.Answer {
	var best map[string]any
	var rank []int
	for _, obj := range objs {
		if hosts, _, _ := unstructured.NestedStringSlice(obj.Object, "spec", "hostnames"); len(hosts) > 0 && !slices.Contains(hosts, r.Host) {
			continue
		}
		for _, rule := range objectsOf(obj.Object, "spec", "rules") {
			matches := objectsOf(rule, "matches")
			if len(matches) == 0 {
				matches = []map[string]any{{}}
			}
			for _, match := range matches {
				if s, ok := specificity(match, r); ok && (rank == nil || slices.Compare(s, rank) > 0) {
					best, rank = rule, s
				}
			}
		}
	}
	return answerOf(best)
}

// answerOf the rule that decides.
func answerOf(rule map[string]any) meshtest.Answer {
	answer := meshtest.Answer{Shares: map[string]int64{}, Mirrors: map[string]int64{}}
	for _, backend := range objectsOf(rule, "backendRefs") {
		weight, found := backend["weight"].(int64)
		if !found {
			weight = 1
		}
		if weight > 0 {
			answer.Shares[backend["name"].(string)] += weight
		}
	}
	for _, filter := range objectsOf(rule, "filters") {
		mirror, found, _ := unstructured.NestedMap(filter, "requestMirror")
		if !found {
			continue
		}
		percent, given := mirror["percent"].(int64)
		if !given {
			percent = 100
		}
		name, _, _ := unstructured.NestedString(mirror, "backendRef", "name")
		if percent > 0 {
			answer.Mirrors[name] = percent
		}
	}
	return answer
}

// specificity of a match that a request meets: what counts most comes first.
func specificity(match map[string]any, r meshtest.Request) (rank []int, ok bool) {
	kind, value := "PathPrefix", "/"
	if path, found := match["path"].(map[string]any); found {
		if s, _ := path["type"].(string); s != "" {
			kind = s
		}
		if s, _ := path["value"].(string); s != "" {
			value = s
		}
	}
	path, query, _ := strings.Cut(r.Path, "?")
	rank = []int{0, len(value), 0, len(objectsOf(match, "headers")), len(objectsOf(match, "queryParams"))}
	switch kind {
	case "Exact":
		rank[0], ok = 1, path == value
	case "PathPrefix":
		ok = strings.HasPrefix(strings.TrimSuffix(path, "/")+"/", strings.TrimSuffix(value, "/")+"/")
	case "RegularExpression":
		ok = whole(value).MatchString(path)
	default:
		panic("no path match " + kind)
	}
	if method, found := match["method"].(string); found {
		rank[2] = 1
		ok = ok && method == r.Method
	}
	header := func(name string) (string, bool) {
		for key, value := range r.Headers {
			if strings.EqualFold(key, name) {
				return value, true
			}
		}
		return "", false
	}
	values, _ := url.ParseQuery(query)
	return rank, ok && meets(match, "headers", header) && meets(match, "queryParams", func(name string) (string, bool) {
		return values.Get(name), values.Has(name)
	})
}

// meets reports whether all conditions on headers or parameters hold; of two
// with one name only the first counts.
func meets(match map[string]any, field string, valueOf func(string) (string, bool)) bool {
	seen := map[string]bool{}
	for _, condition := range objectsOf(match, field) {
		name := condition["name"].(string)
		if seen[strings.ToLower(name)] {
			continue
		}
		seen[strings.ToLower(name)] = true
		value, present := valueOf(name)
		want := condition["value"].(string)
		fits := value == want
		if condition["type"] == "RegularExpression" {
			fits = whole(want).MatchString(value)
		}
		if !present || !fits {
			return false
		}
	}
	return true
}

// whole is a regular expression for all of a string.
func whole(expression string) *regexp.Regexp { return regexp.MustCompile("^(?:" + expression + ")$") }

// objectsOf a list within m.
func objectsOf(m map[string]any, path ...string) []map[string]any {
	value, _, _ := unstructured.NestedFieldNoCopy(m, path...)
	list, _ := value.([]any)
	all := make([]map[string]any, 0, len(list))
	for _, element := range list {
		if m, ok := element.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// The reader of the suite is held to examples of its own.
func TestSplit(t *testing.T) {
	t.Parallel()
	const route = `
kind: HTTPRoute
spec:
  hostnames: [shop]
  rules:
  - backendRefs: [{name: a, weight: 3}, {name: b, weight: 0}, {name: c}]
  - matches: [{path: {type: PathPrefix, value: /x}}, {method: PUT}]
    backendRefs: [{name: x}]
  - matches: [{path: {type: Exact, value: /x/y}}]
    backendRefs: [{name: xy}]
  - matches: [{headers: [{name: Color, value: blue}]}]
    filters: [{type: RequestMirror, requestMirror: {percent: 5, backendRef: {name: m}}}]
    backendRefs: [{name: blue}]
  - matches: [{headers: [{name: color, value: "b.*", type: RegularExpression}]}]
    backendRefs: [{name: never}]
  - matches: [{queryParams: [{name: q, value: "1"}]}]
    backendRefs: [{name: q}]
`
	obj := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(route), &obj.Object); err != nil {
		t.Fatal(err)
	}
	ints(obj.Object)
	for _, c := range []struct {
		r    meshtest.Request
		want string
	}{
		{meshtest.Request{Path: "/"}, "map[a:3 c:1] map[]"},
		{meshtest.Request{Path: "/x"}, "map[x:1] map[]"},
		{meshtest.Request{Path: "/xy"}, "map[a:3 c:1] map[]"},
		{meshtest.Request{Path: "/x/y"}, "map[xy:1] map[]"},
		{meshtest.Request{Path: "/", Method: "PUT"}, "map[x:1] map[]"},
		{meshtest.Request{Path: "/", Headers: map[string]string{"COLOR": "blue"}}, "map[blue:1] map[m:5]"},
		{meshtest.Request{Path: "/", Headers: map[string]string{"COLOR": "brown"}}, "map[never:1] map[]"},
		{meshtest.Request{Path: "/?q=1"}, "map[q:1] map[]"},
	} {
		c.r.Host = "shop"
		got := split([]*unstructured.Unstructured{obj}, c.r)
		if diff := cmp.Diff(c.want, fmt.Sprint(got.Shares, got.Mirrors)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.r, diff)
		}
	}
	other := split([]*unstructured.Unstructured{obj}, meshtest.Request{Host: "other", Path: "/"})
	if diff := cmp.Diff(meshtest.Answer{}, other, gocmp.EquateEmpty()); diff != "" {
		t.Errorf("a host of others (-want +got):\n%s", diff)
	}
}

// ints makes whole numbers what the API machinery makes of them.
func ints(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, element := range v {
			v[key] = ints(element)
		}
	case []any:
		for i, element := range v {
			v[i] = ints(element)
		}
	case float64:
		return int64(v)
	}
	return value
}

// text of a value, "" for nil.
func text(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}
