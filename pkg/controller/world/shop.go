// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import "strings"

const services = `
apiVersion: v1
kind: Service
metadata: {name: stable}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: canary}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

const httpRoute = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gateway}]
  rules:
  - name: main
    backendRefs:
    - {name: stable, port: 80, weight: 100}
    - {name: canary, port: 80, weight: 0}
`

const virtualService = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web]
  http:
  - name: main
    route:
    - {destination: {host: stable}, weight: 100}
    - {destination: {host: canary}, weight: 0}
`

// routed is the part of a canary that names its Services and its data plane.
const routed = `
      stableService: stable
      canaryService: canary
      trafficRouting:
        managedRoutes: [{name: preview}, {name: shadow}]
`

// meshes are what a story can be told on: the objects beside the Rollout, and
// the part of its strategy that names them.
var meshes = map[string]struct{ objects, strategy string }{
	"":        {services + "---" + httpRoute, routed + "        gatewayAPI: {httpRoute: web}\n"},
	"istio":   {services + "---" + virtualService, routed + "        istio: {virtualService: {name: web}}\n"},
	"service": {services, "      stableService: stable\n      canaryService: canary\n"},
	"none":    {"", ""},
}

// ownTemplate is the part of a Rollout that a reference to a workload replaces.
const ownTemplate = `  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: v1}]}
`

// Shop is the manifest of a shop: a Rollout of 10 pods v1 with the given
// steps, one per line, and what it needs on a mesh, "" for the Gateway API.
func Shop(mesh, steps string) string {
	var b strings.Builder
	b.WriteString(meshes[mesh].objects)
	if meshes[mesh].objects != "" {
		b.WriteString("---")
	}
	b.WriteString(`
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  replicas: 10
` + ownTemplate + `  strategy:
    canary:`)
	if steps == "" && meshes[mesh].strategy == "" {
		b.WriteString(" {}\n")
		return b.String()
	}
	b.WriteString("\n" + meshes[mesh].strategy + "      steps:\n")
	for line := range strings.Lines(steps) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("      - " + strings.TrimSpace(line) + "\n")
		}
	}
	return b.String()
}
