// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

// Rule is one rule, as documentation lists it.
type Rule struct {
	// Field is its full path, with [*] for any element; Says what must hold.
	Field, Says string
	// Advice: a spec that breaks it is not refused.
	Advice bool
	// Static: an API server can say it, see Policies.
	Static bool
}

// Rules lists every rule that needs only the Rollout.
func Rules() []Rule {
	var rules []Rule
	for _, c := range chapters {
		for _, e := range c.list() {
			rules = append(rules, Rule{Field: e.field, Says: e.says, Advice: e.advice, Static: e.cel != ""})
		}
	}
	return rules
}
