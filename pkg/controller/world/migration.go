// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// sizeBefore notes what somebody else made of the Deployment: what a migration
// starts from.
func (w *World) sizeBefore(write Write) {
	if write.Resource != deploymentsResource || write.Ours || write.Subresource != "" {
		return
	}
	w.before = 0
	if write.After != nil {
		w.before = w.API.workload(deploymentsResource, write.After).Size
	}
}

// told is how many pods status says are available, from a time on.
type told struct {
	at   time.Time
	pods int32
}

// noteTold remembers what status tells.
func (w *World) noteTold(write Write) {
	if write.Resource == rolloutsResource && write.After != nil {
		w.told = append(w.told, told{w.Clock.Now(), w.API.rollout(write.After).Status.AvailableReplicas})
	}
}

// toldLately are the fewest pods that status has told of since a settle time
// before a decision: whoever sends requests has heard of those.
func (w *World) toldLately(until moment) int32 {
	fewest := int32(math.MaxInt32)
	for _, one := range slices.Backward(w.told) {
		if one.at.After(until.at) {
			continue
		}
		fewest = min(fewest, one.pods)
		if !one.at.After(until.at.Add(-settleUnacked)) {
			return fewest
		}
	}
	return 0 // there has been no status for so long
}

// crowd are ready pods: ours are the Rollout's.
type crowd struct{ ours, all int32 }

// checkMigration: while a Rollout takes over from a Deployment, no write of ours
// leaves fewer ready pods, in all or behind a role Service that carries anything,
// than the Deployment had before; fewer only where the user wants fewer of the
// Rollout.
func (w *World) checkMigration(s state, until moment, write Write, breach breachFunc) {
	d := s.workload()
	if d == nil || d.Kind != v1alpha1.WorkloadDeployment || d.Size == 0 || w.before == 0 || write.After == nil {
		return
	}
	ro := s.rollout()
	least := func(who string, before, after int32) {
		if after < min(before, w.before, ro.Spec.Desired()) {
			breach("MIGRATION: %d -> %d ready pods %s, there were %d", before, after, who, w.before)
		}
	}
	switch write.Resource {
	case deploymentsResource:
		size := w.API.workload(deploymentsResource, write.After).Size
		if size > d.Size || ro.Spec.Paused || ro.Spec.Desired() < d.Size {
			breach("MIGRATION: Deployment %d -> %d, replicas %d, paused %v", d.Size, size, ro.Spec.Desired(), ro.Spec.Paused)
		}
		if t, ok := s.truth(); ok && (w.lacks(s, t) || w.unknown(t)) {
			breach("MIGRATION: Deployment %d -> %d while a Service or a route is gone, or unknown", d.Size, size)
		}
		pods, told := s.available(""), w.toldLately(until)
		least("in all", pods+d.Size, pods+size)
		least("of which status has told for long enough", told+d.Size, told+size)
		for _, name := range roleNames(ro) {
			if w.serves(s, name, until) {
				ours, every := s.behind(name, s.selects(name)).ours, s.behind(name, "")
				its := every.all - every.ours // and not those of another revision, that are listed still
				least("behind "+name, ours+its, ours+min(size, its))
			}
		}
	case servicesResource:
		after := w.API.service(write.After)
		if hash := after.Spec.Selector[replicaset.HashLabel]; hash != "" && s.selects(after.Name) == "" && w.serves(s, after.Name, until) {
			if ro.Spec.Desired() < d.Size {
				breach("MIGRATION: narrowed with replicas %d, the Deployment has %d", ro.Spec.Desired(), d.Size)
			}
			least("behind "+after.Name, s.behind(after.Name, "").all, s.available(hash))
		}
	}
}

// lacks: a Service of the rollout is gone, or a route that its spec names.
func (w *World) lacks(s state, t truth) bool {
	return slices.ContainsFunc(w.applied, func(o object) bool {
		needs := o.resource == servicesResource || isRoute(o.resource) && t.names(o)
		return needs && s.objects[o.resource][o.key] == nil
	})
}

// serves reports whether a Service may have carried anything of late: without a
// data plane nobody can tell.
func (w *World) serves(s state, service string, until moment) bool {
	t, ok := s.truth()
	if !ok {
		t = truth{total: 100}
	}
	t.moment = until
	return len(w.weighings) == 0 || w.lately(service, t) > 0
}

func roleNames(ro *v1alpha1.Rollout) []string {
	c := ro.Spec.Strategy.Canary
	if c == nil {
		return nil
	}
	stable, canary := c.RoleServices(ro.Status.Canary.StablePingPong)
	return []string{stable, canary}
}

// selects is the hash that a Service selects, "" also where there is no such
// Service.
func (s state) selects(service string) string {
	obj := s.objects[servicesResource][cache.NewObjectName(Namespace, service)]
	if obj == nil {
		return ""
	}
	return s.api.service(obj).Spec.Selector[replicaset.HashLabel]
}

// owned are the ReplicaSets of the Rollout.
func (s state) owned() []*appsv1.ReplicaSet {
	ro := s.rollout()
	if ro == nil {
		return nil
	}
	var all []*appsv1.ReplicaSet
	for _, stored := range s.objects[setsResource] {
		if rs := s.api.set(stored); metav1.IsControlledBy(rs, ro) {
			all = append(all, rs)
		}
	}
	return all
}

// available pods of a revision, or of all where hash is "". They are behind a
// Service as soon as that selects them.
func (s state) available(hash string) int32 {
	var n int32
	for _, rs := range s.owned() {
		if hash == "" || rs.Labels[replicaset.HashLabel] == hash {
			n += min(*rs.Spec.Replicas, rs.Status.AvailableReplicas)
		}
	}
	return n
}

// behind counts the endpoints of a Service; ours are those of a revision where
// hash names one.
func (s state) behind(service, hash string) crowd {
	obj := s.objects[slicesResource][cache.NewObjectName(Namespace, service+"-1")]
	if obj == nil {
		return crowd{}
	}
	var c crowd
	for _, e := range s.api.slice(obj).Endpoints {
		c.all++
		for _, rs := range s.owned() {
			if (hash == "" || rs.Labels[replicaset.HashLabel] == hash) && strings.HasPrefix(e.TargetRef.Name, rs.Name+"-") {
				c.ours++
			}
		}
	}
	return c
}
