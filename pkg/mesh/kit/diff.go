// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// operation of a JSON patch (RFC 6902).
type operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

// diff is the JSON patch (RFC 6902) that makes seen into edited, leaf by leaf,
// nil where they are equal. It names the resourceVersion of seen, so that the
// API server refuses it with a conflict if the object has changed since.
func diff(seen, edited *unstructured.Unstructured) ([]byte, error) {
	if equality.Semantic.DeepEqual(seen.Object, edited.Object) {
		return nil, nil
	}
	var p patch
	p.add("replace", "/metadata/resourceVersion", seen.GetResourceVersion())
	p.objects("", seen.Object, edited.Object)
	if p.err != nil {
		return nil, fmt.Errorf("encode the patch of %s: %w", seen.GetName(), p.err)
	}
	return json.Marshal(p.operations)
}

// patch collects operations, to be done in their order.
type patch struct {
	operations []operation
	err        error
}

func (p *patch) add(op, path string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		p.err = err
	}
	p.operations = append(p.operations, operation{Op: op, Path: path, Value: text})
}

func (p *patch) remove(path string) {
	p.operations = append(p.operations, operation{Op: "remove", Path: path})
}

func (p *patch) objects(path string, old, now map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[key]; !ok {
			p.remove(path + "/" + escape(key))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		before, ok := old[key]
		if !ok {
			p.add("add", path+"/"+escape(key), now[key])
			continue
		}
		p.values(path+"/"+escape(key), before, now[key])
	}
}

func (p *patch) values(path string, old, now any) {
	if equality.Semantic.DeepEqual(old, now) {
		return
	}
	switch before := old.(type) {
	case map[string]any:
		if after, ok := now.(map[string]any); ok {
			p.objects(path, before, after)
			return
		}
	case []any:
		if after, ok := now.([]any); ok {
			p.lists(path, before, after)
			return
		}
	}
	p.add("replace", path, now)
}

// lists removes what has no counterpart, from the end on, then adds what is
// new, from the start on, so that each index holds when it is used; then it
// compares what was there before.
func (p *patch) lists(path string, old, now []any) {
	pairs := align(old, now)
	kept := map[int]int{} // index in now -> index in old
	stays := map[int]bool{}
	for _, pair := range pairs {
		kept[pair[1]] = pair[0]
		stays[pair[0]] = true
	}
	for i := len(old) - 1; i >= 0; i-- {
		if !stays[i] {
			p.remove(path + "/" + strconv.Itoa(i))
		}
	}
	for i := range now {
		if _, ok := kept[i]; !ok {
			p.add("add", path+"/"+strconv.Itoa(i), now[i])
		}
	}
	for i := range now {
		if was, ok := kept[i]; ok {
			p.values(path+"/"+strconv.Itoa(i), old[was], now[i])
		}
	}
}

// align pairs the elements of two lists that are the same thing, in order: the
// longest common subsequence under kin.
//
// Of [a, b] and [new, a', b] it is [[0 1] [1 2]].
func align(old, now []any) [][2]int {
	best := make([][]int, len(old)+1)
	for i := range best {
		best[i] = make([]int, len(now)+1)
	}
	before, after := kinds(old), kinds(now)
	same := func(i, j int) bool { return before[i].kin(after[j]) }
	for i := len(old) - 1; i >= 0; i-- {
		for j := len(now) - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if same(i, j) {
				best[i][j] = max(best[i][j], best[i+1][j+1]+1)
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < len(old) && j < len(now); {
		switch {
		case same(i, j) && best[i][j] == best[i+1][j+1]+1:
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case best[i+1][j] >= best[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// kind of an element of a list: its name, and what it is without its numbers.
type kind struct {
	name  string
	shape any
}

func kinds(list []any) []kind {
	all := make([]kind, len(list))
	for i, element := range list {
		m, _ := element.(map[string]any)
		all[i] = kind{name: String(m, "name"), shape: shape(element)}
	}
	return all
}

// kin: two elements of a list are the same thing, if they differ in numbers
// only (weights, mostly), or have the same name.
func (k kind) kin(other kind) bool {
	if k.name != other.name {
		return false
	}
	return k.name != "" || equality.Semantic.DeepEqual(k.shape, other.shape)
}

// Identity of a rule, by which it is found again: its name, or else a hash of
// what it is without its numbers.
func Identity(rule map[string]any) string {
	if name := String(rule, "name"); name != "" {
		return name
	}
	hash := fnv.New32a()
	_ = json.NewEncoder(hash).Encode(shape(rule)) // it was JSON before
	return fmt.Sprintf("#%08x", hash.Sum32())
}

// shape of a value: what is left of it without its numbers.
func shape(value any) any {
	switch v := value.(type) {
	case map[string]any:
		left := map[string]any{}
		for key, element := range v {
			if s := shape(element); s != nil {
				left[key] = s
			}
		}
		return left
	case []any:
		left := make([]any, 0, len(v))
		for _, element := range v {
			left = append(left, shape(element))
		}
		return left
	case string, bool:
		return v
	default:
		return nil
	}
}

// firstDifference is the path of the first leaf in which two values differ,
// "" if there is none.
func firstDifference(path string, old, now any) string {
	if equality.Semantic.DeepEqual(old, now) {
		return ""
	}
	var p patch
	p.values(path, old, now)
	if len(p.operations) == 0 {
		return path
	}
	return p.operations[0].Path
}

// escape a key for a JSON pointer (RFC 6901).
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
