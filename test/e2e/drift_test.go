// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// hashOf is the hash of a version that there is.
func (s *shop) hashOf(version string) string {
	s.t.Helper()
	v := s.until("a ReplicaSet of "+version, func(v view) bool { return v.sets[version] != nil })
	return v.sets[version].Labels[v1alpha1.DefaultRolloutUniqueLabelKey]
}

// Somebody points a Service that carries traffic at the other version: it is
// drained, pointed back, and gets its weight again.
func TestServiceDrift(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		patch := fmt.Sprintf(`{"spec": {"selector": {%q: %q}}}`, v1alpha1.DefaultRolloutUniqueLabelKey, s.hashOf("v1"))
		if _, err := all.kube.CoreV1().Services(s.ns).Patch(t.Context(), "canary", types.MergePatchType, []byte(patch), patchOptions); err != nil {
			t.Fatal(err)
		}
		s.shows(atHalf2)
		s.resume()
		s.shows(atRest2)
	})
}

// Somebody scales a ReplicaSet by hand: it is put back.
func TestScaleDrift(t *testing.T) {
	t.Parallel()
	s := newHalfway(t, order{router: istio})
	for _, version := range []string{"v1", "v2"} {
		rs := "web-" + s.hashOf(version)
		if _, err := all.kube.AppsV1().ReplicaSets(s.ns).Patch(t.Context(), rs, types.MergePatchType, []byte(`{"spec": {"replicas": 3}}`), patchOptions); err != nil {
			t.Fatal(err)
		}
		s.shows(atHalf2)
	}
}

// Somebody deletes the canary's ReplicaSet under weight: it is made anew, and
// the update goes on.
func TestReplicaSetGone(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		before := s.until("v2", func(v view) bool { return v.sets["v2"] != nil }).sets["v2"]
		background := metav1.DeletePropagationBackground
		err := all.kube.AppsV1().ReplicaSets(s.ns).Delete(t.Context(), before.Name, metav1.DeleteOptions{PropagationPolicy: &background})
		if err != nil {
			t.Fatal(err)
		}
		s.until("v2 anew", func(v view) bool {
			return v.String() == atHalf2 && v.sets["v2"].UID != before.UID
		})
		s.resume()
		s.shows(atRest2)
	})
}
