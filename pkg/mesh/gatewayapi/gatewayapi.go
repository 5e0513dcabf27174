// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gatewayapi carries routes on HTTPRoutes of the Gateway API. It
// edits the weights of the pair's backends, the rules that managed routes are
// made of, and nothing else.
package gatewayapi

import (
	"encoding/json"
	"fmt"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Name of the Kind, the key under trafficRouting.
const Name = "gatewayAPI"

var httpRoutes = mesh.Resource{
	GroupResource: schema.GroupResource{Group: "gateway.networking.k8s.io", Resource: "httproutes"},
	Kind:          "HTTPRoute",
	Versions:      []string{"v1", "v1beta1"},
}

// Kind of data plane that serves the Gateway API.
func Kind() mesh.Kind {
	features := mesh.Features{
		HeaderMatch: []string{"exact", "prefix", "regex"},
		Mirror:      true, MirrorPercent: true,
		PingPong: true, Total: true,
	}
	return mesh.Kind{
		Name:      Name,
		Features:  features,
		Best:      mesh.Acked,
		Resources: []mesh.Resource{httpRoutes},
		Parse:     parse,
		New: func(store mesh.Store) mesh.Router {
			return kit.New(kit.Renderer{Kind: Name, Best: mesh.Acked, Features: features, Render: render, Restore: restore, Read: read}, store)
		},
	}
}

// config is the block under trafficRouting.
type config struct {
	HTTPRoute  string   `json:"httpRoute"`
	Rules      []string `json:"rules"`
	Namespace  string   `json:"namespace"`
	HTTPRoutes []struct {
		Name            string   `json:"name"`
		UseHeaderRoutes bool     `json:"useHeaderRoutes"`
		Rules           []string `json:"rules"`
	} `json:"httpRoutes"`
}

func parse(block json.RawMessage, namespace string) ([]mesh.Object, error) {
	var c config
	if err := json.Unmarshal(block, &c); err != nil {
		return nil, fault("", fmt.Sprintf("cannot be read: %v", err))
	}
	if c.Namespace != "" {
		namespace = c.Namespace
	}
	object := func(name string, rules []string, weightOnly bool) mesh.Object {
		return mesh.Object{
			Resource: httpRoutes.GroupResource, Kind: httpRoutes.Kind,
			Namespace: namespace, Name: name, Rules: rules, WeightOnly: weightOnly,
		}
	}
	var objects []mesh.Object
	if c.HTTPRoute != "" {
		objects = append(objects, object(c.HTTPRoute, c.Rules, false))
	}
	seen := map[string]bool{c.HTTPRoute: true}
	for i, r := range c.HTTPRoutes {
		if r.Name == "" || seen[r.Name] {
			return nil, fault(fmt.Sprintf("httpRoutes[%d].name", i), fmt.Sprintf("%q is empty or named twice; name each HTTPRoute once", r.Name))
		}
		seen[r.Name] = true
		objects = append(objects, object(r.Name, r.Rules, !r.UseHeaderRoutes))
	}
	if len(objects) == 0 {
		return nil, fault("httpRoute", "names no route; set httpRoute or httpRoutes")
	}
	return objects, nil
}

func fault(field, problem string) error {
	return &mesh.Fault{Object: "trafficRouting." + Name, Field: field, Problem: problem}
}
