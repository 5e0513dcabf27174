// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RolloutStatus is where a rollout stands. Clients write abort, promoteFull,
// pauseConditions and currentStepIndex.
type RolloutStatus struct {
	// Abort takes the rollout back to stable. Set by users.
	// +optional
	Abort bool `json:"abort,omitempty"`
	// +optional
	AbortedAt *metav1.Time `json:"abortedAt,omitempty"`
	// PauseConditions are what the rollout is paused for.
	// +optional
	PauseConditions []PauseCondition `json:"pauseConditions,omitempty"`
	// ControllerPause says that the controller put a pause condition there. If
	// none is left, a user has resumed the rollout.
	// +optional
	ControllerPause bool `json:"controllerPause,omitempty"`
	// CurrentPodHash is the hash label of the current revision.
	// +optional
	CurrentPodHash string `json:"currentPodHash,omitempty"`
	// CurrentStepHash is the hash of the steps.
	// +optional
	CurrentStepHash string `json:"currentStepHash,omitempty"`
	// Replicas, of all revisions.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// UpdatedReplicas, of the current revision.
	// +optional
	UpdatedReplicas int32 `json:"updatedReplicas,omitempty"`
	// ReadyReplicas, of all revisions.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas,omitempty"`
	// AvailableReplicas, of all revisions.
	// +optional
	AvailableReplicas int32 `json:"availableReplicas,omitempty"`
	// CurrentStepIndex counts from 0; the number of steps once all are done.
	// +optional
	CurrentStepIndex *int32 `json:"currentStepIndex,omitempty"`
	// CollisionCount makes another hash where one is taken.
	// +optional
	CollisionCount *int32 `json:"collisionCount,omitempty"`
	// ObservedGeneration is a decimal number.
	// +optional
	ObservedGeneration string `json:"observedGeneration,omitempty"`
	// +optional
	Conditions []RolloutCondition `json:"conditions,omitempty"`
	// +optional
	Canary CanaryStatus `json:"canary,omitempty"`
	// +optional
	BlueGreen BlueGreenStatus `json:"blueGreen,omitempty"`
	// HPAReplicas is what an autoscaler takes for the number of pods.
	// +optional
	HPAReplicas int32 `json:"HPAReplicas,omitempty"`
	// Selector of the pods, for autoscalers.
	// +optional
	Selector string `json:"selector,omitempty"`
	// StableRS is the hash label of the stable revision.
	// +optional
	StableRS string `json:"stableRS,omitempty"`
	// +optional
	RestartedAt *metav1.Time `json:"restartedAt,omitempty"`
	// PromoteFull skips all steps. Set by users.
	// +optional
	PromoteFull bool `json:"promoteFull,omitempty"`
	// +optional
	Phase RolloutPhase `json:"phase,omitempty"`
	// +optional
	Message string `json:"message,omitempty"`
	// +optional
	WorkloadObservedGeneration string `json:"workloadObservedGeneration,omitempty"`
	// +optional
	ALB *ALBStatus `json:"alb,omitempty"`
	// +optional
	ALBs []ALBStatus `json:"albs,omitempty"`
	// +optional
	Duration *RolloutDuration `json:"duration,omitempty"`
	// BlockedOn is the first gate that holds the rollout, absent where nothing
	// does.
	// +optional
	BlockedOn *BlockedOn `json:"blockedOn,omitempty"`
	// Managed lists each object of somebody else's that Sluice may have
	// edited, until it is confirmed as given back.
	// +optional
	Managed []ManagedObject `json:"managed,omitempty"`
}

// BlockedOn says what is waited for.
type BlockedOn struct {
	// Gate that is not open, such as "Capacity".
	Gate string `json:"gate"`
	// Object that it looks at, such as "ReplicaSet shop-6b7c".
	// +optional
	Object string `json:"object,omitempty"`
	// Have is what was observed, Want what is needed.
	// +optional
	Have string `json:"have,omitempty"`
	// +optional
	Want string `json:"want,omitempty"`
	// Since when the gate has been closed.
	Since metav1.Time `json:"since"`
}

// ManagedObject is an object of somebody else's, and what it takes to give it
// back.
type ManagedObject struct {
	// Router that edits it, the key under trafficRouting; empty for a Service.
	// +optional
	Router string `json:"router,omitempty"`
	// Group of the resource, empty for the core group.
	// +optional
	Group string `json:"group,omitempty"`
	// Resource is the plural name.
	Resource string `json:"resource"`
	Kind     string `json:"kind"`
	// +optional
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// StableService and CanaryService whose weights were edited.
	// +optional
	StableService string `json:"stableService,omitempty"`
	// +optional
	CanaryService string `json:"canaryService,omitempty"`
	// Rules that were weighted, empty for what the router takes by default.
	// +optional
	Rules []string `json:"rules,omitempty"`
	// ManagedRoutes that may have been added.
	// +optional
	ManagedRoutes []string `json:"managedRoutes,omitempty"`
}

// PauseCondition is one reason for a pause.
type PauseCondition struct {
	Reason    PauseReason `json:"reason"`
	StartTime metav1.Time `json:"startTime"`
}

// RolloutCondition is one condition.
type RolloutCondition struct {
	Type               RolloutConditionType   `json:"type"`
	Status             corev1.ConditionStatus `json:"status"`
	LastUpdateTime     metav1.Time            `json:"lastUpdateTime"`
	LastTransitionTime metav1.Time            `json:"lastTransitionTime"`
	Reason             string                 `json:"reason"`
	Message            string                 `json:"message"`
}

