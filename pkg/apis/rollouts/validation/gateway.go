// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// gatewayKeys are the fields of the Gateway API block that are built.
var gatewayKeys = map[string]bool{"httpRoute": true, "httpRoutes": true, "rules": true, "namespace": true}

// gatewayNotBuilt are all the others.
func gatewayNotBuilt() []notBuilt[v1alpha1.GatewayAPITrafficRouting] {
	var all []notBuilt[v1alpha1.GatewayAPITrafficRouting]
	block := reflect.TypeFor[v1alpha1.GatewayAPITrafficRouting]()
	for i := range block.NumField() {
		key, _, _ := strings.Cut(block.Field(i).Tag.Get("json"), ",")
		if gatewayKeys[key] {
			continue
		}
		all = append(all, notBuilt[v1alpha1.GatewayAPITrafficRouting]{key, func(g *v1alpha1.GatewayAPITrafficRouting) bool {
			value := reflect.ValueOf(g).Elem().Field(i)
			return !value.IsZero() && (value.Kind() != reflect.Slice || value.Len() > 0)
		}})
	}
	return all
}

// plugin is what trafficRouting has for one of its plugins.
type plugin struct {
	name  string
	block json.RawMessage
}

// ofPlugin has the rules about each plugin of trafficRouting. The one for the
// Gateway API is read as gatewayAPI is.
var ofPlugin = chapter[plugin]{
	at: "spec.strategy.canary.trafficRouting.plugins[*]",
	parts: func(s *v1alpha1.RolloutSpec) []part[plugin] {
		var parts []part[plugin]
		for _, t := range ofRouting.parts(s) {
			for _, name := range slices.Sorted(maps.Keys(t.self.Plugins)) {
				parts = append(parts, part[plugin]{t.path.Child("plugins").Key(name), &plugin{name, t.self.Plugins[name]}, t.canary})
			}
		}
		return parts
	},
	rules: []rule[plugin]{
		{
			kind: field.ErrorTypeForbidden, says: NotSupported,
			holds: func(p part[plugin]) bool { return p.self.name == v1alpha1.GatewayAPIPlugin },
			cel:   `i0 == "` + v1alpha1.GatewayAPIPlugin + `"`,
		},
		{
			kind: field.ErrorTypeForbidden, says: "is the same as gatewayAPI; keep one of both",
			holds: func(p part[plugin]) bool {
				return p.self.name != v1alpha1.GatewayAPIPlugin || p.canary.TrafficRouting.GatewayAPI == nil
			},
			cel: `i0 != "` + v1alpha1.GatewayAPIPlugin + `" || !variables.routing.?gatewayAPI.hasValue()`,
		},
	},
}

// unsupportedInPlugin refuses what is not built, or not known, of the Gateway
// API where it stands in the block of the plugin.
func unsupportedInPlugin(s *v1alpha1.RolloutSpec) field.ErrorList {
	var errs field.ErrorList
	for _, p := range ofPlugin.parts(s) {
		if p.self.name == v1alpha1.GatewayAPIPlugin && p.canary.TrafficRouting.GatewayAPI == nil {
			errs = append(errs, unsupportedKeys(p.self.block, p.path)...)
		}
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
			errs = append(errs, field.Forbidden(path.Child(key), NotSupported))
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
