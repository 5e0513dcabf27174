// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Rollout is what a user writes instead of a Deployment: a number of pods, and
// how a new version of them takes over from the old one.
//
// +genclient
// +genclient:method=GetScale,verb=get,subresource=scale,result=k8s.io/api/autoscaling/v1.Scale
// +genclient:method=UpdateScale,verb=update,subresource=scale,input=k8s.io/api/autoscaling/v1.Scale,result=k8s.io/api/autoscaling/v1.Scale
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +kubebuilder:resource:path=rollouts,shortName=ro
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.HPAReplicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Desired",type="integer",JSONPath=".spec.replicas",description="Number of desired pods"
// +kubebuilder:printcolumn:name="Current",type="integer",JSONPath=".status.replicas",description="Total number of non-terminated pods targeted by this rollout"
// +kubebuilder:printcolumn:name="Up-to-date",type="integer",JSONPath=".status.updatedReplicas",description="Total number of non-terminated pods targeted by this rollout that have the desired template spec"
// +kubebuilder:printcolumn:name="Available",type="integer",JSONPath=".status.availableReplicas",description="Total number of available pods targeted by this rollout"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type Rollout struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec RolloutSpec `json:"spec"`
	// +optional
	Status RolloutStatus `json:"status,omitempty"`
}

// RolloutList is a list of Rollouts.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type RolloutList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Rollout `json:"items"`
}

// RolloutSpec is what the user wants.
type RolloutSpec struct {
	// Replicas is D: the number of pods that carry all traffic. Default 1,
	// from 0; an autoscaler may change it at any time.
	// +kubebuilder:default=1
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// Selector of the pods. Immutable. Required unless WorkloadRef is set.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the selector is immutable"
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	// Template of the pods. Empty where WorkloadRef is set.
	// +optional
	Template corev1.PodTemplateSpec `json:"template,omitzero"`
	// WorkloadRef names an object whose pod template is used instead.
	// +optional
	WorkloadRef *ObjectRef `json:"workloadRef,omitempty"`
	// MinReadySeconds is how long a pod must be ready to count as available,
	// in seconds. Default 0.
	// +optional
	MinReadySeconds int32 `json:"minReadySeconds,omitempty"`
	// Strategy is how a new version takes over.
	// +optional
	Strategy RolloutStrategy `json:"strategy,omitempty"`
	// RevisionHistoryLimit is how many old ReplicaSets without pods are kept.
	// Default 10, from 0.
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`
	// Paused freezes the steps and the pods of the canary.
	// +optional
	Paused bool `json:"paused,omitempty"`
	// ProgressDeadlineSeconds is how long nothing may happen before the
	// rollout is said to be stuck, in seconds. Default 600; more than
	// MinReadySeconds.
	// +optional
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`
	// ProgressDeadlineAbort aborts a rollout that is stuck.
	// +optional
	ProgressDeadlineAbort bool `json:"progressDeadlineAbort,omitempty"`
	// RestartAt is when all pods that are older are evicted, a few at a time.
	// +optional
	RestartAt *metav1.Time `json:"restartAt,omitempty"`
	// Analysis limits how many finished AnalysisRuns are kept.
	// +optional
	Analysis *AnalysisRunStrategy `json:"analysis,omitempty"`
	// RollbackWindow lets a recent revision skip the steps.
	// +optional
	RollbackWindow *RollbackWindowSpec `json:"rollbackWindow,omitempty"`
}

// ObjectRef names a workload in the Rollout's namespace.
type ObjectRef struct {
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// Kind is Deployment, ReplicaSet or PodTemplate.
	// +optional
	Kind string `json:"kind,omitempty"`
	// +optional
	Name string `json:"name,omitempty"`
	// ScaleDown of a referenced Deployment: "never" (default), "onsuccess" or
	// "progressively".
	// +optional
	ScaleDown string `json:"scaleDown,omitempty"`
}

// Kinds of workload that a Rollout can refer to.
const (
	WorkloadDeployment  = "Deployment"
	WorkloadReplicaSet  = "ReplicaSet"
	WorkloadPodTemplate = "PodTemplate"
)

