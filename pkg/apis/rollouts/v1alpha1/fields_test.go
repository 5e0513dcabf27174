// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// crds is where the generated definitions are.
const crds = "../../../../manifests/crds"

// A field of testdata/fields.txt.
type wireField struct {
	path, kind string
	required   bool
}

func (f wireField) steps() []string {
	return strings.Split(strings.NewReplacer("[]", ".[]", "{}", ".{}").Replace(f.path), ".")
}

// kinds makes an empty object of each kind.
var kinds = map[string]struct {
	file string
	make func() any
}{
	"Rollout":                 {"rollouts.yaml", func() any { return &v1alpha1.Rollout{} }},
	"AnalysisRun":             {"analysisruns.yaml", func() any { return &v1alpha1.AnalysisRun{} }},
	"AnalysisTemplate":        {"analysistemplates.yaml", func() any { return &v1alpha1.AnalysisTemplate{} }},
	"ClusterAnalysisTemplate": {"clusteranalysistemplates.yaml", func() any { return &v1alpha1.ClusterAnalysisTemplate{} }},
	"Experiment":              {"experiments.yaml", func() any { return &v1alpha1.Experiment{} }},
}

func readFields(t *testing.T) map[string][]wireField {
	t.Helper()
	text, err := os.ReadFile("testdata/fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	fields, kind := map[string][]wireField{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		parts := strings.Split(line, " | ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case len(parts) == 1:
			kind = line
		default:
			fields[kind] = append(fields[kind], wireField{parts[0], parts[1], len(parts) > 2})
		}
	}
	if len(fields) != len(kinds) {
		t.Fatalf("fields of %d kinds, want %d", len(fields), len(kinds))
	}
	return fields
}

// samples of each kind of field; a zero is one where zero is not absence.
var samples = map[string]string{
	"object": `{}`, "string": `"x"`, "boolean": `true`, "int32": `7`, "int64": `7`,
	"date-time": `"2026-01-02T03:04:05Z"`, "microseconds": `"2026-01-02T03:04:05.123456Z"`, "int or string": `"10%"`, "opaque object": `{"b":[1,{"deep":1.50}],"a":null}`,
	"map of string": `{"a":"b"}`, "map of object": `{"k":{"exact":"v"}}`, "list of string": `["a","b"]`, "list of object": `[{},{}]`,
}

// TestEveryFieldSurvivesARoundTrip. Shows compatibility 4.
func TestEveryFieldSurvivesARoundTrip(t *testing.T) {
	t.Parallel()
	for kind, fields := range readFields(t) {
		for _, f := range fields {
			sample, ok := samples[f.kind]
			if !ok {
				t.Fatalf("%s %s: no sample of %q", kind, f.path, f.kind)
			}
			roundTrip(t, kind, f, sample)
		}
	}
}

