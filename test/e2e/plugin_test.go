// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// The requests of kubectl's plugin for Rollouts, byte for byte as wire contract
// part 4 has them, and what it reads out of the answers.

func (s *shop) path(subresources ...string) string {
	return strings.Join(append([]string{"/apis/argoproj.io/v1alpha1/namespaces", s.ns, "rollouts", name}, subresources...), "/")
}

// send sends a patch with exactly this body.
func (s *shop) send(kind types.PatchType, body string, subresources ...string) {
	s.t.Helper()
	result := all.raw.Patch(kind).AbsPath(s.path(subresources...)).Body([]byte(body)).Do(s.t.Context())
	if err := result.Error(); err != nil {
		s.t.Fatalf("patch %s: %v", body, err)
	}
}

// read sends a GET and decodes the answer.
func (s *shop) read(path string, into any) {
	s.t.Helper()
	path, query, _ := strings.Cut(path, "?")
	r := all.raw.Get().AbsPath(path)
	for _, pair := range strings.Split(query, "&") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			r.Param(key, value)
		}
	}
	body, err := r.Do(s.t.Context()).Raw()
	if err != nil {
		s.t.Fatalf("get %s: %v", path, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		s.t.Fatalf("answer of %s: %v", path, err)
	}
}

// promote decides as the plugin does, by what it has read (4.2).
func (s *shop) promote() {
	s.t.Helper()
	var ro v1alpha1.Rollout
	s.read(s.path(), &ro)
	if len(ro.Status.PauseConditions) > 0 {
		s.send(types.MergePatchType, `{"status":{"pauseConditions":null}}`, "status")
	} else if n := int32(len(ro.Spec.Strategy.Canary.Steps)); n > 0 {
		index := min(*ro.Status.CurrentStepIndex+1, n)
		s.send(types.MergePatchType, fmt.Sprintf(`{"status":{"pauseConditions":null,"currentStepIndex":%d}}`, index), "status")
	}
	if ro.Spec.Paused {
		s.send(types.MergePatchType, `{"spec":{"paused":false}}`)
	}
}

// get rollout: the Rollout, and the lists that the tree is made of. Shows
// compatibility 25.
func TestPluginGet(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		var ro v1alpha1.Rollout
		s.read(s.path(), &ro)
		if _, err := strconv.ParseInt(ro.Status.ObservedGeneration, 10, 64); err != nil || ro.Status.ObservedGeneration != strconv.FormatInt(ro.Generation, 10) {
			t.Errorf("observedGeneration %q of generation %d", ro.Status.ObservedGeneration, ro.Generation)
		}
		if w := ro.Status.Canary.Weights; w == nil || w.Canary.Weight != 50 || w.Canary.ServiceName != "canary" || w.Canary.PodTemplateHash != ro.Status.CurrentPodHash ||
			w.Stable.Weight != 50 || w.Stable.ServiceName != "stable" || w.Stable.PodTemplateHash != ro.Status.StableRS {
			t.Errorf("weights %+v", w)
		}
		const page = "?limit=500&resourceVersion=0"
		var sets appsv1.ReplicaSetList
		s.read("/apis/apps/v1/namespaces/"+s.ns+"/replicasets"+page, &sets)
		tree := map[string]string{}
		owners := map[types.UID]string{}
		for _, rs := range sets.Items {
			if metav1.IsControlledBy(&rs, &ro) {
				role := map[string]string{ro.Status.StableRS: "stable", ro.Status.CurrentPodHash: "canary"}[rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey]]
				tree[role] = "revision " + rs.Annotations[v1alpha1.RevisionAnnotation] + " " + rs.Name[:len(name)+1]
				owners[rs.UID] = role
			}
		}
		if want := map[string]string{"stable": "revision 1 web-", "canary": "revision 2 web-"}; !equality.Semantic.DeepEqual(tree, want) {
			t.Errorf("tree %v, want %v", tree, want)
		}
		var pods corev1.PodList
		s.read("/api/v1/namespaces/"+s.ns+"/pods"+page, &pods)
		owned := map[string]int{}
		for _, p := range pods.Items {
			if ref := metav1.GetControllerOf(&p); ref != nil {
				owned[owners[ref.UID]]++
			}
		}
		if owned["stable"] != 4 || owned["canary"] != 2 {
			t.Errorf("pods %v, want 4 stable and 2 canary", owned)
		}
		for _, resource := range []string{"experiments", "analysisruns", "analysistemplates"} {
			var none metav1.PartialObjectMetadataList
			s.read("/apis/argoproj.io/v1alpha1/namespaces/"+s.ns+"/"+resource+page, &none)
			if len(none.Items) > 0 || none.ResourceVersion == "" {
				t.Errorf("list of %s: %+v", resource, none)
			}
			s.watches("/apis/argoproj.io/v1alpha1/namespaces/"+s.ns+"/"+resource, none.ResourceVersion, func() {}, false)
		}
		s.watches("/apis/apps/v1/namespaces/"+s.ns+"/replicasets", sets.ResourceVersion, s.promote, true)
	})
}

