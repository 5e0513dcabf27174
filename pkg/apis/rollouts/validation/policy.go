// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Names of the policies, which are those of their bindings too.
const (
	PolicyName       = "sluice-rollouts"
	AdvicePolicyName = "sluice-rollouts-advice"
)

// variables of the policies, each after those that it is made of.
var variables = []admissionv1.Variable{
	{Name: "canary", Expression: `dyn(object.spec.?strategy.?canary.orValue(dyn({})))`},
	{Name: "routing", Expression: `dyn(variables.canary.?trafficRouting.orValue(dyn({})))`},
	{Name: "routed", Expression: celRouted},
	{Name: "total", Expression: `int(variables.routing.?maxTrafficWeight.orValue(100))`},
	{Name: "managed", Expression: `variables.routing.?managedRoutes.orValue([]).map(route, string(route.name))`},
	{Name: "gateway", Expression: `dyn(variables.routing.?gatewayAPI.or(variables.routing.?plugins[?"` + v1alpha1.GatewayAPIPlugin + `"]).orValue(dyn({})))`},
}

// Policies are the rules that need only the Rollout, and the advice, for an API
// server to say already when a Rollout is applied. It only warns: what the
// controller does with a Rollout that breaks a rule is the same with them and
// without.
func Policies() ([]admissionv1.ValidatingAdmissionPolicy, []admissionv1.ValidatingAdmissionPolicyBinding) {
	var policies []admissionv1.ValidatingAdmissionPolicy
	var bindings []admissionv1.ValidatingAdmissionPolicyBinding
	for _, name := range []string{PolicyName, AdvicePolicyName} {
		policies = append(policies, policy(name, name == AdvicePolicyName))
		bindings = append(bindings, admissionv1.ValidatingAdmissionPolicyBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicyBinding"},
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName:        name,
				ValidationActions: []admissionv1.ValidationAction{admissionv1.Warn},
			},
		})
	}
	return policies, bindings
}

func policy(name string, advice bool) admissionv1.ValidatingAdmissionPolicy {
	rules, validations := static(advice)
	ignore := admissionv1.Ignore
	return admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &ignore,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule: admissionv1.Rule{
						APIGroups: []string{v1alpha1.SchemeGroupVersion.Group}, APIVersions: []string{v1alpha1.SchemeGroupVersion.Version},
						Resources: []string{"rollouts"},
					},
				},
			}}},
			Variables:   slices.Concat(variables, rules),
			Validations: validations,
		},
	}
}

// static lists the rules that CEL can say: one variable each, with what is
// wrong, and the validation that wants it to be empty.
func static(advice bool) ([]admissionv1.Variable, []admissionv1.Validation) {
	var rules []admissionv1.Variable
	var validations []admissionv1.Validation
	for _, c := range chapters {
		for _, e := range c.list() {
			if e.advice != advice || e.cel == "" {
				continue
			}
			name := identifier(e.field, rules)
			rules = append(rules, admissionv1.Variable{Name: name, Expression: e.cel})
			validations = append(validations, admissionv1.Validation{
				Expression: "variables." + name + ` == ""`, MessageExpression: "variables." + name, Message: e.field + ": " + e.says,
			})
		}
	}
	return rules, validations
}

// identifier is a name for a rule about a field that none of the others has.
func identifier(field string, others []admissionv1.Variable) string {
	name := strings.NewReplacer("[*]", "", ".", "_").Replace(strings.TrimPrefix(field, "spec."))
	used := func(name string) bool {
		return slices.ContainsFunc(others, func(v admissionv1.Variable) bool { return v.Name == name })
	}
	for n, first := 2, name; used(name); n++ {
		name = fmt.Sprintf("%s%d", first, n)
	}
	return name
}
