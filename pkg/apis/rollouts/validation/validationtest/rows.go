// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package validationtest has a Rollout for each rule of validation, with what
// is said of it: for the tests of the rules themselves, and of the policies
// that are made of them.
package validationtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Row changes one place of a valid rollout.
type Row struct {
	// Name is a sentence, or the field that the row is about.
	Name string
	// Base is the rollout as YAML; the first From in it is replaced with To.
	Base, From, To string
	// Want are the errors, or the advice, in their order.
	Want []string
}

// Refused has rows of all rules that a spec has to keep.
func Refused() []Row {
	return slices.Concat(spec(), strategy(), metadata(), steps(), managedSteps(), notBuilt(), plugin(), extras())
}

// Advised has rows of all advice. None of them is refused.
func Advised() []Row { return advice() }

// Rollout is the spec of the row as YAML.
func (r Row) Rollout() (string, error) {
	if !strings.Contains(r.Base, r.From) {
		return "", fmt.Errorf("%q is not in the rollout", r.From)
	}
	return strings.Replace(r.Base, r.From, r.To, 1), nil
}

func (r Row) wanting(errs ...string) Row {
	r.Want = errs
	return r
}

// Static are those of errs, sorted, that an API server says too.
func Static(errs field.ErrorList) []string {
	var all []string
	for _, err := range errs {
		path := Anywhere(err.Field)
		if slices.ContainsFunc(validation.Rules(), func(r validation.Rule) bool { return r.Static && r.Field == path && r.Says == err.Detail }) {
			all = append(all, err.Error())
		}
	}
	slices.Sort(all)
	return all
}

// Anywhere is a path with [*] for every element.
func Anywhere(path string) string { return element.ReplaceAllString(path, "[*]") }

// Split gives the sentences of one warning: a rule that several places break
// has one for each.
func Split(warning string) []string {
	return strings.Split(strings.ReplaceAll(warning, "; spec.", "\nspec."), "\n")
}

// element of a list or map in a path.
var element = regexp.MustCompile(`\[[^]]*\]`)

const canary = "spec.strategy.canary."

// Routed is a rollout with everything that is supported, over two data planes.
const Routed = `
spec:
  replicas: 4
  minReadySeconds: 5
  progressDeadlineSeconds: 60
  progressDeadlineAbort: true
  revisionHistoryLimit: 0
  paused: true
  restartAt: "2026-01-02T03:04:05Z"
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: shop:v1}]}}
  strategy:
    canary:
      stableService: shop
      canaryService: shop-canary
      maxSurge: 0
      maxUnavailable: "50"
      scaleDownDelaySeconds: 0
      abortScaleDownDelaySeconds: 0
      trafficRouting:
        managedRoutes: [{name: beta}, {name: copy}]
        istio:
          virtualServices: [{name: shop, routes: [web]}]
        gatewayAPI:
          namespace: gateways
          httpRoutes: [{name: shop, useHeaderRoutes: true, rules: [web]}]
      steps:
      - setCanaryScale: {replicas: 1}
      - setCanaryScale: {weight: 10}
      - setCanaryScale: {matchTrafficWeight: true}
      - setHeaderRoute: {name: beta, match: [{headerName: x-beta, headerValue: {exact: "1"}}, {headerName: agent, headerValue: {prefix: Moz}}, {headerName: via, headerValue: {regex: .*}}]}
      - setHeaderRoute: {name: beta}
      - setMirrorRoute: {name: copy, percentage: 0, match: [{method: {exact: GET}, path: {prefix: /}, headers: {x: {regex: .}}}]}
      - setMirrorRoute: {name: copy}
      - setWeight: 0
      - pause: {}
      - pause: {duration: 10}
      - pause: {duration: "10"}
      - pause: {duration: 1h30m}
      - setWeight: 100
`

// Basic is a rollout whose pods are the weight.
const Basic = `
spec:
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: shop:v1}]}}
  strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}
`
