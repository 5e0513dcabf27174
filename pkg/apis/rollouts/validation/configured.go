// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"cmp"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// Configured parses the block of a rollout for one Kind. found is false where
// there is none.
func Configured(ro *v1alpha1.Rollout, kind mesh.Kind) (objects []mesh.Object, found bool, err error) {
	block, err := blockOf(ro, kind.Name)
	if err != nil || block == nil {
		return nil, false, err
	}
	objects, err = kind.Parse(block, ro.Namespace)
	return objects, true, err
}

// pluginOf a Kind that configures it too, where that is not named as the Kind:
// what was a plugin elsewhere is one of our own.
var pluginOf = map[string]string{"gatewayAPI": v1alpha1.GatewayAPIPlugin}

// blockOf is the JSON under trafficRouting that configures a Kind, in its own
// block or among the plugins, nil for none.
func blockOf(ro *v1alpha1.Rollout, kind string) (json.RawMessage, error) {
	canary := ro.Spec.Strategy.Canary
	if canary == nil || canary.TrafficRouting == nil {
		return nil, nil
	}
	routing := reflect.ValueOf(*canary.TrafficRouting)
	for i := range routing.NumField() {
		name, _, _ := strings.Cut(routing.Type().Field(i).Tag.Get("json"), ",")
		if block := routing.Field(i); name == kind && !block.IsZero() {
			return json.Marshal(block.Interface())
		}
	}
	return canary.TrafficRouting.Plugins[cmp.Or(pluginOf[kind], kind)], nil
}
