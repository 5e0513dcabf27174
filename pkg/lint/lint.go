// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lint says what is wrong with the Rollouts of some manifests, and with
// the objects that they name as far as these are among the manifests. It needs
// no cluster, and says what the controller would say.
package lint

import (
	"context"
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// Level is how much a finding matters.
type Level string

const (
	// Error: the controller would refuse the Rollout.
	Error Level = "error"
	// Warning: it would take it, but for something else than it seems to say.
	Warning Level = "warning"
	// Note: something was not checked.
	Note Level = "note"
)

// Finding is one thing about one object.
type Finding struct {
	File string
	// Object such as "Rollout shop/web", "" where the file cannot be read.
	Object string
	Level  Level
	Text   string
}

func (f Finding) String() string {
	if f.Object == "" {
		return fmt.Sprintf("%s: %s: %s", f.File, f.Level, f.Text)
	}
	return fmt.Sprintf("%s: %s: %s: %s", f.File, f.Object, f.Level, f.Text)
}

// Linter knows what to check against.
type Linter struct {
	// Kinds of data planes that there are.
	Kinds []mesh.Kind
	// Namespace of objects that say none.
	Namespace string
	// Complete: the files have all that there is, so that an object that is
	// named and not among them is an error. Otherwise it is not checked.
	Complete bool
}

// Check the Rollouts of some files. The findings are in their order.
func (l Linter) Check(ctx context.Context, files ...File) []Finding {
	m := l.read(files)
	for _, ro := range m.rollouts {
		c := check{Linter: l, manifests: m, ro: ro.Rollout, file: ro.file}
		c.static()
		c.workload()
		c.services()
		c.routes(ctx)
	}
	return m.findings
}

// check of one Rollout.
type check struct {
	Linter
	*manifests
	ro   *v1alpha1.Rollout
	file string
}

func (c *check) find(level Level, format string, args ...any) {
	f := Finding{c.file, "Rollout " + c.ro.Namespace + "/" + c.ro.Name, level, fmt.Sprintf(format, args...)}
	if !slices.Contains(c.findings, f) {
		c.findings = append(c.findings, f)
	}
}

// refer says what is wrong with an object that the Rollout names; "" is
// nothing.
func (c *check) refer(field, object, problem string) {
	switch {
	case problem == "":
	case problem == validation.Absent && !c.Complete:
		c.find(Note, "%s: %s is not among the files, and was not checked", field, object)
	default:
		c.find(Error, "%s: %s %s", field, object, problem)
	}
}

// static checks what needs the Rollout alone.
func (c *check) static() {
	for _, err := range validation.Validate(c.ro, c.Kinds) {
		c.find(Error, "%s", err)
	}
	for _, err := range validation.Advise(c.ro) {
		c.find(Warning, "%s", err)
	}
}

// workload takes the template from the workload that the Rollout refers to.
func (c *check) workload() {
	ref := c.ro.Spec.WorkloadRef
	if ref == nil || !ref.Supported() || ref.Name == "" {
		return
	}
	object := name(ref.Kind, c.ro.Namespace, ref.Name)
	w, found := c.workloads[object]
	if !found {
		c.refer("spec.workloadRef", object, validation.Absent)
		return
	}
	c.ro = c.ro.DeepCopy()
	c.ro.Spec.Template = w.template()
	if c.ro.Spec.Selector == nil {
		c.ro.Spec.Selector = w.selector()
	}
	c.refer("spec.workloadRef", object, validation.Workload(&c.ro.Spec))
}

// services checks the Services that the Rollout names, and that no other
// Rollout names them.
func (c *check) services() {
	for _, r := range validation.RoleServices(c.ro) {
		object := name("Service", c.ro.Namespace, r.Name)
		c.refer(r.Field, object, validation.Service(c.ro, c.serviceNamed[object]))
		for _, other := range c.rollouts {
			names := func(o validation.Reference) bool { return o.Name == r.Name }
			if other.Namespace == c.ro.Namespace && other.Name != c.ro.Name && slices.ContainsFunc(validation.RoleServices(other.Rollout), names) {
				c.refer(r.Field, object, fmt.Sprintf("is named by Rollout %q too; give each its own", other.Name))
			}
		}
	}
}

// routes checks whether the route objects can carry every step.
func (c *check) routes(ctx context.Context) {
	for _, kind := range c.Kinds {
		objects, used, err := validation.Configured(c.ro, kind)
		if !used || err != nil {
			continue // a rule has said so
		}
		router := kind.New(c.manifests)
		for _, goal := range plan.Goals(c.ro) {
			goal.Objects = objects
			seen, err := router.Observe(ctx, goal)
			if err != nil {
				c.find(Error, "%s: %s", field(kind), err)
				continue
			}
			for _, state := range seen.Objects {
				c.refer(field(kind), state.Object.String(), validation.RouteObject(state))
				for _, name := range state.Managed {
					c.find(Warning, "%s: %s has a route %q already, and a name of managedRoutes is Sluice's to add and to remove; rename one of both", field(kind), state.Object, name)
				}
			}
		}
	}
}

func field(kind mesh.Kind) string { return "spec.strategy.canary.trafficRouting." + kind.Name }

// Failed reports whether there is an error among the findings.
func Failed(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == Error })
}
