// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// crashed is the end of a controller between two writes.
type crashed struct{}

// Ways in which our next write can fail.
var failures = map[string]func(Write) (before, after error){
	// refused: the API server has no time.
	"refused": func(Write) (error, error) { return apierrors.NewTooManyRequests("busy", 1), nil },
	// lost: the request never arrives, and nobody says so.
	"lost": func(Write) (error, error) { return errors.New("connection reset by peer"), nil },
	// unanswered: it is done, and the answer is lost.
	"unanswered": func(Write) (error, error) { return nil, errors.New("connection reset by peer") },
	// timeout: it is done, and the answer says that it took too long.
	"timeout": func(Write) (error, error) { return nil, apierrors.NewTimeoutError("timed out", 1) },
}

// FailNext makes our next write fail in one of the ways of failures.
func (w *World) FailNext(how string) error {
	if failures[how] == nil {
		return fmt.Errorf("no way to fail %q", how)
	}
	w.fail = how
	return nil
}

// CrashAfter kills the controller after so many writes, and starts another.
func (w *World) CrashAfter(writes int) { w.crash = writes }

func (w *World) failing(write Write) (before, after error) {
	how := w.fail
	if how == "" {
		return nil, nil
	}
	w.fail = ""
	return failures[how](write)
}

// Version of the API server: every write raises it.
func (w *World) Version() int64 { return w.API.version }

// Unrest says what is not as it should be once a rollout has come to rest, ""
// for nothing.
func (w *World) Unrest() string {
	now := state{api: w.API, objects: w.API.objects}
	t, ok := now.truth()
	if !ok {
		return "the rollout is gone"
	}
	current := t.ro.Status.StableRS
	if wrong := w.unlike(); wrong != "" {
		return wrong
	}
	switch {
	case t.managed:
		return "a managed route is left"
	case t.weight[t.canary] > 0 || t.weight[t.stable] != 100:
		return fmt.Sprintf("weights are %v", t.weight)
	case t.selects[t.stable] != current || t.selects[t.canary] != current && t.ro.Spec.Strategy.Canary.PingPong == nil:
		return fmt.Sprintf("Services select %v, stable is %s", t.selects, current)
	case !t.ro.Status.Abort && t.ro.Status.Phase != v1alpha1.RolloutPhaseHealthy:
		return "the rollout is " + string(t.ro.Status.Phase)
	case t.ro.Status.Abort && t.ro.Status.Phase != v1alpha1.RolloutPhaseDegraded:
		return "the aborted rollout is " + string(t.ro.Status.Phase)
	}
	for hash, rs := range t.sets {
		kept := t.ro.Status.Abort && hash == t.ro.Status.CurrentPodHash
		if hash == current && *rs.Spec.Replicas != t.desired || hash != current && *rs.Spec.Replicas != 0 && !kept {
			return fmt.Sprintf("%s has %d pods", rs.Name, *rs.Spec.Replicas)
		}
	}
	return ""
}

// DropManaged removes the managed routes by hand.
func (w *World) DropManaged() error {
	key, resource, found := w.route()
	if !found {
		return nil
	}
	obj := w.API.objects[resource][key].DeepCopy()
	for _, field := range []string{"rules", "http"} {
		rules, found, _ := unstructured.NestedSlice(obj.Object, "spec", field)
		if !found {
			continue
		}
		rules = slices.DeleteFunc(rules, func(r any) bool {
			name, _ := r.(map[string]any)["name"].(string)
			return name == "preview" || name == "shadow"
		})
		must(unstructured.SetNestedSlice(obj.Object, rules, "spec", field))
	}
	data, err := obj.MarshalJSON()
	must(err)
	_, err = w.API.Patch(resource, key, types.MergePatchType, data, "", false)
	return err
}
