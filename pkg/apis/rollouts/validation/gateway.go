// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"bytes"
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

// unsupportedKeys refuses what is set in a block and not built, or not known:
// the schema does not look into the block of a plugin.
func unsupportedKeys(block json.RawMessage, path *field.Path) field.ErrorList {
	keys := map[string]any{}
	if err := json.Unmarshal(block, &keys); err != nil {
		return field.ErrorList{field.Invalid(path, string(block), "must be an object")}
	}
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !gatewayKeys[key] && !empty(keys[key]) {
			errs = append(errs, field.Forbidden(path.Child(key), "not supported"))
			delete(keys, key)
		}
	}
	if _, err := gatewayOf(keys); err != nil {
		errs = append(errs, field.Invalid(path, string(block), "cannot be read: "+err.Error()))
	}
	return errs
}

// empty reports whether a value says the same as its absence.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	}
	return false
}

// gatewayOf reads a block strictly.
func gatewayOf(block map[string]any) (*v1alpha1.GatewayAPITrafficRouting, error) {
	text, err := json.Marshal(block)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	config := &v1alpha1.GatewayAPITrafficRouting{}
	return config, decoder.Decode(config)
}

// takesManagedRoutes reports whether a header or mirror route has a place to
// go to among the routes of the Gateway API.
func takesManagedRoutes(t *v1alpha1.RolloutTrafficRouting) bool {
	config := t.GatewayAPI
	if config == nil {
		block, ok := t.Plugins[v1alpha1.GatewayAPIPlugin]
		config = &v1alpha1.GatewayAPITrafficRouting{}
		if !ok || json.Unmarshal(block, config) != nil {
			return true // there is none, or it is refused as a whole
		}
	}
	return config.HTTPRoute != "" || len(config.HTTPRoutes) == 0 ||
		slices.ContainsFunc(config.HTTPRoutes, func(r v1alpha1.GatewayAPIRoute) bool { return r.UseHeaderRoutes })
}
