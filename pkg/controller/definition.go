// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// own are fields of the status that only our definition of a Rollout has. A
// server that drops them would make every sync find its last write undone.
var own = [][]string{
	{"blockedOn"},
	{"managed"},
	{"canary", "pausedStep"},
	{"canary", "weights", "since"},
	{"canary", "weights", "pods"},
	{"canary", "weights", "edition"},
	{"canary", "weights", "editionSince"},
}

// CheckDefinition refuses to work with a definition of Rollouts that is not ours.
func CheckDefinition(ctx context.Context, clients Clients) error {
	const name = "rollouts.argoproj.io"
	definition, err := clients.Dynamic.Resource(definitions).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the CustomResourceDefinition %s: %w; apply manifests/crds, and allow the controller to get it", name, err)
	}
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		return fmt.Errorf("CustomResourceDefinition %s: %w", name, err)
	}
	for _, v := range versions {
		version, ok := v.(map[string]any)
		if !ok || version["name"] != "v1alpha1" {
			continue
		}
		for _, path := range own {
			if !declares(version, path) {
				return fmt.Errorf("the installed CustomResourceDefinition %s is another controller's: it has no status.%s; apply manifests/crds", name, strings.Join(path, "."))
			}
		}
		return nil
	}
	return fmt.Errorf("the installed CustomResourceDefinition %s has no version v1alpha1; apply manifests/crds", name)
}

func declares(version map[string]any, status []string) bool {
	path := []string{"schema", "openAPIV3Schema", "properties", "status"}
	for _, field := range status {
		path = append(path, "properties", field)
	}
	_, found, err := unstructured.NestedMap(version, path...)
	return found && err == nil
}
