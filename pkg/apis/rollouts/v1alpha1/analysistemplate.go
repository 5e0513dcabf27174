// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// AnalysisTemplate is a list of metrics that judge a version. Stored, not yet
// reconciled.
//
// +genclient
// +genclient:noStatus
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +kubebuilder:resource:path=analysistemplates,shortName=at
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type AnalysisTemplate struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the list of metrics.
	Spec AnalysisTemplateSpec `json:"spec"`
}

// AnalysisTemplateList is a list of AnalysisTemplates.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type AnalysisTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []AnalysisTemplate `json:"items"`
}

// ClusterAnalysisTemplate is an AnalysisTemplate for all namespaces. Stored,
// not yet reconciled.
//
// +genclient
// +genclient:nonNamespaced
// +genclient:noStatus
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +kubebuilder:resource:path=clusteranalysistemplates,shortName=cat,scope=Cluster
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type ClusterAnalysisTemplate struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the list of metrics.
	Spec AnalysisTemplateSpec `json:"spec"`
}

// ClusterAnalysisTemplateList is a list of ClusterAnalysisTemplates.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ClusterAnalysisTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []ClusterAnalysisTemplate `json:"items"`
}

// AnalysisTemplateSpec is what is measured, and what is expected.
type AnalysisTemplateSpec struct {
	// Metrics that are measured.
	// +optional
	Metrics []Metric `json:"metrics,omitempty"`
	// Args that metrics may refer to; one without a value must be supplied by
	// whoever uses the template.
	// +optional
	Args []Argument `json:"args,omitempty"`
	// DryRun lists metrics that never fail a run.
	// +optional
	DryRun []DryRun `json:"dryRun,omitempty"`
	// MeasurementRetention limits the measurements that are kept. Default 10
	// per metric.
	// +optional
	MeasurementRetention []MeasurementRetention `json:"measurementRetention,omitempty"`
	// Templates that are included.
	// +optional
	Templates []AnalysisTemplateRef `json:"templates,omitempty"`
}

// Metric is one thing that is measured, once or again and again.
type Metric struct {
	// Name, unique within a run.
	Name string `json:"name"`
	// Interval between measurements, such as "5m". Without it there is one.
	// +optional
	Interval DurationString `json:"interval,omitempty"`
	// InitialDelay before the first measurement, such as "30s". Default none.
	// +optional
	InitialDelay DurationString `json:"initialDelay,omitempty"`
	// Count of measurements. Without it and with an Interval: no end.
	// +optional
	Count *intstr.IntOrString `json:"count,omitempty"`
	// SuccessCondition is an expression over the result of a measurement.
	// +optional
	SuccessCondition string `json:"successCondition,omitempty"`
	// FailureCondition is an expression over the result of a measurement.
	// +optional
	FailureCondition string `json:"failureCondition,omitempty"`
	// FailureLimit is how many measurements may fail; -1 is no limit. Default 0.
	// +optional
	FailureLimit *intstr.IntOrString `json:"failureLimit,omitempty"`
	// InconclusiveLimit is how many measurements may be inconclusive. Default 0.
	// +optional
	InconclusiveLimit *intstr.IntOrString `json:"inconclusiveLimit,omitempty"`
	// ConsecutiveErrorLimit is how many errors in a row there may be. Default 4.
	// +optional
	ConsecutiveErrorLimit *intstr.IntOrString `json:"consecutiveErrorLimit,omitempty"`
	// ConsecutiveSuccessLimit is how many successes in a row are enough.
	// Default 0: it plays no part.
	// +optional
	ConsecutiveSuccessLimit *intstr.IntOrString `json:"consecutiveSuccessLimit,omitempty"`
	// Provider that measures.
	Provider MetricProvider `json:"provider"`
}

// DurationString is a length of time such as "30s" or "5m".
type DurationString string

// Argument is a named value that metrics may refer to.
type Argument struct {
	// Name, unique within the list.
	Name string `json:"name"`
	// Value, absent where it is to be supplied; empty is a value.
	// +optional
	Value *string `json:"value,omitempty"`
	// ValueFrom says where to read the value.
	// +optional
	ValueFrom *ValueFrom `json:"valueFrom,omitempty"`
}

// ValueFrom has exactly one field set.
type ValueFrom struct {
	// SecretKeyRef reads a key of a Secret.
	// +optional
	SecretKeyRef *SecretKeyRef `json:"secretKeyRef,omitempty"`
	// FieldRef reads a field of the Rollout.
	// +optional
	FieldRef *FieldRef `json:"fieldRef,omitempty"`
}

// SecretKeyRef names a key of a Secret.
type SecretKeyRef struct {
	// Name of the Secret.
	Name string `json:"name"`
	// Key within it.
	Key string `json:"key"`
}
