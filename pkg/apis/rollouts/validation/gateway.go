// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// unsupportedGateway refuses what is not built of the Gateway API, whether it
// stands in its own block or in that of the plugin of the same name; and every
// other plugin.
func unsupportedGateway(t *v1alpha1.RolloutTrafficRouting, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(t.Plugins)) {
		at := path.Child("plugins").Key(name)
		switch {
		case name != v1alpha1.GatewayAPIPlugin:
			errs = append(errs, field.Forbidden(at, "not supported"))
		case t.GatewayAPI != nil:
			errs = append(errs, field.Forbidden(at, "is the same as gatewayAPI; keep one of both"))
		default:
			errs = append(errs, unsupportedKeys(t.Plugins[name], at)...)
		}
	}
	if t.GatewayAPI != nil {
		block, err := json.Marshal(t.GatewayAPI)
		if err != nil {
			return append(errs, field.InternalError(path.Child("gatewayAPI"), err))
		}
		errs = append(errs, unsupportedKeys(block, path.Child("gatewayAPI"))...)
	}
	return errs
}

func unsupportedKeys(block json.RawMessage, path *field.Path) field.ErrorList {
	keys := map[string]json.RawMessage{}
	if err := json.Unmarshal(block, &keys); err != nil {
		return field.ErrorList{field.Invalid(path, string(block), "must be an object")}
	}
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !gatewayKeys[key] {
			errs = append(errs, field.Forbidden(path.Child(key), "not supported"))
		}
	}
	return errs
}
