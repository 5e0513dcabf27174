// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type (
	specPart = part[v1alpha1.RolloutSpec]
	specRule = rule[v1alpha1.RolloutSpec]
)

var specPath = field.NewPath("spec")

// ofSpec has the rules about the spec as a whole: wire contract 2.15, 1 to 7,
// and what of 30 needs no cluster.
var ofSpec = chapter[v1alpha1.RolloutSpec]{
	at: "spec",
	parts: func(s *v1alpha1.RolloutSpec) []specPart {
		return []specPart{{path: specPath, self: s}}
	},
	rules: []specRule{
		atLeast(0, "replicas", func(s *v1alpha1.RolloutSpec) *int32 { return s.Replicas }),
		atLeast(0, "minReadySeconds", func(s *v1alpha1.RolloutSpec) *int32 { return &s.MinReadySeconds }),
		atLeast(0, "revisionHistoryLimit", func(s *v1alpha1.RolloutSpec) *int32 { return s.RevisionHistoryLimit }),
		atLeast(0, "progressDeadlineSeconds", func(s *v1alpha1.RolloutSpec) *int32 { return s.ProgressDeadlineSeconds }),
		{
			field: "progressDeadlineSeconds", says: "must be greater than minReadySeconds",
			holds: func(s specPart) bool { d := deadline(s); return d < 0 || d > s.self.MinReadySeconds },
			value: func(s specPart) any { return deadline(s) },
			cel: `self.?progressDeadlineSeconds.orValue(600) < 0 ||
				self.?progressDeadlineSeconds.orValue(600) > self.?minReadySeconds.orValue(0)`,
			celValue: `string(self.?progressDeadlineSeconds.orValue(600))`,
		},
		{
			field: "selector", kind: field.ErrorTypeRequired, says: "set labels that the pod template has",
			holds: func(s specPart) bool { return s.self.WorkloadRef != nil || s.self.Selector != nil },
			cel:   `has(self.workloadRef) || has(self.selector)`,
		},
		{
			field: "selector", says: "empty selector is invalid for a Rollout: set labels that the pod template has",
			holds: func(s specPart) bool {
				l := s.self.Selector
				return s.self.WorkloadRef != nil || l == nil || len(l.MatchLabels)+len(l.MatchExpressions) > 0
			},
			value: func(specPart) any { return "{}" },
			cel: `has(self.workloadRef) || !has(self.selector) ||
				size(self.selector.?matchLabels.orValue({})) + size(self.selector.?matchExpressions.orValue([])) > 0`,
			celValue: `'"{}"'`,
		},
		{
			field: "selector", says: "is malformed: keys and values are labels, an operator is In or NotIn with values, or Exists or DoesNotExist without",
			holds: func(s specPart) bool {
				_, err := metav1.LabelSelectorAsSelector(s.self.Selector)
				return err == nil
			},
		},
		{
			field: "template.metadata.labels", kind: field.ErrorTypeRequired, says: selectorMatches,
			holds: hasMatchLabels,
			cel: `has(self.workloadRef) || self.?selector.?matchLabels.orValue({}).all(key, value,
				self.?template.?metadata.?labels[?key].orValue("") == value)`,
		},
		{
			field: "template.metadata.labels", kind: field.ErrorTypeRequired, says: selectorMatches + ", as matchExpressions says",
			holds: func(s specPart) bool {
				selector, err := metav1.LabelSelectorAsSelector(s.self.Selector)
				return s.self.WorkloadRef != nil || err != nil || !hasMatchLabels(s) || s.self.Selector == nil ||
					selector.Matches(labels.Set(s.self.Template.Labels))
			},
		},
		{
			field: "template", kind: field.ErrorTypeForbidden, says: "the template of workloadRef is used; remove this one, or workloadRef",
			holds: func(s specPart) bool {
				return s.self.WorkloadRef == nil || equality.Semantic.DeepEqual(s.self.Template, corev1.PodTemplateSpec{})
			},
			cel: `!has(self.workloadRef) || size(self.?template.?spec.?containers.orValue([])) == 0`,
		},
		{
			field: "workloadRef.name", kind: field.ErrorTypeRequired, says: "name the workload",
			holds: func(s specPart) bool { return s.self.WorkloadRef == nil || s.self.WorkloadRef.Name != "" },
			cel:   `!has(self.workloadRef) || self.workloadRef.?name.orValue("") != ""`,
		},
		{
			field: "workloadRef", says: "must be a Deployment or ReplicaSet of apps/v1, or a PodTemplate of v1",
			holds: func(s specPart) bool {
				return s.self.WorkloadRef == nil || s.self.WorkloadRef.Supported()
			},
			value: func(s specPart) any { return s.self.WorkloadRef.Kind + " of " + s.self.WorkloadRef.APIVersion },
			cel: `!has(self.workloadRef) ||
				self.workloadRef.?apiVersion.orValue("").startsWith("apps/") && self.workloadRef.?kind.orValue("") in ["Deployment", "ReplicaSet"] ||
				self.workloadRef.?apiVersion.orValue("") == "v1" && self.workloadRef.?kind.orValue("") == "PodTemplate"`,
			celValue: quoted(`self.workloadRef.?kind.orValue("") + " of " + self.workloadRef.?apiVersion.orValue("")`),
		},
		{
			field: "workloadRef.scaleDown", advice: true, says: "is none of never, onsuccess and progressively, and taken for never",
			holds: func(s specPart) bool {
				return s.self.WorkloadRef == nil || slices.Contains([]string{"", "never", "onsuccess", "progressively"}, s.self.WorkloadRef.ScaleDown)
			},
			cel:      `self.?workloadRef.?scaleDown.orValue("") in ["", "never", "onsuccess", "progressively"]`,
			celValue: quoted(`self.workloadRef.scaleDown`),
		},
		{
			field: "workloadRef.scaleDown", advice: true, says: "is for a Deployment; nothing else is scaled down",
			holds: func(s specPart) bool {
				r := s.self.WorkloadRef
				return r == nil || r.Kind == v1alpha1.WorkloadDeployment || r.ScaleDown == "" || r.ScaleDown == v1alpha1.ScaleDownNever
			},
			value: func(s specPart) any { return s.self.WorkloadRef.ScaleDown },
			cel: `self.?workloadRef.?scaleDown.orValue("") in ["", "never"] ||
				self.?workloadRef.?kind.orValue("") == "Deployment"`,
			celValue: quoted(`self.workloadRef.scaleDown`),
		},
		{
			field: "rollbackWindow.revisions", advice: true, says: "no revision is ever in this window; must be 1 or more",
			holds:    func(s specPart) bool { return s.self.RollbackWindow == nil || s.self.RollbackWindow.Revisions > 0 },
			cel:      `!has(self.rollbackWindow) || self.rollbackWindow.?revisions.orValue(0) > 0`,
			value:    func(s specPart) any { return s.self.RollbackWindow.Revisions },
			celValue: `string(self.rollbackWindow.?revisions.orValue(0))`,
		},
		{
			field: "strategy", kind: field.ErrorTypeRequired, says: "set canary",
			holds: func(s specPart) bool { return s.self.Strategy.Canary != nil || s.self.Strategy.BlueGreen != nil },
			cel:   `self.?strategy.?canary.hasValue() || self.?strategy.?blueGreen.hasValue()`,
		},
		{
			field: "strategy", says: "set one of them",
			holds:    func(s specPart) bool { return s.self.Strategy.Canary == nil || s.self.Strategy.BlueGreen == nil },
			value:    func(specPart) any { return "canary and blueGreen" },
			cel:      `!(self.?strategy.?canary.hasValue() && self.?strategy.?blueGreen.hasValue())`,
			celValue: `'"canary and blueGreen"'`,
		},
	},
}

const selectorMatches = "`selector` does not match template `labels`; add its labels"

func deadline(s specPart) int32 { return int32(s.self.ProgressDeadline().Seconds()) }

// hasMatchLabels: the template has what matchLabels of the selector asks for.
func hasMatchLabels(s specPart) bool {
	if s.self.WorkloadRef != nil || s.self.Selector == nil {
		return true
	}
	for key, value := range s.self.Selector.MatchLabels {
		if s.self.Template.Labels[key] != value {
			return false
		}
	}
	return true
}
