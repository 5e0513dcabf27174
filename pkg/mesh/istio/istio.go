// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package istio carries routes on VirtualServices of Istio, between the hosts
// of the two role Services. It edits the weights of the pair's destinations,
// the http routes that managed routes are made of, and nothing else.
package istio

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Name of the Kind, the key under trafficRouting.
const Name = "istio"

var virtualServices = mesh.Resource{
	GroupResource: schema.GroupResource{Group: "networking.istio.io", Resource: "virtualservices"},
	Kind:          "VirtualService",
	Versions:      []string{"v1", "v1beta1", "v1alpha3"},
}

// Kind of data plane that is Istio.
func Kind() mesh.Kind {
	features := mesh.Features{
		HeaderMatch: []string{"exact", "prefix", "regex"},
		Mirror:      true, MirrorPercent: true,
		PingPong: true, Total: true,
	}
	return mesh.Kind{
		Name:      Name,
		Features:  features,
		Best:      mesh.Accepted,
		Resources: []mesh.Resource{virtualServices},
		Parse:     parse,
		New: func(store mesh.Store) mesh.Router {
			return kit.New(kit.Renderer{Kind: Name, Best: mesh.Accepted, Features: features, Render: render, Restore: restore, Read: read}, store)
		},
	}
}

type virtualService struct {
	Name   string   `json:"name"`
	Routes []string `json:"routes"`
}

// config is the block under trafficRouting.
type config struct {
	VirtualService  *virtualService  `json:"virtualService"`
	VirtualServices []virtualService `json:"virtualServices"`
}

func parse(block json.RawMessage, namespace string) ([]mesh.Object, error) {
	var c config
	if err := json.Unmarshal(block, &c); err != nil {
		return nil, fault("", fmt.Sprintf("cannot be read: %v", err))
	}
	if (c.VirtualService == nil) == (len(c.VirtualServices) == 0) {
		return nil, fault("virtualService", "set exactly one of virtualService and virtualServices")
	}
	if c.VirtualService != nil {
		c.VirtualServices = []virtualService{*c.VirtualService}
	}
	var objects []mesh.Object
	seen := map[string]bool{}
	for i, vs := range c.VirtualServices {
		field := fmt.Sprintf("virtualServices[%d].name", i)
		if c.VirtualService != nil {
			field = "virtualService.name"
		}
		o := mesh.Object{Resource: virtualServices.GroupResource, Kind: virtualServices.Kind, Rules: vs.Routes}
		o.Namespace, o.Name = locate(vs.Name, namespace)
		if o.Name == "" || o.Namespace == "" || seen[o.String()] {
			return nil, fault(field, fmt.Sprintf("%q is empty or named twice; name each VirtualService once", vs.Name))
		}
		seen[o.String()] = true
		objects = append(objects, o)
	}
	return objects, nil
}

// locate reads vs, vs.namespace and vs.namespace.svc...
func locate(name, namespace string) (ns, vs string) {
	parts := strings.Split(name, ".")
	if len(parts) > 1 {
		return parts[1], parts[0]
	}
	return namespace, name
}

func fault(field, problem string) error {
	return &mesh.Fault{Object: "trafficRouting." + Name, Field: field, Problem: problem}
}
