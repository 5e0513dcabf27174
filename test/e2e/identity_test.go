// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// The hash of long ago is the one that Kubernetes' own controller gives to the
// ReplicaSet of a Deployment.
func TestLegacyHash(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}},
		},
	}
	if err := yaml.Unmarshal([]byte(podSpec("v1", "")), &deployment.Spec.Template.Spec); err != nil {
		t.Fatal(err)
	}
	deployment, err := all.kube.AppsV1().Deployments(ns).Create(t.Context(), deployment, createOptions)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		sets, err := all.kube.AppsV1().ReplicaSets(ns).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(sets.Items) != 1 {
			return errors.New("no ReplicaSet yet")
		}
		if got, want := replicaset.LegacyTemplateHash(&deployment.Spec.Template, nil), sets.Items[0].Labels[appsv1.DefaultDeploymentUniqueLabelKey]; got != want {
			t.Errorf("hash %s, want %s", got, want)
		}
		return nil
	})
}

// The name of the new ReplicaSet is taken by one that is not ours: the new
// version gets another hash, and whose the name is is left alone.
func TestCollision(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: none, steps: half1})
	ro := s.rollout()
	template := ro.Spec.Template.DeepCopy()
	template.Spec = corev1.PodSpec{}
	if err := yaml.Unmarshal([]byte(podSpec("v2", "")), &template.Spec); err != nil {
		t.Fatal(err)
	}
	hash := replicaset.TemplateHash(template, ro.Status.CollisionCount)
	owner, err := all.kube.CoreV1().ConfigMaps(s.ns).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner"}}, createOptions)
	if err != nil {
		t.Fatal(err)
	}
	owners := []metav1.OwnerReference{*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("ConfigMap"))}
	taken := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: replicaset.Name(name, hash), Labels: replicaset.Labelled(template, hash).Labels, OwnerReferences: owners},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: new(int32), Selector: replicaset.Selector(ro.Spec.Selector, hash), Template: replicaset.Labelled(template, hash),
		},
	}
	api := all.kube.AppsV1().ReplicaSets(s.ns)
	taken, err = api.Create(t.Context(), taken, createOptions)
	if err != nil {
		t.Fatal(err)
	}
	s.deploy("v2")
	eventually(t, func() error {
		ro = s.rollout()
		if ro.Status.CollisionCount == nil || ro.Status.Phase != v1alpha1.RolloutPhasePaused {
			return fmt.Errorf("collisions counted: %v, phase %s", ro.Status.CollisionCount != nil, ro.Status.Phase)
		}
		return nil
	})
	if n := *ro.Status.CollisionCount; n != 1 {
		t.Errorf("%d collisions, want 1", n)
	}
	after, err := api.Get(t.Context(), taken.Name, getOptions)
	if err != nil || after.Generation != taken.Generation || !metav1.IsControlledBy(after, owner) || ro.Status.CurrentPodHash == hash {
		t.Errorf("the ReplicaSet of another has become %+v, %v; ours has hash %s", after, err, ro.Status.CurrentPodHash)
	}
}

// A backup was restored in the middle of a release: nobody owns the ReplicaSets
// any more. They are claimed, none is made, and the release goes on.
func TestClaim(t *testing.T) {
	t.Parallel()
	s := newHealthyShop(t, order{router: none, steps: half1})
	s.deploy("v2")
	s.until("Paused", func(v view) bool { return v.phase == "Paused" })
	api := all.kube.AppsV1().ReplicaSets(s.ns)
	sets, err := api.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(sets.Items) != 2 {
		t.Fatalf("%d ReplicaSets, %v", len(sets.Items), err)
	}
	for _, rs := range sets.Items {
		if _, err := api.Patch(t.Context(), rs.Name, types.MergePatchType, []byte(`{"metadata":{"ownerReferences":null}}`), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error {
		now, err := api.List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, rs := range now.Items {
			if !metav1.IsControlledBy(&rs, s.rollout()) {
				return fmt.Errorf("ReplicaSet %s is nobody's", rs.Name)
			}
		}
		if len(now.Items) != 2 {
			t.Fatalf("%d ReplicaSets, want 2", len(now.Items))
		}
		return nil
	})
	s.promoteFull()
	s.until("Healthy", func(v view) bool { return v.phase == "Healthy" })
}
