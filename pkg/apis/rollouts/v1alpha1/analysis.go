// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// AnalysisRunStrategy limits how many finished AnalysisRuns are kept.
type AnalysisRunStrategy struct {
	// SuccessfulRunHistoryLimit, default 5.
	// +optional
	SuccessfulRunHistoryLimit *int32 `json:"successfulRunHistoryLimit,omitempty"`
	// UnsuccessfulRunHistoryLimit, default 5.
	// +optional
	UnsuccessfulRunHistoryLimit *int32 `json:"unsuccessfulRunHistoryLimit,omitempty"`
}

// RolloutAnalysisBackground is an analysis beside the steps.
type RolloutAnalysisBackground struct {
	RolloutAnalysis `json:",inline"`
	// StartingStep is the index of the step that it starts at.
	// +optional
	StartingStep *int32 `json:"startingStep,omitempty"`
}

// RolloutAnalysis makes an AnalysisRun.
type RolloutAnalysis struct {
	// +optional
	Templates []AnalysisTemplateRef `json:"templates,omitempty"`
	// +optional
	Args []AnalysisRunArgument `json:"args,omitempty"`
	// +optional
	DryRun []DryRun `json:"dryRun,omitempty"`
	// +optional
	MeasurementRetention []MeasurementRetention `json:"measurementRetention,omitempty"`
	// +optional
	AnalysisRunMetadata AnalysisRunMetadata `json:"analysisRunMetadata,omitempty"`
}

// AnalysisTemplateRef names an AnalysisTemplate, or a ClusterAnalysisTemplate.
type AnalysisTemplateRef struct {
	// +optional
	TemplateName string `json:"templateName,omitempty"`
	// +optional
	ClusterScope bool `json:"clusterScope,omitempty"`
}

// AnalysisRunArgument is an argument of a template.
type AnalysisRunArgument struct {
	Name string `json:"name"`
	// +optional
	Value string `json:"value,omitempty"`
	// +optional
	ValueFrom *ArgumentValueFrom `json:"valueFrom,omitempty"`
}

// ArgumentValueFrom has exactly one field set.
type ArgumentValueFrom struct {
	// PodTemplateHashValue is "Stable" or "Latest".
	// +optional
	PodTemplateHashValue *string `json:"podTemplateHashValue,omitempty"`
	// +optional
	FieldRef *FieldRef `json:"fieldRef,omitempty"`
}

// FieldRef names a field of the Rollout.
type FieldRef struct {
	FieldPath string `json:"fieldPath"`
}

// DryRun lists metrics that never fail a run.
type DryRun struct {
	MetricName string `json:"metricName"`
}

// MeasurementRetention limits the measurements that are kept.
type MeasurementRetention struct {
	MetricName string `json:"metricName"`
	Limit      int32  `json:"limit"`
}

// AnalysisRunMetadata is added to an AnalysisRun.
type AnalysisRunMetadata struct {
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}
