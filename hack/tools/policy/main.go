// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Command policy writes the ValidatingAdmissionPolicies that are made of the
// rules of validation, as a component of manifests/.
package main

import (
	"fmt"
	"os"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"

	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
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
