// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// What an autoscaler reads: never more than D, and a selector of all pods.
// Shows compatibility 1.
func TestScaleSubresource(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		scale, err := all.rollouts.ArgoprojV1alpha1().Rollouts(s.ns).GetScale(t.Context(), name, getOptions)
		if err != nil {
			t.Fatal(err)
		}
		if scale.Spec.Replicas != 4 || scale.Status.Replicas != 4 || scale.Status.Selector != "app=web" {
			t.Errorf("scale %+v %+v, want 4 of 4 pods of app=web although 6 run", scale.Spec, scale.Status)
		}
		ro := s.rollout().Status
		if ro.Replicas != 6 || ro.UpdatedReplicas != 2 || ro.ReadyReplicas != 6 || ro.AvailableReplicas != 6 {
			t.Errorf("replicas %d, updated %d, ready %d, available %d; want 6, 2, 6, 6", ro.Replicas, ro.UpdatedReplicas, ro.ReadyReplicas, ro.AvailableReplicas)
		}
	})
}

// kubectl scale patches the scale subresource, and kubectl get asks for a
// table. Shows compatibility 1.
func TestKubectl(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: none, replicas: 2})
	s.send(types.MergePatchType, `{"spec":{"replicas":3}}`, "scale")
	s.shows("Healthy -; v1 3/3; stable any, canary any")
	body, err := all.raw.Get().AbsPath(s.path()).SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(t.Context()).Raw()
	if err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(body, &table); err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, c := range table.ColumnDefinitions {
		columns = append(columns, c.Name)
	}
	if diff := cmp.Diff([]string{"Name", "Desired", "Current", "Up-to-date", "Available", "Age"}, columns); diff != "" {
		t.Errorf("columns: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]any{"web", 3.0, 3.0, 3.0, 3.0}, table.Rows[0].Cells[:5]); diff != "" {
		t.Errorf("row: -want +got\n%s", diff)
	}
}

// All pods are replaced, a few at a time, without a new revision.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: gateway, steps: half, canary: soon})
	before := s.pods()
	at := laterThan(before)
	s.patch(fmt.Sprintf("spec: {restartAt: %q}", at.Format(time.RFC3339)))
	s.until("restarted", func(v view) bool {
		if rs := v.sets["v1"]; rs.Status.AvailableReplicas < 3 {
			t.Fatalf("more than maxUnavailable pods are gone: %s", v)
		}
		return v.ro.Status.RestartedAt != nil && v.ro.Status.RestartedAt.Time.Equal(at) && v.phase == "Healthy"
	})
	for _, p := range s.pods() {
		if p.CreationTimestamp.Time.Before(at) && p.DeletionTimestamp == nil {
			t.Errorf("pod %s of %s is older than %s", p.Name, p.CreationTimestamp, at)
		}
	}
	if n := len(s.until("", func(view) bool { return true }).sets); n != 1 {
		t.Errorf("%d revisions, want 1", n)
	}
}

func (s *shop) pods() []corev1.Pod {
	s.t.Helper()
	list, err := all.kube.CoreV1().Pods(s.ns).List(s.t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
	if err != nil {
		s.t.Fatal(err)
	}
	return list.Items
}

// laterThan is the first full second at which all pods are older.
func laterThan(pods []corev1.Pod) time.Time {
	var last time.Time
	for _, p := range pods {
		if p.CreationTimestamp.After(last) {
			last = p.CreationTimestamp.Time
		}
	}
	return last.Add(time.Second).UTC()
}

// A pod counts only once it has been ready for minReadySeconds.
func TestMinReadySeconds(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: gateway, steps: half, canary: soon, spec: "minReadySeconds: 3"})
	s.deploy("v2")
	s.until("available", func(v view) bool {
		rs := v.sets["v2"]
		if rs != nil && rs.Spec.MinReadySeconds != 3 {
			t.Fatalf("minReadySeconds of the ReplicaSet is %d from the start, want 3", rs.Spec.MinReadySeconds)
		}
		available := rs != nil && rs.Status.AvailableReplicas > 0
		if !available && (v.canary == "v2" || len(v.managed) > 0) {
			t.Fatalf("a pod that is not available got something: %s", v)
		}
		return available
	})
	s.shows(atHalf2)
	// The route has the times of this process, and pods those of the API, in
	// full seconds, rounded down: a pod never looks younger than it is.
	if first, early := s.firstRouted("preview"), s.readySince("v2").Add(3*time.Second); first.Before(early) {
		t.Errorf("routed to at %s, want no earlier than %s", first, early)
	}
	s.resume()
	s.shows(atRest2)
}

