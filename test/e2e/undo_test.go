// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
)

// undo puts the template of the former revision back. Shows compatibility 25.
func TestPluginUndo(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHalfway(t, order{router: router})
		s.promote()
		s.shows(atRest2)
		s.undo("1")
		s.shows("Paused 2/3; v1 2/2, v2 4/4; stable v2, canary v1, 50/50, preview")
		s.undo("2") // mid-way: back to stable
		s.shows(atRest2)
		// What comes back has the API server's defaults in it, and is known all
		// the same.
		var sets appsv1.ReplicaSetList
		s.read("/apis/apps/v1/namespaces/"+s.ns+"/replicasets", &sets)
		if len(sets.Items) != 2 {
			t.Errorf("%d ReplicaSets, want those of v1 and v2 alone", len(sets.Items))
		}
	})
}

// undo --to-revision
func (s *shop) undo(revision string) {
	s.t.Helper()
	var sets appsv1.ReplicaSetList
	s.read("/apis/apps/v1/namespaces/"+s.ns+"/replicasets", &sets)
	for _, rs := range sets.Items {
		if rs.Annotations[v1alpha1.RevisionAnnotation] != revision {
			continue
		}
		template := rs.Spec.Template.DeepCopy()
		delete(template.Labels, v1alpha1.DefaultRolloutUniqueLabelKey)
		body, err := json.Marshal([]map[string]any{{"op": "replace", "path": s.templatePath(), "value": template}})
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := all.dynamic.Resource(s.templateOwner()).Namespace(s.ns).Patch(s.t.Context(), name, types.JSONPatchType, body, patchOptions); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	s.t.Fatalf("no revision %s", revision)
}