// CanaryStatus is what only a canary has.
type CanaryStatus struct {
	// Weights are what was observed on the data planes.
	// +optional
	Weights *TrafficWeights `json:"weights,omitempty"`
	// PausedStep is the index of the step that the pause condition
	// CanaryPauseStep belongs to.
	// +optional
	PausedStep *int32 `json:"pausedStep,omitempty"`
	// StablePingPong is "ping" or "pong".
	// +optional
	StablePingPong string `json:"stablePingPong,omitempty"`
	// +optional
	CurrentStepAnalysisRunStatus *RolloutAnalysisRunStatus `json:"currentStepAnalysisRunStatus,omitempty"`
	// +optional
	CurrentBackgroundAnalysisRunStatus *RolloutAnalysisRunStatus `json:"currentBackgroundAnalysisRunStatus,omitempty"`
	// +optional
	CurrentExperiment string `json:"currentExperiment,omitempty"`
	// +optional
	StepPluginStatuses []StepPluginStatus `json:"stepPluginStatuses,omitempty"`
}

// TrafficWeights are the weights of all destinations.
type TrafficWeights struct {
	Canary WeightDestination `json:"canary"`
	Stable WeightDestination `json:"stable"`
	// +optional
	Additional []WeightDestination `json:"additional,omitempty"`
	// Verified is whether every data plane that can acknowledge a weight has
	// done so, absent where none can.
	// +optional
	Verified *bool `json:"verified,omitempty"`
	// Since when these weights have been observed, to the microsecond.
	// +optional
	Since *metav1.MicroTime `json:"since,omitempty"`
	// Edition stands for the versions of the route objects that the weights were
	// read from: it differs after every edit of one, whoever made it.
	// +optional
	Edition string `json:"edition,omitempty"`
	// EditionSince is when this edition was first seen, to the microsecond.
	// +optional
	EditionSince *metav1.MicroTime `json:"editionSince,omitempty"`
	// Pods is the most pods that the canary has had for its weight since then, or
	// needed for it at first, and no more than were enough at any time. While it has
	// them, it keeps its weight.
	// +optional
	Pods int32 `json:"pods,omitempty"`
}

// WeightDestination is the weight of one Service.
type WeightDestination struct {
	Weight int32 `json:"weight"`
	// +optional
	ServiceName string `json:"serviceName,omitempty"`
	// +optional
	PodTemplateHash string `json:"podTemplateHash,omitempty"`
}

// RolloutAnalysisRunStatus sums up an AnalysisRun.
type RolloutAnalysisRunStatus struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	// +optional
	Message string `json:"message,omitempty"`
}

// StepPluginStatus is the state of a plugin step.
type StepPluginStatus struct {
	Index     int32  `json:"index"`
	Name      string `json:"name"`
	Operation string `json:"operation"`
	// +optional
	Phase string `json:"phase,omitempty"`
	// +optional
	Message string `json:"message,omitempty"`
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// +optional
	UpdatedAt *metav1.Time `json:"updatedAt,omitempty"`
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// +optional
	Backoff string `json:"backoff,omitempty"`
	// +optional
	Executions int32 `json:"executions,omitempty"`
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// Status is the plugin's own.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +optional
	Status json.RawMessage `json:"status,omitempty"`
}

// BlueGreenStatus is what only a blue-green rollout has.
type BlueGreenStatus struct {
	// +optional
	PreviewSelector string `json:"previewSelector,omitempty"`
	// +optional
	ActiveSelector string `json:"activeSelector,omitempty"`
	// +optional
	ScaleUpPreviewCheckPoint bool `json:"scaleUpPreviewCheckPoint,omitempty"`
	// +optional
	PrePromotionAnalysisRunStatus *RolloutAnalysisRunStatus `json:"prePromotionAnalysisRunStatus,omitempty"`
	// +optional
	PostPromotionAnalysisRunStatus *RolloutAnalysisRunStatus `json:"postPromotionAnalysisRunStatus,omitempty"`
}

// ALBStatus is what was found of a load balancer.
type ALBStatus struct {
	// +optional
	LoadBalancer AwsResourceRef `json:"loadBalancer,omitzero"`
	// +optional
	CanaryTargetGroup AwsResourceRef `json:"canaryTargetGroup,omitzero"`
	// +optional
	StableTargetGroup AwsResourceRef `json:"stableTargetGroup,omitzero"`
	// +optional
	Ingress string `json:"ingress,omitempty"`
}

// AwsResourceRef names a resource of AWS.
type AwsResourceRef struct {
	Name string `json:"name"`
	ARN  string `json:"arn"`
	// +optional
	FullName string `json:"fullName,omitempty"`
}

// RolloutDuration is how long the last update took, or takes.
type RolloutDuration struct {
	// RolloutStartedAt is when the revision, or the retry of it, began.
	// +optional
	RolloutStartedAt *metav1.Time `json:"rolloutStartedAt,omitempty"`
	// ManualPauseStartedAt is since when somebody is waited for.
	// +optional
	ManualPauseStartedAt *metav1.Time `json:"manualPauseStartedAt,omitempty"`
	// TotalManualPauseDurationSeconds adds up the pauses that are over.
	// +optional
	TotalManualPauseDurationSeconds *int64 `json:"totalManualPauseDurationSeconds,omitempty"`
	// FinishedAt is when it ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// CompletionStatus is how it ended: one of the Completion constants.
	// +optional
	CompletionStatus string `json:"completionStatus,omitempty"`
}