// firstRouted is when a managed route was first seen.
func (s *shop) firstRouted(managed string) time.Time {
	s.t.Helper()
	for _, v := range s.routes() {
		if slices.Contains(v.managed, managed) {
			return v.at
		}
	}
	s.t.Fatalf("the route never had %s", managed)
	return time.Time{}
}

// readySince is when the first pod of a version got ready.
func (s *shop) readySince(version string) (first time.Time) {
	s.t.Helper()
	for _, p := range s.pods() {
		for _, c := range p.Status.Conditions {
			if strings.HasSuffix(p.Spec.Containers[0].Image, ":"+version) && c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue &&
				(first.IsZero() || c.LastTransitionTime.Time.Before(first)) {
				first = c.LastTransitionTime.Time
			}
		}
	}
	if first.IsZero() {
		s.t.Fatalf("no pod of %s is ready", version)
	}
	return first
}

// An update that stands still is degraded after the deadline, and not more.
func TestProgressDeadline(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: istio, steps: half, canary: soon, spec: "progressDeadlineSeconds: 4"})
	s.deploy("v2", neverReady)
	v := s.until("degraded", func(v view) bool { return v.phase == "Degraded" })
	if !strings.HasPrefix(v.ro.Status.Message, "ProgressDeadlineExceeded: ") || v.ro.Status.Abort {
		t.Errorf("message %q, abort %v", v.ro.Status.Message, v.ro.Status.Abort)
	}
	s.deploy("v1")
	s.shows(atRest1)
}

// With progressDeadlineAbort it is taken back.
func TestProgressDeadlineAbort(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: gateway, steps: half, canary: soon, spec: "progressDeadlineSeconds: 4\nprogressDeadlineAbort: true"})
	s.deploy("v2", neverReady)
	v := s.shows("Degraded 0/3; v1 4/4; stable v1, canary v1, 100/0")
	if !v.ro.Status.Abort || !strings.HasPrefix(v.ro.Status.Message, "RolloutAborted: ") {
		t.Errorf("message %q, abort %v", v.ro.Status.Message, v.ro.Status.Abort)
	}
}

// Old revisions beyond the limit are deleted, the oldest first.
func TestRevisionHistoryLimit(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: none, replicas: 1, spec: "revisionHistoryLimit: 1"})
	for _, version := range []string{"v2", "v3", "v4"} {
		s.deploy(version)
		s.shows("Healthy -; " + version + " 1/1; stable any, canary any")
	}
	s.until("one old revision", func(v view) bool { return len(v.sets) == 2 && v.sets["v3"] != nil && v.sets["v4"] != nil })
}

// The old pods stay for the delay, counted from when they carry nothing. Shows
// compatibility 17.
func TestScaleDownDelay(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: gateway, canary: "scaleDownDelaySeconds: 10"})
	s.deploy("v2")
	v := s.shows("Healthy -; v1 4/4, v2 4/4; stable v2, canary v2, 100/0")
	deadline, err := time.Parse(time.RFC3339, v.sets["v1"].Annotations[v1alpha1.ScaleDownDeadlineAnnotation])
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(deadline); left > 10*time.Second {
		t.Errorf("the deadline is in %s, want no more than 10 s", left)
	}
	s.shows("Healthy -; v2 4/4; stable v2, canary v2, 100/0")
	if early := time.Until(deadline); early > 0 {
		t.Errorf("scaled down %s before the deadline", early)
	}
}

// An explicit 0 keeps the aborted version. Shows compatibility B6.
func TestAbortKeepsCanary(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: istio, steps: half, canary: "abortScaleDownDelaySeconds: 0"})
	s.deploy("v2")
	s.shows(atHalf2)
	s.abort()
	s.stays("Degraded 0/3; v1 4/4, v2 2/2; stable v1, canary v1, 100/0", 2*time.Second)
}

// The canary's pods get unready under weight: the weight goes where pods are.
func TestCanaryLosesPods(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.annotatePods("v2", "playground/ready", "false")
		s.until("all weight on stable", func(v view) bool { return v.weights == "100/0" && len(v.managed) == 0 })
		s.annotatePods("v2", "playground/ready", "true")
		s.shows(atHalf2)
	})
}
