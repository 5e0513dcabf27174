// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Apart is what keeps the pods of a new revision off the nodes of another.
type Apart struct {
	// Namespace and Hash of the other revision.
	Namespace, Hash string
	// Weight of the wish, 1 to 100; nil where it is a must.
	Weight *int32
}

// Put adds the term to a template, beside the user's own affinity. A term of
// an earlier release that undo has copied into the template goes.
//
// Source: wire contract 2.14.
func (a Apart) Put(template *corev1.PodTemplateSpec) {
	together(template)
	if template.Spec.Affinity == nil {
		template.Spec.Affinity = &corev1.Affinity{}
	}
	if template.Spec.Affinity.PodAntiAffinity == nil {
		template.Spec.Affinity.PodAntiAffinity = &corev1.PodAntiAffinity{}
	}
	anti := template.Spec.Affinity.PodAntiAffinity
	term := corev1.PodAffinityTerm{
		LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: HashLabel, Operator: metav1.LabelSelectorOpIn, Values: []string{a.Hash}},
		}},
		Namespaces: []string{a.Namespace}, TopologyKey: corev1.LabelHostname,
	}
	if a.Weight == nil {
		anti.RequiredDuringSchedulingIgnoredDuringExecution = append(anti.RequiredDuringSchedulingIgnoredDuringExecution, term)
		return
	}
	anti.PreferredDuringSchedulingIgnoredDuringExecution = append(anti.PreferredDuringSchedulingIgnoredDuringExecution,
		corev1.WeightedPodAffinityTerm{Weight: *a.Weight, PodAffinityTerm: term})
}

// together takes every such term out of a template again. Nobody else writes
// one: hashes are made up by the controller. An affinity that says nothing
// means the same as none.
func together(template *corev1.PodTemplateSpec) {
	affinity := template.Spec.Affinity
	if affinity == nil {
		return
	}
	if anti := affinity.PodAntiAffinity; anti != nil {
		anti.RequiredDuringSchedulingIgnoredDuringExecution = slices.DeleteFunc(anti.RequiredDuringSchedulingIgnoredDuringExecution, keepsApart)
		anti.PreferredDuringSchedulingIgnoredDuringExecution = slices.DeleteFunc(anti.PreferredDuringSchedulingIgnoredDuringExecution,
			func(t corev1.WeightedPodAffinityTerm) bool { return keepsApart(t.PodAffinityTerm) })
		if len(anti.RequiredDuringSchedulingIgnoredDuringExecution)+len(anti.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
			affinity.PodAntiAffinity = nil
		}
	}
	if *affinity == (corev1.Affinity{}) {
		template.Spec.Affinity = nil
	}
}

func keepsApart(t corev1.PodAffinityTerm) bool {
	s := t.LabelSelector
	return s != nil && len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 1 && s.MatchExpressions[0].Key == HashLabel
}
