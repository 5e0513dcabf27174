// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"slices"
	"sync"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/mesh"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// Verdicts remembers what is wrong with the spec of each rollout, so that one
// that has not changed is not judged in every sync.
type Verdicts struct {
	mu  sync.Mutex
	all map[cache.ObjectName]verdict
}

// verdict on a generation of a rollout.
type verdict struct {
	uid        types.UID
	generation int64
	problems   []string
}

// NewVerdicts makes an empty memory.
func NewVerdicts() *Verdicts { return &Verdicts{all: map[cache.ObjectName]verdict{}} }

// of a rollout as it is now: every mistake in its spec.
func (m *Verdicts) of(ro *v1alpha1.Rollout, kinds []mesh.Kind) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := cache.MetaObjectToName(ro)
	v, known := m.all[key]
	if known && v.uid == ro.UID && v.generation == ro.Generation && ro.Generation > 0 {
		return v.problems
	}
	v = verdict{uid: ro.UID, generation: ro.Generation}
	for _, problem := range validation.Validate(ro, kinds) {
		v.problems = append(v.problems, problem.Error())
	}
	v.problems = slices.Clip(v.problems) // callers add to it
	m.all[key] = v
	return v.problems
}

// Forget drops that of a rollout that is gone.
func (m *Verdicts) Forget(key cache.ObjectName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, key)
}
