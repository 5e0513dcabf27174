// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"strings"
)

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

const testRouteManifest = `
apiVersion: world.sluice.dev/v1
kind: TestRoute
metadata: {name: web}
spec:
  backends: {stable: 100, canary: 0}
`

// dataPlanes are what a shop can have one or several of: the route object, and
// the line of trafficRouting that names it.
var dataPlanes = map[string]struct{ object, routing string }{
	"gateway": {httpRoute, "        gatewayAPI: {httpRoute: web}\n"},
	"istio":   {virtualService, "        istio: {virtualService: {name: web}}\n"},
	"test":    {testRouteManifest, "        plugins: {testroutes: {name: web}}\n"},
}

// roles is the part of a canary that names its Services.
const roles = `
      stableService: stable
      canaryService: canary
`

// onMesh is what stands beside the Rollout on a mesh, and the part of its
// strategy that names that: data planes with + between them, "service" for role
// Services alone, or "none".
func onMesh(mesh string) (objects, strategy string) {
	switch mesh {
	case "none":
		return "", ""
	case "service":
		return services, roles
	}
	objects, strategy = services, roles+`      trafficRouting:
        managedRoutes: [{name: preview}, {name: shadow}]
`
	for name := range strings.SplitSeq(mesh, "+") {
		objects += "---" + dataPlanes[name].object
		strategy += dataPlanes[name].routing
	}
	return objects, strategy
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
	objects, strategy := onMesh(cmp.Or(mesh, "gateway"))
	if b.WriteString(objects); objects != "" {
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
	if steps == "" && strategy == "" {
		b.WriteString(" {}\n")
		return b.String()
	}
	b.WriteString("\n" + strategy + "      steps:\n")
	for line := range strings.Lines(steps) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("      - " + strings.TrimSpace(line) + "\n")
		}
	}
	return b.String()
}
