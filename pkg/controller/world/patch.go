// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"maps"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// patched is another object, which shares with before what the patch leaves
// alone.
func patched(before *unstructured.Unstructured, kind types.PatchType, patch []byte) (*unstructured.Unstructured, error) {
	after := &unstructured.Unstructured{}
	if kind == types.JSONPatchType {
		data, err := json.Marshal(before.Object)
		if err != nil {
			return nil, err
		}
		operations, err := jsonpatch.DecodePatch(patch)
		if err != nil {
			return nil, err
		}
		if data, err = operations.Apply(data); err != nil {
			return nil, err
		}
		return after, utiljson.Unmarshal(data, &after.Object)
	}
	var changes map[string]any
	if err := utiljson.Unmarshal(patch, &changes); err != nil {
		return nil, err
	}
	after.Object = merged(before.Object, changes)
	return after, nil
}

// merged is RFC 7386: null removes, objects are merged, all else is replaced.
func merged(old, changes map[string]any) map[string]any {
	now := maps.Clone(old)
	if now == nil {
		now = map[string]any{}
	}
	for key, value := range changes {
		switch change := value.(type) {
		case nil:
			delete(now, key)
		case map[string]any:
			was, _ := old[key].(map[string]any)
			now[key] = merged(was, change)
		default:
			now[key] = value
		}
	}
	return now
}
