// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Command policy writes what is made of the rules of validation: the
// ValidatingAdmissionPolicies of manifests/policy, or with the argument "table"
// the table of docs/validation.md.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"

	"sigs.k8s.io/yaml"
)

func main() {
	write := policies
	if slices.Equal(os.Args[1:], []string{"table"}) {
		write = table
	}
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func policies() error {
	policies, bindings := validation.Policies()
	for i := range policies {
		for _, object := range []any{policies[i], bindings[i]} {
			text, err := yaml.Marshal(object)
			if err != nil {
				return err
			}
			fmt.Printf("---\n%s", text)
		}
	}
	return nil
}

func table() error {
	for _, section := range []struct {
		about  string
		belong func(validation.Rule) bool
	}{
		{"What is refused", func(r validation.Rule) bool { return !r.Advice && !unbuilt(r) }},
		{"What is advised against", func(r validation.Rule) bool { return r.Advice }},
	} {
		fmt.Printf("\n### %s\n\n| Field | What is said | Policy |\n|---|---|---|\n", section.about)
		for _, r := range validation.Rules() {
			if section.belong(r) {
				fmt.Printf("| `%s` | %s | %s |\n", short(r.Field), r.Says, map[bool]string{true: "yes", false: ""}[r.Static])
			}
		}
	}
	fmt.Printf("\n### What is not supported yet\n\n")
	for _, r := range validation.Rules() {
		if unbuilt(r) {
			fmt.Printf("- `%s`\n", short(r.Field))
		}
	}
	fmt.Println()
	return nil
}

func unbuilt(r validation.Rule) bool { return r.Says == validation.NotSupported }

// short leaves out what begins most paths.
func short(path string) string {
	const canary = "spec.strategy.canary."
	if rest, ok := strings.CutPrefix(path, canary); ok {
		return "canary." + rest
	}
	return path
}
