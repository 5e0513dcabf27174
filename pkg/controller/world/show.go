// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/yaml"
)

// Show says in a few lines what a user would see.
func (w *World) Show() string {
	ro := w.Rollout()
	var b strings.Builder
	if ro == nil {
		b.WriteString("no rollout\n")
		w.showServices(&b, "stable", "canary")
		return b.String()
	}
	_, p := w.Plan()
	at := "-"
	if i := ro.Status.CurrentStepIndex; i != nil {
		at = fmt.Sprint(*i)
	}
	steps := 0
	if c := ro.Spec.Strategy.Canary; c != nil {
		steps = len(c.Steps)
	}
	fmt.Fprintf(&b, "%s: %s %s/%d", p.Rule, ro.Status.Phase, at, steps)
	if ro.Status.Message != "" {
		fmt.Fprintf(&b, " (%s)", w.named(ro.Status.Message))
	}
	b.WriteString("\n")
	for _, key := range w.setsByNumber() {
		rs := w.set(key)
		fmt.Fprintf(&b, "  %s %d/%d", rs.Spec.Template.Spec.Containers[0].Image, rs.Status.AvailableReplicas, *rs.Spec.Replicas)
		if rs.Labels[replicaset.HashLabel] == ro.Status.StableRS {
			b.WriteString(" stable")
		}
		if d := rs.Annotations[v1alpha1.ScaleDownDeadlineAnnotation]; d != "" {
			b.WriteString(" until " + d[11:19])
		}
		b.WriteString("\n")
	}
	w.showWorkload(&b)
	stable, canary := rolesOf(ro)
	if n := ro.Status.CollisionCount; n != nil {
		fmt.Fprintf(&b, "  collisions: %d\n", *n)
	}
	w.showServices(&b, stable, canary)
	if blocked := ro.Status.BlockedOn; blocked != nil {
		fmt.Fprintf(&b, "  blocked: %s %s has %s, wants %s\n", blocked.Gate, w.named(blocked.Object), w.named(blocked.Have), w.named(blocked.Want))
	}
	if w.autoscaler != nil {
		w.autoscaler.show(&b)
	}
	for _, e := range w.Events() {
		fmt.Fprintf(&b, "  event: %s\n", w.named(e))
	}
	return b.String()
}

func (w *World) setsByNumber() []cache.ObjectName {
	keys := w.sets()
	slices.SortStableFunc(keys, func(a, b cache.ObjectName) int {
		return strings.Compare(w.set(a).Annotations[v1alpha1.RevisionAnnotation], w.set(b).Annotations[v1alpha1.RevisionAnnotation])
	})
	return keys
}

// showServices tells what each role Service selects, and its weight.
func (w *World) showServices(b *strings.Builder, stable, canary string) {
	t := truth{weight: map[string]int32{}}
	var routes []string
	for _, resource := range []string{"httproutes", "virtualservices"} {
		for gvr, objects := range w.API.objects {
			if gvr.Resource != resource {
				continue
			}
			for _, key := range sortedKeys(objects) {
				t.add(w.API.carried(objects[key], 100))
				routes = append(routes, managedNames(objects[key])...)
			}
		}
	}
	for _, name := range []string{stable, canary} {
		obj := w.API.objects[servicesResource][cache.NewObjectName(Namespace, name)]
		if obj == nil {
			continue
		}
		hash, _, _ := unstructured.NestedString(obj.Object, "spec", "selector", replicaset.HashLabel)
		fmt.Fprintf(b, "  %s -> %s", name, w.imageOf(hash))
		if len(t.weight) > 0 {
			fmt.Fprintf(b, " weight %d", t.weight[name])
		}
		b.WriteString("\n")
	}
	if len(routes) > 0 {
		fmt.Fprintf(b, "  routes: %s\n", strings.Join(routes, " "))
	}
}

func managedNames(obj *unstructured.Unstructured) []string {
	rules, _, _ := unstructured.NestedSlice(obj.Object, "spec", "rules")
	http, _, _ := unstructured.NestedSlice(obj.Object, "spec", "http")
	var names []string
	for _, r := range append(rules, http...) {
		if name, _ := r.(map[string]any)["name"].(string); name != "" && name != "main" {
			names = append(names, name)
		}
	}
	return names
}

// named replaces hashes by images, so that stories do not depend on them.
func (w *World) named(text string) string {
	for _, key := range w.sets() {
		rs := w.set(key)
		text = strings.ReplaceAll(text, rs.Labels[replicaset.HashLabel], rs.Spec.Template.Spec.Containers[0].Image)
	}
	return text
}

// ShowConditions lists the conditions of the rollout.
func (w *World) ShowConditions() string {
	var b strings.Builder
	for _, c := range w.Rollout().Status.Conditions {
		fmt.Fprintf(&b, "%s %s %s: %s\n", c.Type, c.Status, c.Reason, w.named(c.Message))
	}
	return b.String()
}

// ShowScale is what an autoscaler reads of the rollout.
func (w *World) ShowScale() string {
	st := w.Rollout().Status
	return fmt.Sprintf("replicas %d, selector %q\n", st.HPAReplicas, st.Selector)
}

// ShowDuration is status.duration.
func (w *World) ShowDuration() string {
	text, err := yaml.Marshal(w.Rollout().Status.Duration)
	must(err)
	return string(text)
}

// ShowWeights is status.canary.weights, but for when they were first seen.
func (w *World) ShowWeights() string {
	weights := w.Rollout().Status.Canary.Weights
	if weights == nil {
		return "none\n"
	}
	shown := *weights
	shown.Since, shown.Edition, shown.EditionSince = nil, "", nil
	text, err := yaml.Marshal(shown)
	must(err)
	return w.named(string(text))
}

// ShowManaged lists what status says that we may have touched.
func (w *World) ShowManaged() string {
	var b strings.Builder
	for _, m := range w.Rollout().Status.Managed {
		fmt.Fprintf(&b, "%s %s\n", m.Kind, m.Name)
	}
	return b.String()
}

// ShowWrites counts what the controller has written since the last time, by
// resource.
func (w *World) ShowWrites() string {
	var b strings.Builder
	for _, resource := range slices.Sorted(maps.Keys(w.Writes)) {
		fmt.Fprintf(&b, "%s %d\n", resource, w.Writes[resource])
	}
	clear(w.Writes)
	return cmp.Or(b.String(), "none\n")
}

// ShowRoute is the route object as a user would read it; where there are more,
// each with its name.
func (w *World) ShowRoute() string {
	text := map[string]string{}
	for resource, objects := range w.API.objects {
		if !isRoute(resource) {
			continue
		}
		for key, obj := range objects {
			shown := map[string]any{"spec": obj.Object["spec"]}
			if a := obj.GetAnnotations(); len(a) > 0 {
				shown["annotations"] = a
			}
			data, err := yaml.Marshal(shown)
			must(err)
			text[resource.Resource+"/"+key.Name] = string(data)
		}
	}
	all := ""
	for _, name := range slices.Sorted(maps.Keys(text)) {
		if len(text) == 1 {
			return text[name]
		}
		all += name + ":\n" + text[name]
	}
	return cmp.Or(all, "no route\n")
}
