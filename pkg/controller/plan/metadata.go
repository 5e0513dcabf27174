// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"
)

// Injection is what the template of a revision is to carry for as long as the
// revision plays its part.
type Injection struct {
	replicaset.Injected
	// Change of the template's metadata.
	Change replicaset.Change
}

// Ephemeral is the metadata that the spec gives to the pods of a role.
func Ephemeral(ro *v1alpha1.Rollout, role mesh.Role) replicaset.Metadata {
	m := canaryOf(ro).CanaryMetadata
	if role == mesh.Stable {
		m = canaryOf(ro).StableMetadata
	}
	if m == nil {
		return replicaset.Metadata{}
	}
	return replicaset.Metadata{Labels: m.Labels, Annotations: m.Annotations}
}

// ephemeral is the metadata of the revision with that hash: by its part, or
// none. The first revision is stable as soon as it exists.
func (v *view) ephemeral(hash string) replicaset.Metadata {
	switch {
	case v.stable != nil && hash == v.stable.Hash, v.stable == nil && hash == v.Template:
		return Ephemeral(v.Rollout, mesh.Stable)
	case hash == v.Template:
		return Ephemeral(v.Rollout, mesh.Canary)
	default:
		return replicaset.Metadata{}
	}
}

// inject gives the revisions whose template is to carry other metadata, and the
// one that is to be created. Their pods are next: the note says so in the same
// write, so that nobody has to remember it.
func (v *view) inject(create string) map[string]Injection {
	if !v.mayAdvance() {
		return nil
	}
	all := map[string]Injection{}
	if m := v.ephemeral(create); create != "" && !m.Empty() {
		all[create] = Injection{Injected: replicaset.Injected{Metadata: m}.Over(v.written())}
	}
	for i := range v.Revisions {
		r := &v.Revisions[i]
		m := v.ephemeral(r.Hash)
		if r.Stale || m.Equal(r.Injected.Metadata) {
			continue
		}
		own := v.own(r)
		next := Injection{Injected: replicaset.Injected{Metadata: m}.Over(own), Change: m.Change(r.Injected.Metadata, own)}
		if r.Spec+r.Replicas > 0 || r.Lagging {
			pods := r.Injected.Metadata
			if r.Injected.Pods != nil {
				pods = r.Injected.Pods.Inject(pods)
			}
			next.Pods = &pods
		}
		all[r.Hash] = next
	}
	return all
}

// relabel gives the revisions whose pods may carry other metadata than their
// template does, with what to change about them. It waits until the ReplicaSet
// controller has seen the template: from then on every new pod is right. A
// ReplicaSet that is being scaled has its turn later.
func (v *view) relabel(o orders) map[string]replicaset.Change {
	all := map[string]replicaset.Change{}
	for i := range v.Revisions {
		r := &v.Revisions[i]
		if _, scaled := o.sets[r.Hash]; r.Injected.Pods == nil || r.Lagging || r.Stale || scaled {
			continue
		}
		all[r.Hash] = r.Injected.Change(*r.Injected.Pods, v.own(r))
	}
	return all
}

// own is the metadata that the template of r has itself: it comes back where
// something was injected over it.
func (v *view) own(r *Revision) replicaset.Metadata {
	if r.Hash == v.Template {
		return v.written()
	}
	return r.Own
}

// written is the metadata of the rollout's template.
func (v *view) written() replicaset.Metadata {
	t := &v.Rollout.Spec.Template
	return replicaset.Metadata{Labels: t.Labels, Annotations: t.Annotations}
}

// apart says what the new revision keeps its pods away from, nil for nothing.
func (v *view) apart(create string) *replicaset.Apart {
	anti := v.canary.AntiAffinity
	if anti == nil || create == "" || v.stable == nil {
		return nil
	}
	a := &replicaset.Apart{Namespace: v.Rollout.Namespace, Hash: v.stable.Hash}
	if p := anti.PreferredDuringSchedulingIgnoredDuringExecution; p != nil {
		a.Weight = &p.Weight
	}
	return a
}
