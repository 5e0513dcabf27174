// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"strconv"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/gatewayapi"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// neighbour is the name of another Rollout that has its weights in the rule of
// that name, and of its stable Service; its managed route is neighbourRoute.
const (
	neighbour      = "neighbour"
	neighbourRoute = "beta"
)

// doNeighbour lets another Rollout write its part of the HTTPRoute: neighbour
// weight=20 header=x-beta, and what is left out at rest. It has a rule of its own,
// which comes with it.
func (w *World) doNeighbour(args map[string]string, _ string) error {
	canary := neighbour + "-canary"
	for _, o := range w.routes("httproutes") {
		if obj := w.API.objects[o.resource][o.key]; !hasRule(obj, neighbour) {
			err := w.patchRoute(o, func(spec map[string]any) {
				spec["rules"] = append(spec["rules"].([]any), map[string]any{"name": neighbour, "backendRefs": []any{
					map[string]any{"name": neighbour, "port": int64(80), "weight": int64(100)},
					map[string]any{"name": canary, "port": int64(80), "weight": int64(0)},
				}})
			})
			if err != nil {
				return err
			}
		}
		route := mesh.Route{
			Rollout: types.NamespacedName{Namespace: Namespace, Name: neighbour}, Stable: neighbour, Canary: canary, Total: 100, Reserved: []string{neighbourRoute},
			Objects: []mesh.Object{{Resource: o.resource.GroupResource(), Kind: "HTTPRoute", Namespace: o.key.Namespace, Name: o.key.Name}},
		}
		if args["weight"] != "" {
			weight, err := strconv.ParseInt(args["weight"], 10, 32)
			if err != nil {
				return err
			}
			route.Weight = int32(weight)
		}
		if header := args["header"]; header != "" {
			route.Managed = []mesh.Managed{{Name: neighbourRoute, Headers: []mesh.HeaderMatch{{Header: header, Value: mesh.Pattern{Exact: "true"}}}}}
		}
		if err := gatewayapi.Kind().New(asNeighbour{w}).Apply(context.Background(), route); err != nil {
			return err
		}
	}
	return nil
}

func hasRule(obj *unstructured.Unstructured, name string) bool {
	for _, rule := range rulesOf(obj) {
		if rule["name"] == name {
			return true
		}
	}
	return false
}

func routesOf(o mesh.Object) schema.GroupVersionResource { return o.Resource.WithVersion("v1") }

// asNeighbour is how the neighbour's controller reaches the objects.
type asNeighbour struct{ w *World }

// Get an object as it is now.
func (n asNeighbour) Get(_ context.Context, o mesh.Object) (*unstructured.Unstructured, error) {
	return n.w.API.Get(routesOf(o), cache.NewObjectName(o.Namespace, o.Name))
}

// Patch an object, as a Rollout and not as a user.
func (n asNeighbour) Patch(_ context.Context, o mesh.Object, patch []byte) (*unstructured.Unstructured, error) {
	n.w.neighbourly = true
	defer func() { n.w.neighbourly = false }()
	return n.w.API.Patch(routesOf(o), cache.NewObjectName(o.Namespace, o.Name), types.JSONPatchType, patch, "", false)
}
