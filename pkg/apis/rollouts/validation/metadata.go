// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"maps"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ofMetadata has the rules about what is put into the pods of one revision and
// not of another.
var ofMetadata = chapter[v1alpha1.RolloutSpec]{
	at: ofSpec.at, parts: ofSpec.parts,
	rules: slices.Concat(
		metadata("canaryMetadata", func(c *v1alpha1.CanaryStrategy) *v1alpha1.PodTemplateMetadata { return c.CanaryMetadata }),
		metadata("stableMetadata", func(c *v1alpha1.CanaryStrategy) *v1alpha1.PodTemplateMetadata { return c.StableMetadata }),
	),
}

// metadata has the rules about one of both. A pod that lost a label by which
// its ReplicaSet or its Service knows it would belong to nobody.
func metadata(name string, in func(*v1alpha1.CanaryStrategy) *v1alpha1.PodTemplateMetadata) []specRule {
	of := func(s specPart) v1alpha1.PodTemplateMetadata {
		if c := s.self.Strategy.Canary; c != nil && in(c) != nil {
			return *in(c)
		}
		return v1alpha1.PodTemplateMetadata{}
	}
	at := "strategy.canary." + name
	return []specRule{
		{
			field: at + ".labels", kind: field.ErrorTypeForbidden, says: "pods are selected by the labels of selector and by " + v1alpha1.DefaultRolloutUniqueLabelKey + "; name other labels",
			holds: func(s specPart) bool { return !selectedBy(s.self, of(s).Labels) },
			cel: optional("self", at+".labels") + `.orValue({}).all(key, value, key != "` + v1alpha1.DefaultRolloutUniqueLabelKey + `" &&
				!(key in self.?selector.?matchLabels.orValue({})) &&
				self.?selector.?matchExpressions.orValue([]).all(e, e.key != key))`,
		},
		wellFormed(at+".labels", "must be labels, as pods have them", func(s specPart, path *field.Path) field.ErrorList {
			return metav1validation.ValidateLabels(of(s).Labels, path)
		}),
		wellFormed(at+".annotations", "must be annotations, as pods have them", func(s specPart, path *field.Path) field.ErrorList {
			return apivalidation.ValidateAnnotations(of(s).Annotations, path)
		}),
	}
}

// wellFormed is a rule that the API server itself has for other objects. It
// shows the first key or value that breaks it.
func wellFormed(name, says string, check func(specPart, *field.Path) field.ErrorList) specRule {
	return specRule{
		field: name, says: says,
		holds: func(s specPart) bool { return len(check(s, s.path)) == 0 },
		value: func(s specPart) any { return check(s, s.path)[0].BadValue },
	}
}

// selectedBy reports whether pods are selected by one of these labels.
func selectedBy(s *v1alpha1.RolloutSpec, labels map[string]string) bool {
	keys := []string{v1alpha1.DefaultRolloutUniqueLabelKey}
	if s.Selector != nil {
		keys = slices.AppendSeq(keys, maps.Keys(s.Selector.MatchLabels))
		for _, e := range s.Selector.MatchExpressions {
			keys = append(keys, e.Key)
		}
	}
	return slices.ContainsFunc(keys, func(key string) bool { _, ok := labels[key]; return ok })
}
