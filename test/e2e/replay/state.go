// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strings"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	hashKey      = "rollouts-pod-template-hash"
	filledForKey = "rollout.argoproj.io/filled-for"
)

// concerned lists the rollouts with traffic routing that a changed object
// belongs to, if the change is one that the invariants are about.
func (s state) concerned(c change) []string {
	if !touches(c) {
		return nil
	}
	var names []string
	for _, object := range s.objects {
		ro, ok := object.(*v1alpha1.Rollout)
		if !ok || ro.Spec.Strategy.Canary == nil || ro.Spec.Strategy.Canary.TrafficRouting == nil {
			continue
		}
		if concerns(ro, c) {
			names = append(names, ro.Name)
		}
	}
	return names
}

// touches reports whether a write changes what an invariant is about: a
// selector, a size, or what a route sends where.
func touches(c change) bool {
	switch before := c.before.(type) {
	case *corev1.Service:
		after, ok := c.after.(*corev1.Service)
		return ok && before.Spec.Selector[hashKey] != after.Spec.Selector[hashKey]
	case *appsv1.ReplicaSet:
		after, ok := c.after.(*appsv1.ReplicaSet)
		return !ok || *before.Spec.Replicas != *after.Spec.Replicas
	case *unstructured.Unstructured:
		after, ok := c.after.(*unstructured.Unstructured)
		return ok && before.GetGeneration() != after.GetGeneration()
	default:
		return false
	}
}

func concerns(ro *v1alpha1.Rollout, c change) bool {
	canary := ro.Spec.Strategy.Canary
	switch before := c.before.(type) {
	case *corev1.Service:
		return before.Name == canary.StableService || before.Name == canary.CanaryService
	case *appsv1.ReplicaSet:
		return metav1.IsControlledBy(before, ro)
	case *unstructured.Unstructured:
		return names(canary.TrafficRouting, before)
	default:
		return false
	}
}

// names reports whether traffic routing names a route object.
func names(routing *v1alpha1.RolloutTrafficRouting, route *unstructured.Unstructured) bool {
	gateway, istio := routing.GatewayAPI, routing.Istio
	switch {
	case gateway != nil && route.GetKind() == "HTTPRoute":
		return gateway.HTTPRoute == route.GetName()
	case istio != nil && istio.VirtualService != nil && route.GetKind() == "VirtualService":
		return istio.VirtualService.Name == route.GetName()
	default:
		return false
	}
}

// reading is what one state says about one rollout.
type reading struct {
	ro             *v1alpha1.Rollout
	desired        int32
	sets           map[string]*appsv1.ReplicaSet // by hash
	stable, canary side
}

// side is a role Service, and what reaches it.
type side struct {
	service, hash string
	ready         int32 // ready endpoints of its revision
	endpoints     int32 // ready endpoints of any
	load
}

// load is what the routes send to a Service: the highest share over all rules,
// in percent, rounded up, and whether a managed route sends anything there.
type load struct {
	weight int32
	routed bool
}

// read reads a rollout; ok is false where there is none of that name.
func (s state) read(rollout string) (r reading, ok bool) {
	for _, object := range s.objects {
		if ro, is := object.(*v1alpha1.Rollout); is && ro.Name == rollout {
			r.ro, ok = ro, true
		}
	}
	if !ok || r.ro.Spec.Strategy.Canary == nil {
		return r, false
	}
	r.desired = 1
	if n := r.ro.Spec.Replicas; n != nil {
		r.desired = *n
	}
	r.sets = map[string]*appsv1.ReplicaSet{}
	for _, object := range s.objects {
		if rs, is := object.(*appsv1.ReplicaSet); is && metav1.IsControlledBy(rs, r.ro) {
			r.sets[rs.Labels[hashKey]] = rs
		}
	}
	canary := r.ro.Spec.Strategy.Canary
	stable, other := canary.StableService, canary.CanaryService
	if p := canary.PingPong; p != nil {
		stable, other = p.PingService, p.PongService
		if r.ro.Status.Canary.StablePingPong == "pong" {
			stable, other = other, stable
		}
	}
	r.stable, r.canary = s.side(r, stable), s.side(r, other)
	for _, object := range s.objects {
		if route, is := object.(*unstructured.Unstructured); is && canary.TrafficRouting != nil && names(canary.TrafficRouting, route) {
			stable, toCanary := carried(route, r.stable.service, r.canary.service)
			r.stable.load, r.canary.load = r.stable.or(stable), r.canary.or(toCanary)
		}
	}
	return r, true
}

func (l load) or(other load) load {
	return load{weight: max(l.weight, other.weight), routed: l.routed || other.routed}
}

func (s state) side(r reading, service string) side {
	d := side{service: service}
	for _, object := range s.objects {
		if o, ok := object.(*corev1.Service); ok && o.Name == service {
			d.hash = o.Spec.Selector[hashKey]
		}
	}
	rs := r.sets[d.hash]
	for _, object := range s.objects {
		slice, ok := object.(*discoveryv1.EndpointSlice)
		if !ok || slice.Labels[discoveryv1.LabelServiceName] != service {
			continue
		}
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready == nil || !*e.Conditions.Ready || e.TargetRef == nil {
				continue
			}
			d.endpoints++
			if rs != nil && strings.HasPrefix(e.TargetRef.Name, rs.Name+"-") {
				d.ready++
			}
		}
	}
	return d
}

// available pods of a revision: those that are condemned do not count.
func (r reading) available(hash string) int32 {
	rs := r.sets[hash]
	if rs == nil {
		return 0
	}
	return min(*rs.Spec.Replicas, rs.Status.AvailableReplicas)
}

// need is how many pods a weight needs: with 10 pods, weight 25 needs 3.
func (r reading) need(weight int32) int32 {
	if weight == 0 || r.desired == 0 {
		return 0
	}
	return max(1, (weight*r.desired+99)/100)
}