// significant are the fields where false or 0 says something else than their
// absence.
var significant = map[string]string{
	"spec.replicas": `0`, "spec.revisionHistoryLimit": `0`, "spec.progressDeadlineSeconds": `0`,
	"spec.analysis.successfulRunHistoryLimit": `0`, "spec.analysis.unsuccessfulRunHistoryLimit": `0`,
	"spec.strategy.blueGreen.abortScaleDownDelaySeconds":   `0`,
	"spec.strategy.blueGreen.autoPromotionEnabled":         `false`,
	"spec.strategy.blueGreen.maxUnavailable":               `0`,
	"spec.strategy.blueGreen.previewReplicaCount":          `0`,
	"spec.strategy.blueGreen.scaleDownDelayRevisionLimit":  `0`,
	"spec.strategy.blueGreen.scaleDownDelaySeconds":        `0`,
	"spec.strategy.canary.abortScaleDownDelaySeconds":      `0`,
	"spec.strategy.canary.analysis.startingStep":           `0`,
	"spec.strategy.canary.maxSurge":                        `0`,
	"spec.strategy.canary.maxUnavailable":                  `0`,
	"spec.strategy.canary.minPodsPerReplicaSet":            `0`,
	"spec.strategy.canary.scaleDownDelayRevisionLimit":     `0`,
	"spec.strategy.canary.scaleDownDelaySeconds":           `0`,
	"spec.strategy.canary.steps[].pause.duration":          `0`,
	"spec.strategy.canary.steps[].setCanaryScale.replicas": `0`, "spec.strategy.canary.steps[].setCanaryScale.weight": `0`,
	"spec.strategy.canary.steps[].setMirrorRoute.percentage": `0`, "spec.strategy.canary.steps[].setWeight": `0`,
	"spec.strategy.canary.steps[].experiment.scaleDownDelaySeconds": `0`,
	"spec.strategy.canary.steps[].experiment.templates[].replicas":  `0`, "spec.strategy.canary.steps[].experiment.templates[].weight": `0`,
	"spec.strategy.canary.trafficRouting.maxTrafficWeight": `0`,
	"status.currentStepIndex":                              `0`, "status.collisionCount": `0`, "status.canary.pausedStep": `0`,
	"status.canary.weights.verified":                  `false`,
	"status.duration.totalManualPauseDurationSeconds": `0`,
}

func TestAZeroThatMeansSomethingSurvivesARoundTrip(t *testing.T) {
	t.Parallel()
	found := 0
	for _, f := range readFields(t)["Rollout"] {
		if zero, ok := significant[f.path]; ok {
			found++
			roundTrip(t, "Rollout", f, zero)
		}
	}
	if found != len(significant) {
		t.Errorf("%d of %d fields are in fields.txt", found, len(significant))
	}
}

func TestWorkloadRefDoesNotBringATemplate(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(&v1alpha1.Rollout{Spec: v1alpha1.RolloutSpec{WorkloadRef: &v1alpha1.ObjectRef{Name: "shop"}}})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("template")) {
		t.Errorf("an empty template is written, which the schema refuses: %s", text)
	}
}

// values are objects that say nothing while they are empty, and then are not
// written.
var values = []string{
	"spec.template", "status.runSummary",
	"status.alb.canaryTargetGroup", "status.alb.loadBalancer", "status.alb.stableTargetGroup",
	"status.albs[].canaryTargetGroup", "status.albs[].loadBalancer", "status.albs[].stableTargetGroup",
}

// roundTrip decodes an object that has but one field, strictly, and looks for
// the field in what is encoded from it.
func roundTrip(t *testing.T, kind string, f wireField, sample string) {
	t.Helper()
	var want any
	if err := json.Unmarshal([]byte(sample), &want); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(wrap(f.steps(), want))
	if err != nil {
		t.Fatal(err)
	}
	typed := kinds[kind].make()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(typed); err != nil {
		t.Errorf("%s %s: %v", kind, f.path, err)
		return
	}
	if text, err = json.Marshal(typed); err != nil {
		t.Fatal(err)
	}
	var back any
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	got, ok := dig(back, f.steps())
	switch {
	case !ok && slices.Contains(values, f.path):
	case !ok:
		t.Errorf("%s %s: %s is lost", kind, f.path, sample)
	case f.kind == "object" || f.kind == "list of object":
		// What is required within is encoded too.
		if list, isList := got.([]any); isList && len(list) != len(want.([]any)) {
			t.Errorf("%s %s: %d elements", kind, f.path, len(list))
		}
	case !cmp.Equal(want, got):
		t.Errorf("%s %s (-want +got):\n%s", kind, f.path, cmp.Diff(want, got))
	}
}

func wrap(steps []string, value any) any {
	for _, step := range slices.Backward(steps) {
		switch step {
		case "[]":
			value = []any{value}
		case "{}":
			value = map[string]any{"key": value}
		default:
			value = map[string]any{step: value}
		}
	}
	return value
}

