// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Maps gives the elements of a list field that are objects, for reading or
// editing in place. It is empty where the field is absent or not a list.
func Maps(obj map[string]any, field string) []map[string]any {
	list, _ := obj[field].([]any)
	maps := make([]map[string]any, 0, len(list))
	for _, element := range list {
		if m, ok := element.(map[string]any); ok {
			maps = append(maps, m)
		}
	}
	return maps
}

// WellFormed reports whether a list field of m holds objects only. An absent
// one does.
func WellFormed(m map[string]any, field string) bool {
	value, present := m[field]
	if !present || value == nil {
		return true
	}
	list, ok := value.([]any)
	return ok && len(Maps(m, field)) == len(list)
}

// Spec of an object, nil if it has none.
func Spec(obj *unstructured.Unstructured) map[string]any {
	spec, _ := obj.Object["spec"].(map[string]any)
	return spec
}

// String field of m, "" if absent.
func String(m map[string]any, field string) string {
	s, _ := m[field].(string)
	return s
}

// Int field of m. ok is false where it is absent or not a whole number.
func Int(m map[string]any, field string) (n int64, ok bool) {
	switch v := m[field].(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == float64(int64(v))
	default:
		return 0, false
	}
}

// IsCopy reports whether name is base, or base with a number appended.
func IsCopy(name, base string) bool {
	if name == base {
		return true
	}
	if len(name) <= len(base)+1 || name[:len(base)+1] != base+"-" {
		return false
	}
	_, err := strconv.ParseUint(name[len(base)+1:], 10, 16)
	return err == nil
}
