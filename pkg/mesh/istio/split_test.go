// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package istio_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh/meshtest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// split reads VirtualServices as Istio's reference says that a proxy does: of
// the http routes for a host the first one that matches decides.
func split(objs []*unstructured.Unstructured, r meshtest.Request) meshtest.Answer {
	for _, obj := range objs {
		if hosts, _, _ := unstructured.NestedStringSlice(obj.Object, "spec", "hosts"); !slices.Contains(hosts, r.Host) {
			continue
		}
		for _, route := range objectsOf(obj.Object, "spec", "http") {
			if matched(route, r) {
				return answerOf(route)
			}
		}
	}
	return meshtest.Answer{}
}

// matched: a route without a match takes all, else any of its matches is
// enough; of one match all conditions must hold.
func matched(route map[string]any, r meshtest.Request) bool {
	matches := objectsOf(route, "match")
	path, _, _ := strings.Cut(r.Path, "?")
	return len(matches) == 0 || slices.ContainsFunc(matches, func(match map[string]any) bool {
		if uri, ok := match["uri"].(map[string]any); ok && !fits(uri, path, true) {
			return false
		}
		if method, ok := match["method"].(map[string]any); ok && !fits(method, r.Method, true) {
			return false
		}
		headers, _ := match["headers"].(map[string]any)
		for name, condition := range headers {
			value, present := "", false
			for header, v := range r.Headers {
				if strings.EqualFold(header, name) {
					value, present = v, true
				}
			}
			if !fits(condition.(map[string]any), value, present) {
				return false
			}
		}
		return true
	})
}

// fits reports whether a StringMatch does.
func fits(match map[string]any, value string, present bool) bool {
	for kind, pattern := range match {
		pattern := pattern.(string)
		switch kind {
		case "exact":
			return present && value == pattern
		case "prefix":
			return present && strings.HasPrefix(value, pattern)
		case "regex":
			return present && regexp.MustCompile("^(?:"+pattern+")$").MatchString(value)
		default:
			panic("no string match " + kind)
		}
	}
	return present
}

func answerOf(route map[string]any) meshtest.Answer {
	answer := meshtest.Answer{Shares: map[string]int64{}, Mirrors: map[string]int64{}}
	destinations := objectsOf(route, "route")
	for _, d := range destinations {
		weight, given := d["weight"].(int64)
		if !given && len(destinations) == 1 {
			weight = 100
		}
		if weight > 0 {
			answer.Shares[hostOf(d["destination"])] += weight
		}
	}
	if mirror, found := route["mirror"]; found {
		percent := int64(100)
		if p, given, _ := unstructured.NestedInt64(route, "mirrorPercentage", "value"); given {
			percent = p
		}
		if percent > 0 {
			answer.Mirrors[hostOf(mirror)] = percent
		}
	}
	return answer
}

// hostOf a destination, without its namespace.
func hostOf(destination any) string {
	host, _ := destination.(map[string]any)["host"].(string)
	name, _, _ := strings.Cut(host, ".")
	return name
}

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
	destination := func(host string, weight any) map[string]any {
		d := map[string]any{"destination": map[string]any{"host": host}}
		if weight != nil {
			d["weight"] = weight
		}
		return d
	}
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"hosts": []any{"shop"},
		"http": []any{
			map[string]any{
				"match": []any{
					map[string]any{"uri": map[string]any{"prefix": "/x"}, "method": map[string]any{"exact": "GET"}},
					map[string]any{"headers": map[string]any{"Color": map[string]any{"regex": "b.*"}}},
				},
				"route": []any{destination("x.shop.svc", nil)}, "mirror": map[string]any{"host": "m.shop"},
				"mirrorPercentage": map[string]any{"value": int64(5)},
			},
			map[string]any{"route": []any{destination("a", int64(3)), destination("b", int64(0)), destination("c", nil)}},
			map[string]any{"route": []any{destination("never", nil)}},
		},
	}}}
	for _, c := range []struct {
		r    meshtest.Request
		want string
	}{
		{meshtest.Request{Method: "GET", Path: "/x/y"}, "map[x:100] map[m:5]"},
		{meshtest.Request{Method: "PUT", Path: "/x/y"}, "map[a:3] map[]"},
		{meshtest.Request{Method: "GET", Path: "/"}, "map[a:3] map[]"},
		{meshtest.Request{Path: "/", Headers: map[string]string{"color": "blue"}}, "map[x:100] map[m:5]"},
		{meshtest.Request{Path: "/", Headers: map[string]string{"color": "red"}}, "map[a:3] map[]"},
	} {
		c.r.Host = "shop"
		got := split([]*unstructured.Unstructured{obj}, c.r)
		if diff := cmp.Diff(c.want, fmt.Sprint(got.Shares, got.Mirrors)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.r, diff)
		}
	}
}
