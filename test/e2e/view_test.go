// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/test/e2e/replay"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// view is what there is of a shop, read from the tape: what the API server has
// stored, without a request.
type view struct {
	ro             *v1alpha1.Rollout
	phase, step    string
	sets           map[string]*appsv1.ReplicaSet // by version
	stable, canary string                        // versions that the Services select, "any" for none
	weights        string                        // "75/25"
	managed        []string
	at             time.Time // of the newest change
}

func (s *shop) look() (view, error) {
	objects, changed, ok := all.tape.objects(s.ns, s.seen)
	switch {
	case !ok:
		return view{}, errors.New("the tape is behind")
	case changed == s.seen:
		return s.last, nil
	}
	v, err := viewOf(objects)
	if err == nil {
		s.seen, s.last = changed, v
	}
	return v, err
}

func viewOf(objects map[string]replay.Write) (v view, err error) {
	v.sets, v.stable, v.canary = map[string]*appsv1.ReplicaSet{}, "any", "any"
	versions := map[string]string{}
	selects := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		w := objects[key]
		if w.At.After(v.at) {
			v.at = w.At
		}
		switch {
		case strings.Contains(key, "/rollouts/"):
			v.ro = &v1alpha1.Rollout{}
			err = errors.Join(err, json.Unmarshal(w.Object, v.ro))
		case strings.Contains(key, "/replicasets/"):
			rs := &appsv1.ReplicaSet{}
			err = errors.Join(err, json.Unmarshal(w.Object, rs))
			if rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] == "" {
				continue // of a Deployment, or of nobody
			}
			_, version, _ := strings.Cut(rs.Spec.Template.Spec.Containers[0].Image, ":")
			for v.sets[version] != nil { // nobody expects two of one version
				version += "+"
			}
			v.sets[version] = rs
			versions[rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey]] = version
		case strings.Contains(key, "/services/specs/"):
			service := &corev1.Service{}
			err = errors.Join(err, json.Unmarshal(w.Object, service))
			selects[service.Name] = service.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey]
		case strings.HasSuffix(key, "/"+name) && (strings.Contains(key, "/httproutes/") || strings.Contains(key, "/virtualservices/")):
			route := &unstructured.Unstructured{}
			err = errors.Join(err, json.Unmarshal(w.Object, route))
			weights, managed := weightsOf(route)
			if v.weights != "" && (v.weights != weights || !slices.Equal(v.managed, managed)) {
				weights += " and " + v.weights // two data planes that do not agree yet
			}
			v.weights, v.managed = weights, managed
		}
	}
	if hash := selects["stable"]; hash != "" {
		v.stable = versions[hash]
	}
	if hash := selects["canary"]; hash != "" {
		v.canary = versions[hash]
	}
	v.phase, v.step = phaseOf(v.ro)
	return v, err
}

// phaseOf is what clients show: a phase that does not know the newest spec or
// command yet is no phase (wire contract 2.13).
func phaseOf(ro *v1alpha1.Rollout) (phase, step string) {
	if ro == nil {
		return "Gone", "-"
	}
	step = "-"
	if i := ro.Status.CurrentStepIndex; i != nil && ro.Spec.Strategy.Canary != nil {
		step = fmt.Sprintf("%d/%d", *i, len(ro.Spec.Strategy.Canary.Steps))
	}
	switch {
	case ro.Status.ObservedGeneration != strconv.FormatInt(ro.Generation, 10):
		return "Unobserved", step
	case ro.Status.ControllerPause && len(ro.Status.PauseConditions) == 0:
		return "Unpausing", step
	default:
		return string(ro.Status.Phase), step
	}
}

// weightsOf reads the rule that splits between the Services, and the names of
// the rules that lead to the canary alone or mirror to it.
func weightsOf(route *unstructured.Unstructured) (weights string, managed []string) {
	rules, _, _ := unstructured.NestedSlice(route.Object, "spec", "rules")
	http, _, _ := unstructured.NestedSlice(route.Object, "spec", "http")
	for _, r := range append(rules, http...) {
		text, _ := json.Marshal(r)
		if rule := r.(map[string]any); rule["name"] == "preview" || rule["name"] == "shadow" {
			managed = append(managed, rule["name"].(string))
		} else if strings.Contains(string(text), `"canary"`) {
			weights = weightOf(rule, "stable") + "/" + weightOf(rule, "canary")
		}
	}
	return weights, managed
}

