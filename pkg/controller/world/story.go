// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Do carries out one command of a story, lets the controller come to rest,
// and shows what a user would see.
func (w *World) Do(cmd string, args map[string]string, input string) string {
	if err := w.do(cmd, args, input); err != nil {
		return "error: " + err.Error() + "\n"
	}
	if err := w.Settle(); err != nil {
		return "error: " + err.Error() + "\n" + w.Show()
	}
	show := w.Show()
	for _, b := range w.Breaches {
		show += "BREACH " + w.named(b) + "\n"
	}
	w.Breaches = nil
	return show
}

// verbs of stories. Each does what its name says, as a user, a client or the
// cluster would.
var verbs = map[string]func(*World, map[string]string, string) error{
	"apply":  func(w *World, _ map[string]string, input string) error { return w.Apply(input) },
	"deploy": func(w *World, args map[string]string, _ string) error { return w.Image(args["image"]) },
	"ready":  (*World).doReady,
	"wait": func(w *World, args map[string]string, _ string) error {
		d, err := time.ParseDuration(args["for"])
		if err != nil {
			return err
		}
		return w.Tick(d)
	},
	"scale": func(w *World, args map[string]string, _ string) error {
		return w.PatchSpec(`{"spec":{"replicas":` + args["to"] + `}}`)
	},
	"spec":    func(w *World, _ map[string]string, input string) error { return w.PatchSpec(input) },
	"status":  func(w *World, _ map[string]string, input string) error { return w.PatchStatus(input) },
	"promote": func(w *World, _ map[string]string, _ string) error { return w.Promote() },
	"promote-full": func(w *World, _ map[string]string, _ string) error {
		return w.PatchStatus(`{"status":{"promoteFull":true}}`)
	},
	"abort": func(w *World, _ map[string]string, _ string) error { return w.PatchStatus(`{"status":{"abort":true}}`) },
	"retry": func(w *World, _ map[string]string, _ string) error {
		return w.PatchStatus(`{"status":{"abort":false}}`)
	},
	"pause":   func(w *World, _ map[string]string, _ string) error { return w.PatchSpec(`{"spec":{"paused":true}}`) },
	"unpause": func(w *World, _ map[string]string, _ string) error { return w.PatchSpec(`{"spec":{"paused":false}}`) },
	"delete":  func(w *World, _ map[string]string, _ string) error { return w.DeleteRollout() },
	"restart-controller": func(w *World, _ map[string]string, _ string) error {
		w.Restart()
		return nil
	},
	"acks": func(w *World, args map[string]string, _ string) error {
		w.Acks = args["on"] != "false"
		if w.Acks {
			for resource, objects := range w.API.objects {
				for key := range objects {
					if resource.Resource == "httproutes" {
						w.Ack(resource, key)
					}
				}
			}
		}
		return nil
	},
	"show": func(*World, map[string]string, string) error { return nil },
}

func (w *World) do(cmd string, args map[string]string, input string) error {
	verb, ok := verbs[cmd]
	if !ok {
		return fmt.Errorf("no verb %q", cmd)
	}
	return verb(w, args, input)
}

// doReady sets how many pods of each version are ready: ready v1=10 v2=2.
func (w *World) doReady(args map[string]string, _ string) error {
	for image, count := range args {
		set := w.SetOf(image)
		if set == "" {
			return fmt.Errorf("no ReplicaSet of %q", image)
		}
		n, err := strconv.ParseInt(count, 10, 32)
		if err != nil {
			return err
		}
		w.Ready(set, int32(n))
	}
	return nil
}

// Shop is the Services and the HTTPRoute that most stories start with.
const Shop = `
apiVersion: v1
kind: Service
metadata: {name: stable}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: canary}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
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

// Template of a Rollout with the given steps, one per line, of 10 pods v1.
func Template(steps string) string {
	var b strings.Builder
	b.WriteString(`
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: v1}]}
  strategy:
    canary:
      stableService: stable
      canaryService: canary
      trafficRouting:
        gatewayAPI: {httpRoute: web}
        managedRoutes: [{name: preview}, {name: shadow}]
      steps:
`)
	for line := range strings.Lines(steps) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("      - " + strings.TrimSpace(line) + "\n")
		}
	}
	return b.String()
}