func dig(value any, steps []string) (any, bool) {
	for _, step := range steps {
		switch at := value.(type) {
		case []any:
			if len(at) != 1 {
				return nil, false
			}
			value = at[0]
		case map[string]any:
			if step == "{}" {
				step = "key"
			}
			below, ok := at[step]
			if !ok {
				return nil, false
			}
			value = below
		default:
			return nil, false
		}
	}
	return value, true
}

// readSchema, edge case 32: of a definition that kubectl apply can write down in an
// annotation.
func readSchema(t *testing.T, file string) (schema map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(crds, file))
	if err != nil {
		t.Fatal(err)
	}
	crd := map[string]any{}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	if text, err = json.Marshal(crd); err != nil {
		t.Fatal(err)
	}
	if limit := 250 << 10; len(text) >= limit {
		t.Errorf("%s has %d bytes as applied; kubectl apply takes less than %d", file, len(text), limit)
	}
	versions := crd["spec"].(map[string]any)["versions"].([]any)
	return versions[0].(map[string]any)["schema"].(map[string]any)["openAPIV3Schema"].(map[string]any)
}

// foreign are the types of Kubernetes: what is in them is not listed.
var foreign = []string{
	"spec.selector", "spec.template", "spec.templates[].selector", "spec.templates[].template",
	"spec.strategy.canary.steps[].experiment.templates[].selector", "spec.metrics[].provider.job.spec",
	"spec.strategy.canary.trafficRouting.gatewayAPI.grpcRouteSelector", "spec.strategy.canary.trafficRouting.gatewayAPI.httpRouteSelector",
	"spec.strategy.canary.trafficRouting.gatewayAPI.tcpRouteSelector", "spec.strategy.canary.trafficRouting.gatewayAPI.tlsRouteSelector",
}

// unlisted are objects that fields.txt leaves out, or lists only in part.
var unlisted = []string{"apiVersion", "kind", "metadata", "spec", "status"}

// edge case 33: all five kinds are installed, as their clients expect them.
func TestTheSchemaHasEveryFieldAndNoOther(t *testing.T) {
	t.Parallel()
	for kind, fields := range readFields(t) {
		got := map[string]wireField{}
		flatten(readSchema(t, kinds[kind].file), "", got)
		for _, f := range fields {
			if strings.HasPrefix(f.path, "spec.templates[].template.") {
				continue // within a foreign type
			}
			if diff := cmp.Diff(f, got[f.path], cmp.AllowUnexported(wireField{})); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", kind, f.path, diff)
			}
			delete(got, f.path)
		}
		for _, path := range slices.Sorted(maps.Keys(got)) {
			if !slices.Contains(unlisted, path) {
				t.Errorf("%s: the schema has %s, which is not in fields.txt", kind, path)
			}
		}
	}
}

// flatten lists the properties of a schema as fields.txt does.
func flatten(schema map[string]any, path string, into map[string]wireField) {
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		p, at := p.(map[string]any), strings.TrimPrefix(path+"."+name, ".")
		into[at] = wireField{at, kindOf(p), slices.Contains(required, any(name))}
		switch {
		case slices.Contains(foreign, at):
		case p["items"] != nil:
			flatten(p["items"].(map[string]any), at+"[]", into)
		case p["additionalProperties"] != nil:
			flatten(p["additionalProperties"].(map[string]any), at+"{}", into)
		default:
			flatten(p, at, into)
		}
	}
}

func kindOf(schema map[string]any) string {
	kind, _ := schema["type"].(string)
	format, _ := schema["format"].(string)
	switch {
	case schema["x-kubernetes-int-or-string"] == true:
		return "int or string"
	case schema["x-kubernetes-preserve-unknown-fields"] == true:
		return "opaque " + kind
	case kind == "array":
		return "list of " + kindOf(schema["items"].(map[string]any))
	case schema["additionalProperties"] != nil:
		return "map of " + kindOf(schema["additionalProperties"].(map[string]any))
	case format == "date-time" && schema["pattern"] != nil:
		return "microseconds"
	case format != "":
		return format
	}
	return kind
}