// watches opens a watch as an informer does, and waits for a change if there is
// to be one.
func (s *shop) watches(path, from string, change func(), changes bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), deadline)
	defer cancel()
	stream, err := all.raw.Get().AbsPath(path).
		Param("allowWatchBookmarks", "true").Param("resourceVersion", from).Param("timeoutSeconds", "300").Param("watch", "true").Stream(ctx)
	if err != nil {
		s.t.Fatalf("watch %s: %v", path, err)
	}
	defer stream.Close()
	change()
	if !changes {
		return
	}
	var event struct{ Type string }
	if err := json.NewDecoder(stream).Decode(&event); err != nil || event.Type != "MODIFIED" && event.Type != "ADDED" {
		s.t.Errorf("watch %s: event %q, %v", path, event.Type, err)
	}
}

// status: the stream of phases until one that ends it. Shows compatibility 25.
func TestPluginStatus(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: istio, steps: half, canary: soon})
	s.deploy("v2")
	s.promote()
	seen := s.watchUntil("Healthy", func(phase string) {
		if phase == "Paused" {
			s.promote()
		}
	})
	for _, phase := range []string{"Progressing", "Paused", "Healthy"} {
		if !slices.Contains(seen, phase) {
			t.Errorf("the stream %v has no %s", seen, phase)
		}
	}
	s.deploy("v3")
	s.watchUntil("Paused", func(string) {})
	s.send(types.MergePatchType, `{"status":{"abort":true}}`, "status")
	s.watchUntil("Degraded", func(string) {})
}

// watchUntil streams the Rollout as "status" and "list --watch" do: from a list,
// and from its resourceVersion on.
func (s *shop) watchUntil(last string, each func(phase string)) (seen []string) {
	s.t.Helper()
	rollouts := "/apis/argoproj.io/v1alpha1/namespaces/" + s.ns + "/rollouts"
	var found v1alpha1.RolloutList
	s.read(rollouts, &found)
	if len(found.Items) != 1 {
		s.t.Fatalf("%d Rollouts, want 1", len(found.Items))
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), deadline)
	defer cancel()
	events, err := all.rollouts.ArgoprojV1alpha1().Rollouts(s.ns).Watch(ctx, metav1.ListOptions{ResourceVersion: found.ResourceVersion})
	if err != nil {
		s.t.Fatal(err)
	}
	defer events.Stop()
	note := func(ro *v1alpha1.Rollout) (done bool) {
		phase := clientPhase(ro)
		if len(seen) == 0 || seen[len(seen)-1] != phase {
			seen = append(seen, phase)
			each(phase)
		}
		return phase == last
	}
	if note(&found.Items[0]) {
		return seen
	}
	for e := range events.ResultChan() {
		if e.Type == watch.Error {
			s.t.Fatalf("watch: %v", e.Object)
		}
		if ro, ok := e.Object.(*v1alpha1.Rollout); ok && note(ro) {
			return seen
		}
	}
	s.t.Fatalf("phases %v, want %s at last", seen, last)
	return nil
}

// clientPhase has the overrides of wire contract 2.13.
func clientPhase(ro *v1alpha1.Rollout) string {
	phase, _ := phaseOf(ro)
	if phase == "Unobserved" || phase == "Unpausing" {
		return string(v1alpha1.RolloutPhaseProgressing)
	}
	return phase
}

