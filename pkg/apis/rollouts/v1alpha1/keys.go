// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Labels and annotations, to the letter as clients know them.
const (
	// DefaultRolloutUniqueLabelKey marks ReplicaSets, pods and role Services
	// with a revision.
	DefaultRolloutUniqueLabelKey = "rollouts-pod-template-hash"
	// RevisionAnnotation is the revision number, on Rollouts and ReplicaSets.
	RevisionAnnotation = "rollout.argoproj.io/revision"
	// RevisionHistoryAnnotation lists the earlier numbers of a ReplicaSet that
	// is used again.
	RevisionHistoryAnnotation = "rollout.argoproj.io/revision-history"
	// DesiredReplicasAnnotation is the D that a ReplicaSet was last scaled for.
	DesiredReplicasAnnotation = "rollout.argoproj.io/desired-replicas"
	// FilledForAnnotation is the D for which a ReplicaSet once had all pods.
	FilledForAnnotation = "rollout.argoproj.io/filled-for"
	// WorkloadGenerationAnnotation is the generation of a referenced workload.
	WorkloadGenerationAnnotation = "rollout.argoproj.io/workload-generation"
	// EphemeralMetadataAnnotation is the metadata that was injected.
	EphemeralMetadataAnnotation = "rollout.argoproj.io/ephemeral-metadata"
	// ScaleDownDeadlineAnnotation is when a ReplicaSet goes to 0, RFC 3339.
	ScaleDownDeadlineAnnotation = "scale-down-deadline"
	// KeepPodsAnnotation is set by others on an old ReplicaSet: the pods that
	// a drain gate still has to keep.
	KeepPodsAnnotation = "rollout.argoproj.io/keep-pods"
	// ManagedByAnnotation names the Rollout that a Service belongs to.
	ManagedByAnnotation = "argo-rollouts.argoproj.io/managed-by-rollouts"
	// InstanceIDLabel says which of several controllers an object is for.
	InstanceIDLabel = "argo-rollouts.argoproj.io/controller-instance-id"
	// LastAppliedAnnotation is kubectl's, and stays on the object it is on.
	LastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration"
	// NotifiedAnnotation is the notification engine's.
	NotifiedAnnotation = "notified.notifications.argoproj.io"
	// GatewayAPIPlugin is the plugin whose configuration is read as
	// trafficRouting.gatewayAPI.
	GatewayAPIPlugin = "argoproj-labs/gatewayAPI"
)

// PauseReason is why a rollout is paused.
type PauseReason string

// The reasons for a pause.
const (
	PauseReasonCanaryPauseStep        PauseReason = "CanaryPauseStep"
	PauseReasonBlueGreenPause         PauseReason = "BlueGreenPause"
	PauseReasonInconclusiveAnalysis   PauseReason = "InconclusiveAnalysisRun"
	PauseReasonInconclusiveExperiment PauseReason = "InconclusiveExperiment"
)

// RolloutPhase sums a status up.
type RolloutPhase string

// The phases.
const (
	RolloutPhaseHealthy     RolloutPhase = "Healthy"
	RolloutPhaseDegraded    RolloutPhase = "Degraded"
	RolloutPhaseProgressing RolloutPhase = "Progressing"
	RolloutPhasePaused      RolloutPhase = "Paused"
)

// RolloutConditionType is the type of a condition.
type RolloutConditionType string

// The condition types.
const (
	InvalidSpec           RolloutConditionType = "InvalidSpec"
	RolloutAvailable      RolloutConditionType = "Available"
	RolloutProgressing    RolloutConditionType = "Progressing"
	RolloutReplicaFailure RolloutConditionType = "ReplicaFailure"
	RolloutPaused         RolloutConditionType = "Paused"
	RolloutCompleted      RolloutConditionType = "Completed"
	RolloutHealthy        RolloutConditionType = "Healthy"
)

// The reasons of conditions.
const (
	ReasonInvalidSpec              = "InvalidSpec"
	ReasonAvailable                = "AvailableReason"
	ReasonPaused                   = "RolloutPaused"
	ReasonResumed                  = "RolloutResumed"
	ReasonRolloutRetry             = "RolloutRetry"
	ReasonRolloutAborted           = "RolloutAborted"
	ReasonHealthy                  = "RolloutHealthy"
	ReasonCompleted                = "RolloutCompleted"
	ReasonNewReplicaSetCreated     = "NewReplicaSetCreated"
	ReasonFoundNewReplicaSet       = "FoundNewReplicaSet"
	ReasonReplicaSetUpdated        = "ReplicaSetUpdated"
	ReasonNewReplicaSetAvailable   = "NewReplicaSetAvailable"
	ReasonReplicaSetNotAvailable   = "ReplicaSetNotAvailable"
	ReasonProgressDeadlineExceeded = "ProgressDeadlineExceeded"
	ReasonReplicaSetCreateError    = "ReplicaSetCreateError"
)

// How an update can have ended: status.duration.completionStatus.
const (
	// All steps were done, or there was nothing to update from.
	CompletionPromoted = "Promoted"
	// The user skipped what was left of the steps.
	CompletionFastPromoted = "FastPromoted"
	CompletionAborted      = "Aborted"
	// A newer revision came mid-way.
	CompletionSuperseded = "Superseded"
	// A revision older than the stable one went through all steps.
	CompletionRolledBack = "RolledBack"
	// The stable template came back, or an older one without the steps.
	CompletionFastRolledBack = "FastRolledBack"
)

// The reasons of events.
const (
	EventRolloutUpdated         = "RolloutUpdated"
	EventNewReplicaSetCreated   = "NewReplicaSetCreated"
	EventReplicaSetCreateError  = "ReplicaSetCreateError"
	EventScalingReplicaSet      = "ScalingReplicaSet"
	EventRolloutStepCompleted   = "RolloutStepCompleted"
	EventRolloutPaused          = "RolloutPaused"
	EventRolloutResumed         = "RolloutResumed"
	EventRolloutAborted         = "RolloutAborted"
	EventRolloutCompleted       = "RolloutCompleted"
	EventRolloutNotCompleted    = "RolloutNotCompleted"
	EventRolloutDeleted         = "RolloutDeleted"
	EventSkipSteps              = "SkipSteps"
	EventSwitchService          = "SwitchService"
	EventTrafficWeightUpdated   = "TrafficWeightUpdated"
	EventTrafficRoutingError    = "TrafficRoutingError"
	EventReconciliationError    = "ReconciliationError"
	EventRolloutBlocked         = "RolloutBlocked"
	EventSpecAdvice             = "SpecAdvice"
	EventRolloutAddedToInformer = "RolloutAddedToInformer"
)
