// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"slices"
	"sync"

	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

// meaningAnnotation is all that the cache keeps of a ReplicaSet's template. No
// object of an API server can have it: a key has no spaces.
const meaningAnnotation = "what the template means"

// StripTemplate replaces the template of a ReplicaSet by what it means.
func StripTemplate(rs *appsv1.ReplicaSet) {
	meaning := replicaset.Meaning(&rs.Spec.Template)
	rs.Spec.Template = corev1.PodTemplateSpec{}
	rs.Spec.Template.Annotations = map[string]string{meaningAnnotation: meaning}
}

// meaningOf a ReplicaSet's template, be it from the cache or an answer of the
// API server.
func meaningOf(rs *appsv1.ReplicaSet) string {
	if meaning := rs.Spec.Template.Annotations[meaningAnnotation]; meaning != "" {
		return meaning
	}
	return replicaset.Meaning(&rs.Spec.Template)
}

// Templates remembers what the API server makes of the template of each
// rollout: a template without its defaults says the same as one with them, but
// only the API server knows the defaults.
type Templates struct {
	mu  sync.Mutex
	all map[cache.ObjectName]tried
}

// tried is one template by its hash.
type tried struct {
	hash, meaning string
	problems      []string
}

// NewTemplates makes an empty memory.
func NewTemplates() *Templates { return &Templates{all: map[cache.ObjectName]tried{}} }

// Tried notes what the template with that hash means, or what the API server
// has against it.
func (t *Templates) Tried(key cache.ObjectName, hash, meaning string, problems []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all[key] = tried{hash: hash, meaning: meaning, problems: problems}
}

// Forget a rollout that is gone.
func (t *Templates) Forget(key cache.ObjectName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, key)
}

func (t *Templates) of(key cache.ObjectName, hash string) (tried, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, ok := t.all[key]
	return known, ok && known.hash == hash
}

// template finds the revision of the rollout's template: by its hash, or else
// by what it means. A template that has yet to be tried counts as no change.
func (o *Observer) template(key cache.ObjectName, s *plan.Snapshot) {
	ro := s.Rollout
	s.Template = replicaset.TemplateHash(&ro.Spec.Template, ro.Status.CollisionCount)
	labelled := func(hash string) bool {
		return slices.ContainsFunc(s.Revisions, func(r plan.Revision) bool { return r.Hash == hash })
	}
	if labelled(s.Template) {
		return
	}
	if hash := meant(s.Revisions, replicaset.Meaning(&ro.Spec.Template)); hash != "" {
		s.Template = hash
		return
	}
	known, ok := o.Templates.of(key, s.Template)
	switch {
	case !ok && len(s.Invalid) > 0:
		return // nothing new starts anyway
	case !ok:
		s.Untried = s.Template
		if labelled(ro.Status.CurrentPodHash) {
			s.Template = ro.Status.CurrentPodHash
		}
	case len(known.problems) > 0:
		s.Invalid = append(s.Invalid, known.problems...)
	default:
		if hash := meant(s.Revisions, known.meaning); hash != "" {
			s.Template = hash
		}
	}
}

// meant is the hash of the newest revision with a template of that meaning, ""
// for none.
func meant(revisions []plan.Revision, meaning string) string {
	for _, r := range slices.Backward(revisions) {
		if r.Meaning == meaning {
			return r.Hash
		}
	}
	return ""
}
