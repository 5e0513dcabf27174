// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	rolloutfake "github.com/sluice-rollouts/sluice/pkg/client/clientset/versioned/fake"
	"github.com/sluice-rollouts/sluice/pkg/controller"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
)

// Workloads are watched where a Rollout refers to one, for as long as it does,
// and nowhere else; a Rollout in the cache stays as it was written.
func TestWorkloadsAreWatchedOnDemand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kube, rollouts := kubefake.NewClientset(deployment("shop"), deployment("other")), rolloutfake.NewClientset()
		stored, running := watch.NewFake(), watch.NewFake()
		rollouts.PrependWatchReactor("rollouts", clienttesting.DefaultWatchReactor(stored, nil))
		kube.PrependWatchReactor("deployments", clienttesting.DefaultWatchReactor(running, nil))
		c := watched(t, controller.Clients{Kube: kube, Rollouts: rollouts})
		deployments, sets := observe.Place{Kind: "Deployment", Namespace: "shop"}, observe.Place{Kind: "ReplicaSet", Namespace: "shop"}
		follows := func(when string, want ...observe.Place) {
			t.Helper()
			synctest.Wait()
			for _, place := range []observe.Place{deployments, sets, {Kind: "Deployment", Namespace: "other"}} {
				if got := c.Caches.Workloads(place) != nil; got != slices.Contains(want, place) {
					t.Errorf("%s: %v is followed: %v", when, place, got)
				}
			}
		}
		follows("without a reference")

		stored.Add(referring("Deployment"))
		follows("with a reference", deployments)
		knows(t, c)
		for _, action := range kube.Actions() {
			if action.GetResource().Resource == "deployments" && action.GetNamespace() != "shop" {
				t.Errorf("%s of the Deployments of namespace %q", action.GetVerb(), action.GetNamespace())
			}
		}

		stored.Modify(referring("ReplicaSet"))
		follows("with a reference to another kind", sets)
		if !running.IsStopped() {
			t.Error("the Deployments are still watched")
		}

		stored.Delete(referring("ReplicaSet"))
		follows("without the Rollout")
	})
}

// watched is a controller with running informers. No loop runs but to end.
func watched(t *testing.T, clients controller.Clients) *controller.Controller {
	t.Helper()
	informers, err := controller.NewInformers(clients, nil, controller.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	c := controller.New(controller.Options{Clients: clients, Events: record.NewFakeRecorder(10), Clock: clock.RealClock{}}, informers.Caches)
	for _, start := range []func() error{
		func() error { return c.Register(informers) },
		func() error { return informers.Start(t.Context()) },
		func() error { return controller.NewWorkloadWatcher(c, informers).Start(t.Context()) },
	} {
		if err := start(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // its context is done by then
		if err := c.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// knows: a snapshot has the template of the Deployment, and the cache does not.
func knows(t *testing.T, c *controller.Controller) {
	t.Helper()
	key := cache.NewObjectName("shop", "web")
	s, _, err := c.Desk.Snapshot(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if s.Workload == nil || !s.Workload.Known || s.Workload.Size != 3 || s.Rollout.Spec.Template.Spec.Containers[0].Image != "v1" {
		t.Errorf("the snapshot has the workload %+v, and the template %+v", s.Workload, s.Rollout.Spec.Template)
	}
	stored, _, _ := c.Caches.Rollouts.Get(key)
	if len(stored.Spec.Template.Spec.Containers) > 0 || stored.Spec.Selector != nil {
		t.Errorf("the cached Rollout has got %+v", stored.Spec)
	}
}

func deployment(namespace string) *appsv1.Deployment {
	size := int32(3)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web", Generation: 1},
		Spec: appsv1.DeploymentSpec{
			Replicas: &size, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "v1"}}},
			},
		},
	}
}

func referring(kind string) *v1alpha1.Rollout {
	return &v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: v1alpha1.RolloutSpec{
			WorkloadRef: &v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: kind, Name: "web"},
			Strategy:    v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{}},
		},
	}
}
