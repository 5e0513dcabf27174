// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// manner is an annotation of an HTTPRoute that says how the gateway controller
// of the tests answers: not at all, or by refusing mirrors.
const manner = "e2e/gateway"

const (
	silent        = "silent"
	refusesMirror = "refuses-mirror"
)

// playGateway answers each generation of each HTTPRoute as the controller of a
// Gateway does.
func (s *suite) playGateway(ctx context.Context) error {
	factory := dynamicinformer.NewDynamicSharedInformerFactory(s.dynamic, 0)
	answer := func(obj any) { s.answer(ctx, obj.(*unstructured.Unstructured)) }
	_, err := factory.ForResource(httpRoutes).Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    answer,
		UpdateFunc: func(_, obj any) { answer(obj) },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return nil
}

// answer patches the status of a route, unless that has an answer already. A
// conflict or a route that is gone needs none: the next generation gets one.
func (s *suite) answer(ctx context.Context, route *unstructured.Unstructured) {
	how := route.GetAnnotations()[manner]
	if how == silent || answered(route) {
		return
	}
	accepted := metav1.Condition{Type: "Accepted", Status: "True", Reason: "Accepted"}
	if how == refusesMirror && hasMirror(route) {
		accepted = metav1.Condition{Type: "Accepted", Status: "False", Reason: "UnsupportedValue", Message: "no mirrors here"}
	}
	resolved := metav1.Condition{Type: "ResolvedRefs", Status: "True", Reason: "ResolvedRefs"}
	for _, c := range []*metav1.Condition{&accepted, &resolved} {
		c.ObservedGeneration, c.LastTransitionTime = route.GetGeneration(), metav1.Now()
	}
	refs, _, _ := unstructured.NestedSlice(route.Object, "spec", "parentRefs")
	var parents []any
	for _, ref := range refs {
		parents = append(parents, map[string]any{
			"parentRef": ref, "controllerName": "example.com/e2e", "conditions": []metav1.Condition{accepted, resolved},
		})
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"parents": parents}})
	if err != nil {
		return
	}
	_, _ = s.dynamic.Resource(httpRoutes).Namespace(route.GetNamespace()).
		Patch(ctx, route.GetName(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "gateway"}, "status")
}

// answered reports whether a route's status is about its generation.
func answered(route *unstructured.Unstructured) bool {
	parents, _, _ := unstructured.NestedSlice(route.Object, "status", "parents")
	for _, parent := range parents {
		conditions, _, _ := unstructured.NestedSlice(parent.(map[string]any), "conditions")
		for _, c := range conditions {
			if generation, _, _ := unstructured.NestedInt64(c.(map[string]any), "observedGeneration"); generation != route.GetGeneration() {
				return false
			}
		}
	}
	return len(parents) > 0
}

func hasMirror(route *unstructured.Unstructured) bool {
	rules, _, _ := unstructured.NestedSlice(route.Object, "spec", "rules")
	for _, rule := range rules {
		filters, _, _ := unstructured.NestedSlice(rule.(map[string]any), "filters")
		for _, filter := range filters {
			if filter.(map[string]any)["type"] == "RequestMirror" {
				return true
			}
		}
	}
	return false
}
