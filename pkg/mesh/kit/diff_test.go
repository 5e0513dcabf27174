// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func objectOf(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return obj
}

// A patch names leaves only, so that it takes nothing else with it.
func TestDiff(t *testing.T) {
	t.Parallel()
	const head = `{"kind":"K","metadata":{"name":"a","resourceVersion":"7"},"spec":`
	for name, c := range map[string]struct{ before, after, want string }{
		"equal":                  {`{"a":1}`, `{"a":1}`, ``},
		"a number":               {`{"a":1,"b":{"c":2}}`, `{"a":1,"b":{"c":3}}`, `replace /spec/b/c 3`},
		"a field more":           {`{"a":1}`, `{"a":1,"b/c~":null}`, `add /spec/b~1c~0 null`},
		"a field less":           {`{"a":1,"b":2}`, `{"a":1}`, `remove /spec/b`},
		"another type":           {`{"a":[1]}`, `{"a":{"b":1}}`, `replace /spec/a {"b":1}`},
		"a weight in a list":     {`{"l":[{"h":"s","w":1},{"h":"c","w":2}]}`, `{"l":[{"h":"s","w":3},{"h":"c","w":2}]}`, `replace /spec/l/0/w 3`},
		"a rule in front":        {`{"l":[{"h":"s"},{"h":"c","w":1}]}`, `{"l":[{"name":"n"},{"h":"s"},{"h":"c","w":2}]}`, `add /spec/l/0 {"name":"n"}; replace /spec/l/2/w 2`},
		"a rule less":            {`{"l":[{"name":"n"},{"h":"s"},{"h":"c","w":1}]}`, `{"l":[{"h":"s"},{"h":"c","w":2}]}`, `remove /spec/l/0; replace /spec/l/1/w 2`},
		"a rule of another kind": {`{"l":[{"name":"n","h":"s"}]}`, `{"l":[{"name":"n","h":"c"}]}`, `replace /spec/l/0/h "c"`},
		"an order":               {`{"l":[{"name":"a"},{"name":"b"}]}`, `{"l":[{"name":"b"},{"name":"a"}]}`, `remove /spec/l/0; add /spec/l/1 {"name":"a"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := diff(objectOf(t, head+c.before+"}"), objectOf(t, head+c.after+"}"))
			if err != nil {
				t.Fatal(err)
			}
			var operations []operation
			if text != nil {
				if err := json.Unmarshal(text, &operations); err != nil {
					t.Fatal(err)
				}
				if first := operations[0]; first.Path != "/metadata/resourceVersion" || string(first.Value) != `"7"` {
					t.Errorf("the patch starts with %+v", first)
				}
				operations = operations[1:]
			}
			var got []string
			for _, o := range operations {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", o.Op, o.Path, o.Value)))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever two objects are, the patch makes one into the other.
func TestDiffOfAnything(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		before := &unstructured.Unstructured{Object: map[string]any{"kind": "K", "metadata": map[string]any{"name": "a", "resourceVersion": "7"}}}
		after := before.DeepCopy()
		before.Object["spec"], after.Object["spec"] = anything(random, 3), anything(random, 3)
		text, err := diff(before, after)
		if err != nil {
			t.Fatal(err)
		}
		if text == nil {
			text = []byte("[]")
		}
		patch, err := jsonpatch.DecodePatch(text)
		if err != nil {
			t.Fatal(err)
		}
		old, _ := json.Marshal(before.Object)
		got, err := patch.Apply(old)
		if err != nil {
			t.Fatalf("%s on %s: %v", text, old, err)
		}
		want, _ := json.Marshal(after.Object)
		if diff := cmp.Diff(string(want), string(objectText(t, got))); diff != "" {
			t.Fatalf("%s on %s (-want +got):\n%s", text, old, diff)
		}
	}
}

func objectText(t *testing.T, text []byte) []byte {
	t.Helper()
	text, err := json.Marshal(objectOf(t, string(text)).Object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// anything that JSON can say, in a few words, so that two are often alike.
func anything(random *rand.Rand, depth int) any {
	switch kind := random.IntN(5); {
	case kind < 2 && depth > 0:
		m := map[string]any{}
		for range random.IntN(3) {
			m[[]string{"name", "weight", "a/b", "c~"}[random.IntN(4)]] = anything(random, depth-1)
		}
		return m
	case kind < 4 && depth > 0:
		list := []any{}
		for range random.IntN(4) {
			list = append(list, anything(random, depth-1))
		}
		return list
	case kind == 4:
		return int64(random.IntN(3))
	default:
		return []string{"x", "y"}[random.IntN(2)]
	}
}
