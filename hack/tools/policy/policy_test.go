// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation/validationtest"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

// environment is that of the policies of a Kubernetes 1.33, as far as they use
// it.
func environment(t *testing.T) *cel.Env {
	t.Helper()
	env, err := cel.NewEnv(
		cel.HomogeneousAggregateLiterals(), cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(),
		ext.Strings(ext.StringsVersion(2)), ext.TwoVarComprehensions(),
		cel.Variable("object", cel.DynType), cel.Variable("variables", cel.DynType),
	)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// compiled is a policy that can be asked.
type compiled struct {
	names     []string
	variables []cel.Program
	messages  []string
}

func compile(t *testing.T, policy admissionv1.ValidatingAdmissionPolicy) compiled {
	t.Helper()
	env := environment(t)
	var c compiled
	for _, v := range policy.Spec.Variables {
		ast, issues := env.Compile(v.Expression)
		if issues.Err() != nil {
			t.Fatalf("variable %s: %v", v.Name, issues.Err())
		}
		program, err := env.Program(ast)
		if err != nil {
			t.Fatalf("variable %s: %v", v.Name, err)
		}
		c.names, c.variables = append(c.names, v.Name), append(c.variables, program)
	}
	for _, v := range policy.Spec.Validations {
		name := strings.TrimPrefix(v.MessageExpression, "variables.")
		if v.Expression != "variables."+name+` == ""` || !slices.Contains(c.names, name) {
			t.Fatalf("validation %+v does not want a variable to be empty", v)
		}
		c.messages = append(c.messages, name)
	}
	return c
}

// warnings that a Rollout gets.
func (c compiled) warnings(t *testing.T, object map[string]any) []string {
	t.Helper()
	known := map[string]any{}
	for i, program := range c.variables {
		value, _, err := program.Eval(map[string]any{"object": object, "variables": known})
		if err != nil {
			t.Fatalf("variable %s: %v", c.names[i], err)
		}
		known[c.names[i]] = value
	}
	var all []string
	for _, name := range c.messages {
		if said := known[name].(types.String); said != "" {
			all = append(all, validationtest.Split(string(said))...)
		}
	}
	slices.Sort(all)
	return all
}

// Go and CEL say the same of every row, but for the rules that only Go has.
func TestAgreement(t *testing.T) {
	t.Parallel()
	policies, _ := validation.Policies()
	refuse, advise := compile(t, policies[0]), compile(t, policies[1])
	for _, r := range append(validationtest.Refused(), validationtest.Advised()...) {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			text, err := r.Rollout()
			if err != nil {
				t.Fatal(err)
			}
			var object map[string]any
			ro := &v1alpha1.Rollout{}
			if err := yaml.Unmarshal([]byte(text), &object); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(text), ro); err != nil {
				t.Fatal(err)
			}
			whole(object)
			if diff := cmp.Diff(validationtest.Static(validation.Validate(ro, nil)), refuse.warnings(t, object)); diff != "" {
				t.Errorf("refused: -Go +CEL:\n%s", diff)
			}
			if diff := cmp.Diff(validationtest.Static(validation.Advise(ro)), advise.warnings(t, object)); diff != "" {
				t.Errorf("advised: -Go +CEL:\n%s", diff)
			}
		})
	}
}

// whole makes integers of the numbers of a decoded object, as the API server
// has them, and drops what is null.
func whole(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			if v[key] == nil {
				delete(v, key)
				continue
			}
			v[key] = whole(v[key])
		}
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case float64:
		return int64(v)
	}
	return value
}
