// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Experiment runs several versions side by side for a while. Stored, not yet
// reconciled.
//
// +genclient
// +genclient:noStatus
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +kubebuilder:resource:path=experiments,shortName=exp
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.phase",description="Experiment status"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since resource was created"
type Experiment struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is which versions run, and what judges them.
	Spec ExperimentSpec `json:"spec"`
	// Status is where the experiment stands.
	// +optional
	Status ExperimentStatus `json:"status,omitempty"`
}

// ExperimentList is a list of Experiments.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ExperimentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Experiment `json:"items"`
}

// ExperimentSpec is which versions run, and what judges them.
type ExperimentSpec struct {
	// Templates of the versions.
	Templates []TemplateSpec `json:"templates"`
	// Duration of the experiment from when all versions are available, such
	// as "1h". Without it, it lasts until its analyses end.
	// +optional
	Duration DurationString `json:"duration,omitempty"`
	// ProgressDeadlineSeconds for a version to become available, in seconds.
	// Default 600.
	// +optional
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`
	// Terminate ends the experiment. Set by users.
	// +optional
	Terminate bool `json:"terminate,omitempty"`
	// Analyses that judge the versions.
	// +optional
	Analyses []ExperimentAnalysisTemplateRef `json:"analyses,omitempty"`
	// ScaleDownDelaySeconds of the versions after the end, in seconds.
	// Default 30.
	// +optional
	ScaleDownDelaySeconds *int32 `json:"scaleDownDelaySeconds,omitempty"`
	// DryRun lists metrics that never fail the experiment.
	// +optional
	DryRun []DryRun `json:"dryRun,omitempty"`
	// MeasurementRetention limits the measurements that are kept.
	// +optional
	MeasurementRetention []MeasurementRetention `json:"measurementRetention,omitempty"`
	// AnalysisRunMetadata is added to the AnalysisRuns.
	// +optional
	AnalysisRunMetadata AnalysisRunMetadata `json:"analysisRunMetadata,omitempty"`
}

// TemplateSpec is one version.
type TemplateSpec struct {
	// Name, unique within the experiment.
	Name string `json:"name"`
	// Replicas is the number of pods. Default 1.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// MinReadySeconds is how long a pod must be ready to count as available,
	// in seconds. Default 0.
	// +optional
	MinReadySeconds int32 `json:"minReadySeconds,omitempty"`
	// Selector of the pods.
	Selector *metav1.LabelSelector `json:"selector"`
	// Template of the pods.
	Template corev1.PodTemplateSpec `json:"template"`
	// Service is made for the version where this is set.
	// +optional
	Service *TemplateService `json:"service,omitempty"`
}

// ExperimentAnalysisTemplateRef makes an AnalysisRun from a template.
type ExperimentAnalysisTemplateRef struct {
	// Name of the analysis, unique within the experiment.
	Name string `json:"name"`
	// TemplateName is the name of the template.
	TemplateName string `json:"templateName"`
	// ClusterScope: the template is a ClusterAnalysisTemplate.
	// +optional
	ClusterScope bool `json:"clusterScope,omitempty"`
	// Args for the template.
	// +optional
	Args []Argument `json:"args,omitempty"`
	// RequiredForCompletion: the experiment waits for this analysis.
	// +optional
	RequiredForCompletion bool `json:"requiredForCompletion,omitempty"`
}

// ExperimentStatus is where the experiment stands.
type ExperimentStatus struct {
	// Phase of the experiment.
	// +optional
	Phase AnalysisPhase `json:"phase,omitempty"`
	// Message says why the experiment has this phase.
	// +optional
	Message string `json:"message,omitempty"`
	// AvailableAt is when all versions were available.
	// +optional
	AvailableAt *metav1.Time `json:"availableAt,omitempty"`
	// Conditions of the experiment.
	// +optional
	Conditions []ExperimentCondition `json:"conditions,omitempty"`
	// TemplateStatuses, one per version.
	// +optional
	TemplateStatuses []TemplateStatus `json:"templateStatuses,omitempty"`
	// AnalysisRuns, one per analysis.
	// +optional
	AnalysisRuns []ExperimentAnalysisRunStatus `json:"analysisRuns,omitempty"`
}

// ExperimentCondition is one condition.
type ExperimentCondition struct {
	// Type of the condition.
	Type string `json:"type"`
	// Status is True, False or Unknown.
	Status corev1.ConditionStatus `json:"status"`
	// LastUpdateTime is when the condition was last written.
	LastUpdateTime metav1.Time `json:"lastUpdateTime"`
	// LastTransitionTime is when Status last changed.
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
	// Reason is one word.
	Reason string `json:"reason"`
	// Message is for people.
	Message string `json:"message"`
}

// TemplateStatus is where one version stands.
type TemplateStatus struct {
	// Name of the template.
	Name string `json:"name"`
	// Replicas of the version.
	Replicas int32 `json:"replicas"`
	// UpdatedReplicas of the version.
	UpdatedReplicas int32 `json:"updatedReplicas"`
	// ReadyReplicas of the version.
	ReadyReplicas int32 `json:"readyReplicas"`
	// AvailableReplicas of the version.
	AvailableReplicas int32 `json:"availableReplicas"`
	// CollisionCount makes another hash where one is taken.
	// +optional
	CollisionCount *int32 `json:"collisionCount,omitempty"`
	// Status is the phase of the version.
	// +optional
	Status string `json:"status,omitempty"`
	// Message says why the version has this phase.
	// +optional
	Message string `json:"message,omitempty"`
	// LastTransitionTime is when Status last changed.
	// +optional
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
	// ServiceName of the Service that was made.
	// +optional
	ServiceName string `json:"serviceName,omitempty"`
	// PodTemplateHash is the hash label of the version.
	// +optional
	PodTemplateHash string `json:"podTemplateHash,omitempty"`
}

// ExperimentAnalysisRunStatus is where one analysis stands.
type ExperimentAnalysisRunStatus struct {
	// Name of the analysis.
	Name string `json:"name"`
	// AnalysisRun is the name of the AnalysisRun.
	AnalysisRun string `json:"analysisRun"`
	// Phase of the AnalysisRun.
	Phase AnalysisPhase `json:"phase"`
	// Message of the AnalysisRun.
	// +optional
	Message string `json:"message,omitempty"`
}
