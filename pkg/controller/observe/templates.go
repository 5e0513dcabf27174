// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// meaningAnnotation is all that the cache keeps of a ReplicaSet's template. No
// object of an API server can have it: a key has no spaces.
const meaningAnnotation = "what the template means"

// StripTemplate replaces the template of a ReplicaSet by its metadata, and by
// what it means.
func StripTemplate(rs *appsv1.ReplicaSet) {
	t := &rs.Spec.Template
	annotations := map[string]string{meaningAnnotation: meaningOf(rs)}
	maps.Copy(annotations, t.Annotations)
	*t = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: t.Labels, Annotations: annotations}}
}

// meaningOf a ReplicaSet's template, apart from what was injected into it; be
// it from the cache or an answer of the API server.
func meaningOf(rs *appsv1.ReplicaSet) string {
	if meaning := rs.Spec.Template.Annotations[meaningAnnotation]; meaning != "" {
		return meaning
	}
	return replicaset.MeaningOf(&rs.Spec.Template).Without(injected(rs))
}

func injected(rs *appsv1.ReplicaSet) replicaset.Injected {
	return replicaset.ParseInjected(rs.Annotations[v1alpha1.EphemeralMetadataAnnotation])
}

// own is what the template of a ReplicaSet has itself, under what was injected.
func own(rs *appsv1.ReplicaSet, injected replicaset.Injected) replicaset.Metadata {
	annotations := maps.Clone(rs.Spec.Template.Annotations)
	delete(annotations, meaningAnnotation)
	return injected.Own(replicaset.Metadata{Labels: rs.Spec.Template.Labels, Annotations: annotations})
}

// Templates remembers what the API server has said about the template of each
// rollout. Losing it is harmless: it is asked again.
type Templates struct {
	mu  sync.Mutex
	all map[cache.ObjectName]tried
}

// tried is a template, by what it means as it is written.
type tried struct {
	written string
	// meaning of it with its defaults, nil where that could not be told.
	meaning  *replicaset.Meaning
	problems []string
	// taken is the hash whose name another object has, "" for none.
	taken string
}

// NewTemplates makes an empty memory.
func NewTemplates() *Templates { return &Templates{all: map[cache.ObjectName]tried{}} }

// Tried notes what the API server makes of a rollout's template: the template
// with its defaults, nil where that cannot be told, or what it has against it.
func (t *Templates) Tried(ro *v1alpha1.Rollout, defaulted *corev1.PodTemplateSpec, problems []string) {
	known := tried{written: written(ro), problems: problems}
	if defaulted != nil {
		meaning := replicaset.MeaningOf(defaulted)
		known.meaning = &meaning
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all[cache.MetaObjectToName(ro)] = known
}

// written identifies the template of a rollout as it is.
func written(ro *v1alpha1.Rollout) string {
	return replicaset.MeaningOf(&ro.Spec.Template).Without(replicaset.Injected{})
}

// Taken notes that the ReplicaSet with a hash of the rollout's template exists
// already, and is not a revision with that template.
func (t *Templates) Taken(ro *v1alpha1.Rollout, hash string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.all[cache.MetaObjectToName(ro)]
	known.taken = hash
	t.all[cache.MetaObjectToName(ro)] = known
}

// Means reports whether the template of a ReplicaSet means what the rollout's
// does, as far as that can be told.
func (t *Templates) Means(ro *v1alpha1.Rollout, rs *appsv1.ReplicaSet) bool {
	known := t.of(ro)
	if known.meaning == nil || known.written != written(ro) {
		return true
	}
	return known.meaning.Without(injected(rs)) == meaningOf(rs)
}

// Forget a rollout that is gone.
func (t *Templates) Forget(key cache.ObjectName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, key)
}

func (t *Templates) of(ro *v1alpha1.Rollout) tried {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[cache.MetaObjectToName(ro)]
}

// template finds the revision of the rollout's template: by its hash, or else
// by what it means. Until the template has been tried, while its hash is taken,
// and while the workload that it comes from is not known, it counts as no change.
func (o *Observer) template(s *plan.Snapshot) {
	ro := s.Rollout
	if s.Workload != nil && !s.Workload.Known {
		s.Template = ro.Status.CurrentPodHash
		return
	}
	hash := replicaset.TemplateHash(&ro.Spec.Template, ro.Status.CollisionCount)
	named := labelled(s, hash)
	s.Template = cmp.Or(named, hash)
	if named != "" && (named == ro.Status.CurrentPodHash || named == ro.Status.StableRS) {
		return // decided long ago
	}
	meaning := replicaset.MeaningOf(&ro.Spec.Template)
	if same := meant(s.Revisions, named, &meaning); same != "" {
		s.Template = same
		return
	}
	known := o.Templates.of(ro)
	untried := known.written != meaning.Without(replicaset.Injected{})
	switch same := meant(s.Revisions, named, known.meaning); {
	case untried && len(s.Invalid) > 0:
		return // nothing new starts anyway
	case untried:
		s.Untried = hash
		s.Template = cmp.Or(has(s.Revisions, ro.Status.CurrentPodHash), s.Template)
	case same != "":
		s.Template = same
	case named != "" && known.meaning == nil:
		return // nobody can tell
	case len(known.problems) > 0:
		s.Invalid = append(s.Invalid, known.problems...)
	case named == hash, known.taken == hash:
		s.Taken, s.Template = true, has(s.Revisions, ro.Status.CurrentPodHash)
	default:
		s.Template = hash
	}
}

// labelled is the label of the revision that the template's hash names, or the
// hash of long ago; "" where there is none. A revision may have that label by
// chance, so this alone does not make it the template's.
func labelled(s *plan.Snapshot, hash string) string {
	if len(s.Revisions) == 0 || has(s.Revisions, hash) != "" {
		return has(s.Revisions, hash)
	}
	return has(s.Revisions, replicaset.LegacyTemplateHash(&s.Rollout.Spec.Template, s.Rollout.Status.CollisionCount))
}

// has gives hash back where a revision has it, and "" else.
func has(revisions []plan.Revision, hash string) string {
	if slices.ContainsFunc(revisions, func(r plan.Revision) bool { return r.Hash == hash }) {
		return hash
	}
	return ""
}

// meant is the hash of the newest revision whose template means that, apart
// from what was injected into it; "" for none. The one that has the right label
// comes first.
func meant(revisions []plan.Revision, named string, meaning *replicaset.Meaning) string {
	found := ""
	for _, r := range slices.Backward(revisions) {
		if (found == "" || r.Hash == named) && meaning != nil && meaning.Without(r.Injected) == r.Meaning {
			found = r.Hash
		}
	}
	return found
}
