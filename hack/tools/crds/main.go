// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Command crds makes the CustomResourceDefinitions that are shipped out of
// those that controller-gen writes: small enough for kubectl apply, and no
// stricter than what manifests have been written against.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

type object = map[string]any

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: crds FROM-DIRECTORY TO-DIRECTORY")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	files, err := filepath.Glob(filepath.Join(from, "argoproj.io_*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		crd := object{}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		for _, v := range crd["spec"].(object)["versions"].([]any) {
			shape(v.(object)["schema"].(object)["openAPIV3Schema"].(object), nil)
		}
		if text, err = yaml.Marshal(crd); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
		name := strings.TrimPrefix(filepath.Base(file), "argoproj.io_")
		if err := os.WriteFile(filepath.Join(to, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// ours lists the fields that are ours alone: their descriptions stay, for
// kubectl explain. All others are described where they have always been.
var ours = []string{
	"spec.strategy.canary.trafficRouting.gatewayAPI",
	"status.blockedOn",
	"status.canary.pausedStep",
	"status.canary.weights.since",
	"status.managed",
}

// A MicroTime must have six digits after the second, or no client can decode
// the object.
var microTimes = []string{"status.canary.weights.since", "status.canary.weights.editionSince"}

const microPattern = `\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`

// limits are what the controller checks, or the API server when pods are made.
// A spec that breaks one is stored, and shown as invalid.
var limits = []string{"enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"}

// notUnique are lists whose keys Kubernetes does not insist on being unique,
// so that a template that a Deployment can have is not refused.
var notUnique = []string{"env", "ports", "hostAliases", "imagePullSecrets"}

// shape edits the schema at a path, and all below it.
func shape(schema object, path []string) {
	if quantity(schema) {
		return
	}
	for _, key := range limits {
		delete(schema, key)
	}
	if !slices.ContainsFunc(ours, func(p string) bool { return under(path, p) }) {
		delete(schema, "description")
	}
	if slices.Contains(microTimes, strings.Join(path, ".")) {
		schema["pattern"] = microPattern
	}
	if strings.Join(path, ".") != "spec.replicas" {
		delete(schema, "default")
	}
	if strings.Join(path, ".") != "spec.selector" {
		delete(schema, "x-kubernetes-validations")
	}
	if len(path) > 0 && slices.Contains(notUnique, path[len(path)-1]) && schema["type"] == "array" {
		delete(schema, "x-kubernetes-list-map-keys")
		schema["x-kubernetes-list-type"] = "atomic"
	}
	if len(path) > 1 && path[len(path)-1] == "metadata" && schema["properties"] == nil && schema["additionalProperties"] == nil {
		schema["properties"] = objectMeta()
		return
	}
	if properties, ok := schema["properties"].(object); ok {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			shape(properties[name].(object), append(slices.Clip(path), name))
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if below, ok := schema[key].(object); ok {
			shape(below, append(slices.Clip(path), "*"))
		}
	}
}

func under(path []string, parent string) bool {
	p := strings.Join(path, ".")
	return p == parent || strings.HasPrefix(p, parent+".")
}

// quantity reports whether the schema is that of a resource quantity, and if
// so lets it be a number with a fraction too, such as a cpu of 0.5. A schema
// without a type accepts anything, so what is neither number nor text is ruled
// out one by one: it could not be decoded.
func quantity(schema object) bool {
	pattern, _ := schema["pattern"].(string)
	if schema["x-kubernetes-int-or-string"] != true || !strings.Contains(pattern, "[KMGTPE]i") {
		return false
	}
	clear(schema)
	maps.Copy(schema, object{
		"x-kubernetes-preserve-unknown-fields": true,
		"pattern":                              pattern,
		"maxItems":                             0,
		"maxProperties":                        0,
		"not":                                  object{"enum": []any{true, false, []any{}, object{}}},
	})
	return true
}

// objectMeta is the schema of the metadata of a template. Most of it is
// meaningless there, but tools write it, creationTimestamp: null above all.
func objectMeta() object {
	text := object{"type": "string"}
	number := object{"type": "integer", "format": "int64"}
	date := object{"type": "string", "format": "date-time", "nullable": true}
	words := object{"type": "object", "additionalProperties": text}
	return object{
		"annotations":                words,
		"labels":                     words,
		"creationTimestamp":          date,
		"deletionTimestamp":          date,
		"deletionGracePeriodSeconds": number,
		"generation":                 number,
		"finalizers":                 object{"type": "array", "items": text},
		"generateName":               text,
		"name":                       text,
		"namespace":                  text,
		"resourceVersion":            text,
		"selfLink":                   text,
		"uid":                        text,
		"ownerReferences": object{"type": "array", "items": object{
			"type":     "object",
			"required": []any{"apiVersion", "kind", "name", "uid"},
			"properties": object{
				"apiVersion": text, "kind": text, "name": text, "uid": text,
				"controller": object{"type": "boolean"}, "blockOwnerDeletion": object{"type": "boolean"},
			},
		}},
	}
}
