// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/runtime/schema"
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

// blockOf is the JSON under trafficRouting that configures a Kind, nil for
// none. The configuration of the Gateway API plugin is that of our own Kind.
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
	if kind == "gatewayAPI" {
		return canary.TrafficRouting.Plugins[v1alpha1.GatewayAPIPlugin], nil
	}
	return nil, nil
}

// ObjectOf is the route object of an entry of the inventory.
func ObjectOf(m v1alpha1.ManagedObject) mesh.Object {
	return mesh.Object{
		Resource: schema.GroupResource{Group: m.Group, Resource: m.Resource}, Kind: m.Kind,
		Namespace: m.Namespace, Name: m.Name, Rules: m.Rules,
	}
}

// RemovalOf is the Route with which an object of the inventory is given back.
func RemovalOf(ro *v1alpha1.Rollout, m v1alpha1.ManagedObject, total int32) mesh.Route {
	r := mesh.Route{
		Stable: m.StableService, Canary: m.CanaryService, Total: total, Reserved: m.ManagedRoutes,
		Objects: []mesh.Object{ObjectOf(m)},
	}
	r.Rollout.Namespace, r.Rollout.Name = ro.Namespace, ro.Name
	return r
}

// Listed reports whether an object is in the inventory. No hand touches one
// that is not: the inventory is written first.
func Listed(ro *v1alpha1.Rollout, m v1alpha1.ManagedObject) bool {
	return slices.ContainsFunc(ro.Status.Managed, func(l v1alpha1.ManagedObject) bool {
		return l.Router == m.Router && l.Resource == m.Resource && l.Group == m.Group && l.Namespace == m.Namespace && l.Name == m.Name
	})
}