func weightOf(rule map[string]any, service string) string {
	for _, list := range []any{rule["backendRefs"], rule["route"]} {
		items, _ := list.([]any)
		for _, item := range items {
			backend := item.(map[string]any)
			host, _, _ := unstructured.NestedString(backend, "destination", "host")
			if backend["name"] == service || host == service {
				weight, ok := backend["weight"]
				if !ok {
					return "1"
				}
				return fmt.Sprint(weight)
			}
		}
	}
	return "-"
}

// String is one line, such as
//
//	Paused 1/4; v1 4/4, v2 1/1; stable v1, canary v2, 75/25, preview
//
// with the available and the wanted pods of each version that has any.
func (v view) String() string {
	parts := []string{v.phase + " " + v.step, "", "stable " + v.stable + ", canary " + v.canary}
	var pods []string
	for version, rs := range v.sets {
		if *rs.Spec.Replicas+rs.Status.Replicas > 0 {
			pods = append(pods, fmt.Sprintf("%s %d/%d", version, rs.Status.AvailableReplicas, *rs.Spec.Replicas))
		}
	}
	slices.Sort(pods)
	parts[1] = strings.Join(pods, ", ")
	for _, more := range append([]string{v.weights}, v.managed...) {
		if more != "" {
			parts[2] += ", " + more
		}
	}
	return strings.Join(parts, "; ")
}

// more is what explains a view that was not expected.
func (v view) more() string {
	if v.ro == nil {
		return ""
	}
	status, err := json.Marshal(v.ro.Status)
	if err != nil {
		return err.Error()
	}
	return string(status)
}

// present is what there is now, however that is.
func (s *shop) present() view {
	s.t.Helper()
	return s.until("a Rollout", func(v view) bool { return v.ro != nil })
}

// until waits for a view.
func (s *shop) until(what string, holds func(view) bool) view {
	s.t.Helper()
	var v view
	err := poll(s.t.Context(), s.patience(), func() (err error) {
		if v, err = s.look(); err == nil && !holds(v) {
			err = errors.New("have " + v.String())
		}
		return err
	})
	if err != nil {
		s.t.Fatalf("%s: want %s, %v\nnamespace %s, status %s", s.router, what, err, s.ns, v.more())
	}
	return v
}

// shows waits until the shop shows as a line.
func (s *shop) shows(want string) view {
	s.t.Helper()
	return s.until(want, func(v view) bool { return v.String() == want })
}

// stays fails if the shop shows as anything else for a while.
func (s *shop) stays(want string, duration time.Duration) {
	s.t.Helper()
	s.shows(want)
	for end := time.Now().Add(duration); time.Now().Before(end); time.Sleep(pause) {
		if v, err := s.look(); err == nil && v.String() != want {
			s.t.Fatalf("%s: %s became %s\nstatus %s", s.router, want, v, v.more())
		}
	}
}

// says waits until status.message has a text.
func (s *shop) says(text string) {
	s.t.Helper()
	s.until("message "+text, func(v view) bool { return v.ro != nil && strings.Contains(v.ro.Status.Message, text) })
}

// hasEvent waits for an event about the Rollout.
func (s *shop) hasEvent(reason string) {
	s.t.Helper()
	eventually(s.t, func() error {
		events, err := all.kube.CoreV1().Events(s.ns).List(s.t.Context(), listOptions)
		if err != nil {
			return err
		}
		var reasons []string
		for _, e := range events.Items {
			if e.InvolvedObject.Kind == "Rollout" && e.Reason == reason {
				return nil
			}
			reasons = append(reasons, e.Reason)
		}
		return fmt.Errorf("no event %s among %v", reason, reasons)
	})
}