// TestPluginPromote. Shows compatibility 8, 25.
func TestPluginPromote(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, canary: soon, steps: `
			setWeight: 25
			pause: {}
			setWeight: 50
			pause: {}
			setWeight: 75
			pause: {}`})
		s.deploy("v2")
		s.shows("Paused 1/6; v1 4/4, v2 1/1; stable v1, canary v2, 75/25")
		s.promote() // resumes
		s.shows("Paused 3/6; v1 4/4, v2 2/2; stable v1, canary v2, 50/50")
		// --skip-current-step leaves the pause condition there
		s.send(types.MergePatchType, `{"status":{"currentStepIndex":4}}`, "status")
		s.shows("Paused 5/6; v1 4/4, v2 3/3; stable v1, canary v2, 25/75")
		// pause, and promote: both the step and the Rollout go on
		s.send(types.MergePatchType, `{"spec":{"paused":true}}`)
		s.says("manually paused")
		s.promote()
		s.shows("Healthy 6/6; v2 4/4; stable v2, canary v2, 100/0")
		s.promote() // does nothing at the end
		s.stays("Healthy 6/6; v2 4/4; stable v2, canary v2, 100/0", time.Second)
	})
}

// TestPluginPromoteFullAndSkipAllSteps. Shows compatibility 25.
func TestPluginPromoteFullAndSkipAllSteps(t *testing.T) {
	for verb, body := range map[string]string{
		"full":           `{"status":{"promoteFull":true}}`,
		"skip-all-steps": `{"status":{"currentStepIndex":3}}`,
	} {
		t.Run(verb, func(t *testing.T) {
			eachRouter(t, func(t *testing.T, router string) {
				s := newHalfway(t, order{router: router})
				s.send(types.MergePatchType, body, "status")
				s.shows(atRest2)
			})
		})
	}
}

// TestPluginAbortRetryPause. Shows compatibility 25.
func TestPluginAbortRetryPause(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.send(types.MergePatchType, `{"status":{"abort":true}}`, "status")
		s.shows("Degraded 0/3; v1 4/4; stable v1, canary v1, 100/0")
		s.send(types.MergePatchType, `{"status":{"abort":false}}`, "status")
		s.shows(atHalf2)
		s.send(types.MergePatchType, `{"spec":{"paused":true}}`)
		s.says("manually paused")
		s.stays(atHalf2, time.Second)
	})
}

// set image reads, edits and puts the whole Rollout. Shows compatibility 25.
func TestPluginSetImage(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, steps: half, canary: soon})
		eventually(t, func() error {
			var ro map[string]any
			s.read(s.path(), &ro)
			body, err := json.Marshal(ro)
			if err != nil {
				return err
			}
			edited := strings.ReplaceAll(string(body), "example.com/shop:v1", "example.com/shop:v2")
			if edited == string(body) {
				return errors.New("no image to set")
			}
			return all.raw.Put().AbsPath(s.path()).SetHeader("Content-Type", "application/json").Body([]byte(edited)).Do(t.Context()).Error()
		})
		s.shows(atHalf2)
	})
}

// TestPluginRestart. Shows compatibility 25.
func TestPluginRestart(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: istio, replicas: 2, steps: half, canary: soon})
	at := laterThan(s.pods())
	s.send(types.MergePatchType, fmt.Sprintf(`{"spec":{"restartAt":"%s"}}`, at.Format(time.RFC3339)))
	s.until("restarted", func(v view) bool {
		return v.ro.Status.RestartedAt != nil && v.ro.Status.RestartedAt.Time.Equal(at) && v.phase == "Healthy"
	})
	for _, p := range s.pods() {
		if p.DeletionTimestamp == nil && p.CreationTimestamp.Time.Before(at) {
			t.Errorf("pod %s is older than %s", p.Name, at)
		}
	}
}

// The plugin patches status first; only where that is not found it sends all in
// one to the main resource, where status would be dropped.
func TestPluginFindsStatusSubresource(t *testing.T) {
	t.Parallel()
	s := newHalfway(t, order{router: gateway})
	var code int
	all.raw.Patch(types.MergePatchType).AbsPath(s.path("status")).Body([]byte(`{"status":{"pauseConditions":null}}`)).Do(t.Context()).StatusCode(&code)
	if code != http.StatusOK {
		t.Errorf("patch of status: %d, want %d", code, http.StatusOK)
	}
	s.shows(atRest2)
	s.send(types.MergePatchType, `{"status":{"abort":true}}`)
	if s.rollout().Status.Abort {
		t.Error("status was written by way of the main resource")
	}
}
