// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"slices"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// state is what the API server held from a time on. The objects are shared and
// never change.
type state struct {
	at      time.Time
	version int64
	api     *API
	objects map[schema.GroupVersionResource]map[cache.ObjectName]*unstructured.Unstructured
}

// truth is one state read in the plainest way, independent of the routers and
// the planner.
type truth struct {
	moment // of the write's decision, at the latest

	ro   *v1alpha1.Rollout
	spec *v1alpha1.CanaryStrategy
	// routed: weights are in route objects, and not in numbers of pods.
	routed bool
	// stable and canary are the role Services, "" where there is none.
	stable, canary string
	// desired is D, total W.
	desired, total int32
	sets           map[string]*appsv1.ReplicaSet // by hash
	selects        map[string]string             // Service -> hash
	ready          map[string]int32              // Service -> ready endpoints of its hash
	endpoints      map[string]int32              // Service -> ready endpoints of anybody
	// weight of a Service, the highest of all rules of all objects, of W.
	weight map[string]int32
	// named is the canary's on the objects that the spec names.
	named int32
	// managed routes that are on any object, sorted.
	managed []string
}

func (s state) rollout() *v1alpha1.Rollout {
	if obj := s.objects[rolloutsResource][Key]; obj != nil {
		return s.api.rollout(obj)
	}
	return nil
}

// truth of a state; ok is false where there is no canary to judge.
func (s state) truth() (t truth, ok bool) {
	ro := s.rollout()
	if ro == nil || ro.Spec.Strategy.Canary == nil {
		return truth{}, false
	}
	c := ro.Spec.Strategy.Canary
	t = truth{
		ro: ro, spec: c, routed: c.TrafficRouting != nil, desired: ro.Spec.Desired(), total: c.TotalWeight(),
		sets: map[string]*appsv1.ReplicaSet{}, selects: map[string]string{}, ready: map[string]int32{}, endpoints: map[string]int32{},
		weight: map[string]int32{},
	}
	t.stable, t.canary = rolesOf(ro)
	for _, rs := range s.owned() {
		t.sets[rs.Labels[replicaset.HashLabel]] = rs
	}
	for _, name := range t.services() {
		if stored := s.objects[servicesResource][cache.NewObjectName(Namespace, name)]; stored != nil {
			hash := s.api.service(stored).Spec.Selector[replicaset.HashLabel]
			c := s.behind(name, hash)
			t.selects[name], t.endpoints[name] = hash, c.all
			if hash != "" {
				t.ready[name] = c.ours
			}
		}
	}
	for resource, objects := range s.objects {
		for key, obj := range objects {
			if isRoute(resource) {
				c := s.api.carried(obj, t.total)
				t.add(c)
				if t.names(object{resource, key}) {
					t.named = max(t.named, c.weight[t.canary])
				}
			}
		}
	}
	return t, true
}

// rolesOf a rollout are the Services that carry the traffic: those that the spec names, or, where
// the controller has never taken one of these up, those of before.
func rolesOf(ro *v1alpha1.Rollout) (stable, canary string) {
	if c := ro.Spec.Strategy.Canary; c != nil {
		stable, canary = c.RoleServices(ro.Status.Canary.StablePingPong)
	}
	listed := func(service string) bool {
		return slices.ContainsFunc(ro.Status.Managed, func(m v1alpha1.ManagedObject) bool { return m.Router == "" && m.Name == service })
	}
	routes := slices.IndexFunc(ro.Status.Managed, func(m v1alpha1.ManagedObject) bool { return m.Router != "" })
	if routes >= 0 && (!listed(stable) || !listed(canary) || stable == canary) {
		return ro.Status.Managed[routes].StableService, ro.Status.Managed[routes].CanaryService
	}
	return stable, canary
}

func (t *truth) add(c carried) {
	for service, weight := range c.weight {
		t.weight[service] = max(t.weight[service], weight)
	}
	t.managed = append(t.managed, c.managed...)
	slices.Sort(t.managed)
	t.managed = slices.Compact(t.managed)
}

// services that play a role.
func (t truth) services() []string {
	return slices.DeleteFunc([]string{t.stable, t.canary}, func(name string) bool { return name == "" })
}

