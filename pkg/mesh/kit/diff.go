// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"encoding/json"
	"fmt"

	"gomodules.xyz/jsonpatch/v2"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// diff is the JSON patch (RFC 6902) that makes seen into edited, leaf by leaf,
// nil where they are equal. It names the resourceVersion of seen, so that the
// API server refuses it with a conflict if the object has changed since.
func diff(seen, edited *unstructured.Unstructured) ([]byte, error) {
	if equality.Semantic.DeepEqual(seen.Object, edited.Object) {
		return nil, nil
	}
	before, err := seen.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", seen.GetName(), err)
	}
	after, err := edited.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", seen.GetName(), err)
	}
	operations, err := jsonpatch.CreatePatch(before, after)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", seen.GetName(), err)
	}
	version := jsonpatch.NewOperation("replace", "/metadata/resourceVersion", seen.GetResourceVersion())
	return json.Marshal(append([]jsonpatch.Operation{version}, operations...))
}