// Ways to scale a referenced Deployment down.
const (
	// ScaleDownNever leaves it alone. This is the default.
	ScaleDownNever = "never"
	// ScaleDownOnSuccess takes it to 0 once the first revision is healthy.
	ScaleDownOnSuccess = "onsuccess"
	// ScaleDownProgressively takes it down as the pods of the first revision
	// become available.
	ScaleDownProgressively = "progressively"
)

// Supported reports whether the reference is to a kind, in its own API group,
// that has a pod template.
func (r *ObjectRef) Supported() bool {
	version, err := schema.ParseGroupVersion(r.APIVersion)
	if err != nil {
		return false
	}
	switch r.Kind {
	case WorkloadDeployment, WorkloadReplicaSet:
		return version.Group == "apps"
	case WorkloadPodTemplate:
		return r.APIVersion == "v1"
	default:
		return false
	}
}

// RollbackWindowSpec says which revisions are recent.
type RollbackWindowSpec struct {
	// Revisions is how many revisions back may skip the steps.
	// +optional
	Revisions int32 `json:"revisions,omitempty"`
}

// RolloutStrategy has exactly one field set.
type RolloutStrategy struct {
	// +optional
	BlueGreen *BlueGreenStrategy `json:"blueGreen,omitempty"`
	// +optional
	Canary *CanaryStrategy `json:"canary,omitempty"`
}

// AntiAffinity keeps the pods of two revisions apart. Exactly one field is
// set.
type AntiAffinity struct {
	// +optional
	PreferredDuringSchedulingIgnoredDuringExecution *PreferredDuringSchedulingIgnoredDuringExecution `json:"preferredDuringSchedulingIgnoredDuringExecution,omitempty"`
	// +optional
	RequiredDuringSchedulingIgnoredDuringExecution *RequiredDuringSchedulingIgnoredDuringExecution `json:"requiredDuringSchedulingIgnoredDuringExecution,omitempty"`
}

// PreferredDuringSchedulingIgnoredDuringExecution asks the scheduler.
type PreferredDuringSchedulingIgnoredDuringExecution struct {
	// Weight of the wish, 1 to 100.
	Weight int32 `json:"weight"`
}

// RequiredDuringSchedulingIgnoredDuringExecution orders the scheduler.
type RequiredDuringSchedulingIgnoredDuringExecution struct{}

// PodTemplateMetadata is added to the pods of one side.
type PodTemplateMetadata struct {
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// BlueGreenStrategy switches all traffic at once.
type BlueGreenStrategy struct {
	ActiveService string `json:"activeService"`
	// +optional
	PreviewService string `json:"previewService,omitempty"`
	// PreviewReplicaCount of the new version before the switch. Default D.
	// +optional
	PreviewReplicaCount *int32 `json:"previewReplicaCount,omitempty"`
	// AutoPromotionEnabled switches without asking. Default true.
	// +optional
	AutoPromotionEnabled *bool `json:"autoPromotionEnabled,omitempty"`
	// AutoPromotionSeconds to wait before switching, in seconds.
	// +optional
	AutoPromotionSeconds int32 `json:"autoPromotionSeconds,omitempty"`
	// MaxUnavailable pods while scaling. Default 25 percent.
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	// ScaleDownDelaySeconds of the old version. Default 30.
	// +optional
	ScaleDownDelaySeconds *int32 `json:"scaleDownDelaySeconds,omitempty"`
	// ScaleDownDelayRevisionLimit of revisions that wait. No limit by default.
	// +optional
	ScaleDownDelayRevisionLimit *int32 `json:"scaleDownDelayRevisionLimit,omitempty"`
	// AbortScaleDownDelaySeconds of the new version. Default 30; 0 keeps it.
	// +optional
	AbortScaleDownDelaySeconds *int32 `json:"abortScaleDownDelaySeconds,omitempty"`
	// +optional
	PrePromotionAnalysis *RolloutAnalysis `json:"prePromotionAnalysis,omitempty"`
	// +optional
	PostPromotionAnalysis *RolloutAnalysis `json:"postPromotionAnalysis,omitempty"`
	// +optional
	AntiAffinity *AntiAffinity `json:"antiAffinity,omitempty"`
	// +optional
	ActiveMetadata *PodTemplateMetadata `json:"activeMetadata,omitempty"`
	// +optional
	PreviewMetadata *PodTemplateMetadata `json:"previewMetadata,omitempty"`
}