// missing is a role Service that the spec names and that is not there, "" for
// none: nothing advances without it.
func (t truth) missing() string {
	for _, name := range t.services() {
		if _, there := t.selects[name]; !there {
			return name
		}
	}
	return ""
}

// other Service of the pair.
func (t truth) other(service string) string {
	if service == t.stable {
		return t.canary
	}
	return t.stable
}

// current and stableHash are the revisions that status names.
func (t truth) current() string    { return t.ro.Status.CurrentPodHash }
func (t truth) stableHash() string { return t.ro.Status.StableRS }

// atStable: there is nothing to release.
func (t truth) atStable() bool { return t.stableHash() != "" && t.current() == t.stableHash() }

// stepsKnown: the steps are those that status tells of.
func (t truth) stepsKnown() bool {
	return t.ro.Status.CurrentStepHash == replicaset.StepsHash(t.spec.Steps)
}

// index of the step, the number of steps at the end.
func (t truth) index() int {
	if i := t.ro.Status.CurrentStepIndex; i != nil {
		return min(max(0, int(*i)), len(t.spec.Steps))
	}
	if t.atStable() || t.stableHash() == "" {
		return len(t.spec.Steps)
	}
	return 0
}

// available pods of a revision: those of a decision, as invariants.md says.
func (t truth) available(hash string) int32 {
	rs := t.sets[hash]
	if rs == nil || rs.Status.ObservedGeneration < rs.Generation {
		return 0
	}
	return min(*rs.Spec.Replicas, rs.Status.AvailableReplicas)
}

// size of a revision, 0 where there is none.
func (t truth) size(hash string) int32 {
	if rs := t.sets[hash]; rs != nil {
		return *rs.Spec.Replicas
	}
	return 0
}

// held pods of a revision: one that was just made smaller keeps what it has of
// its new size, told of or not.
func (t truth) held(hash string) int32 {
	if rs := t.sets[hash]; rs != nil {
		return min(*rs.Spec.Replicas, rs.Status.AvailableReplicas)
	}
	return 0
}

// allHeld pods of all revisions.
func (t truth) allHeld() int32 {
	var sum int32
	for hash := range t.sets {
		sum += t.held(hash)
	}
	return sum
}

// need is 0 for no weight or no D, else the share of D, rounded up, at least 1.
func (t truth) need(weight int32) int32 {
	if weight <= 0 || t.desired <= 0 {
		return 0
	}
	return max(1, int32((int64(weight)*int64(t.desired)+int64(t.total)-1)/int64(t.total)))
}

// least of D pods that the user wants to be available.
func (t truth) least() int32 { return t.desired - t.ro.Spec.MaxUnavailable() }

// words of the user about the pods of the canary: the setCanaryScale that
// holds at the current step, whether it was set before the last weight, and
// that weight.
func (t truth) words() (pods int32, said, before bool) {
	for i, s := range t.spec.Steps {
		if i > t.index() || t.index() >= len(t.spec.Steps) {
			break
		}
		switch scale := s.SetCanaryScale; {
		case s.SetWeight != nil:
			before = said
		case scale == nil:
		case scale.MatchTrafficWeight || scale.Replicas == nil && scale.Weight == nil:
			pods, said, before = 0, false, false
		case scale.Replicas != nil:
			pods, said, before = *scale.Replicas, true, false
		default:
			pods, said, before = t.need(*scale.Weight), true, false
		}
	}
	return pods, said, before
}

// lastWeight that the steps up to the current one ask for.
func (t truth) lastWeight() int32 {
	if t.index() >= len(t.spec.Steps) {
		return t.total
	}
	weight := int32(0)
	for _, s := range t.spec.Steps[:t.index()+1] {
		if s.SetWeight != nil {
			weight = *s.SetWeight
		}
	}
	return weight
}

// routesAt is f(steps[0..index]) of invariant 6, sorted.
func (t truth) routesAt(index int) []string {
	asked := map[string]bool{}
	for i, s := range t.spec.Steps {
		if i > index {
			break
		}
		if r := s.SetHeaderRoute; r != nil {
			asked[r.Name] = len(r.Match) > 0
		}
		if r := s.SetMirrorRoute; r != nil {
			asked[r.Name] = len(r.Match) > 0
		}
	}
	var names []string
	for name, wanted := range asked {
		if wanted {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
