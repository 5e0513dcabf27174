// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// CanaryStrategy widens the share of the new version step by step.
type CanaryStrategy struct {
	// CanaryService and StableService are the role Services that traffic is
	// split between.
	// +optional
	CanaryService string `json:"canaryService,omitempty"`
	// +optional
	StableService string `json:"stableService,omitempty"`
	// Steps in their order. Without steps a new version takes over as soon as
	// it has all its pods.
	// +optional
	Steps []CanaryStep `json:"steps,omitempty"`
	// TrafficRouting splits traffic by weight. Without it the numbers of pods
	// are the split.
	// +optional
	TrafficRouting *RolloutTrafficRouting `json:"trafficRouting,omitempty"`
	// MaxUnavailable pods below D, a number or a percentage of D rounded
	// down; any numeric string is a percentage. Default 25 percent; 1 where
	// both this and MaxSurge come to 0.
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	// MaxSurge pods above D, a number or a percentage of D rounded up; any
	// numeric string is a percentage. Default 25 percent.
	// +optional
	MaxSurge *intstr.IntOrString `json:"maxSurge,omitempty"`
	// Analysis runs in the background.
	// +optional
	Analysis *RolloutAnalysisBackground `json:"analysis,omitempty"`
	// AntiAffinity keeps the pods of a new version off the nodes of the stable
	// one.
	// +optional
	AntiAffinity *AntiAffinity `json:"antiAffinity,omitempty"`
	// CanaryMetadata is on the pods of the new version until it is stable.
	// +optional
	CanaryMetadata *PodTemplateMetadata `json:"canaryMetadata,omitempty"`
	// StableMetadata is on the pods of the stable version.
	// +optional
	StableMetadata *PodTemplateMetadata `json:"stableMetadata,omitempty"`
	// ScaleDownDelaySeconds of an old version once it carries nothing, in
	// seconds. Default 30 with traffic routing, 0 without; 0 is at once.
	// +optional
	ScaleDownDelaySeconds *int32 `json:"scaleDownDelaySeconds,omitempty"`
	// ScaleDownDelayRevisionLimit of revisions that wait. No limit by default.
	// +optional
	ScaleDownDelayRevisionLimit *int32 `json:"scaleDownDelayRevisionLimit,omitempty"`
	// AbortScaleDownDelaySeconds of an aborted version once it carries
	// nothing, in seconds. Default 30 with traffic routing; 0 keeps it.
	// +optional
	AbortScaleDownDelaySeconds *int32 `json:"abortScaleDownDelaySeconds,omitempty"`
	// DynamicStableScale shrinks stable as its weight goes down.
	// +optional
	DynamicStableScale bool `json:"dynamicStableScale,omitempty"`
	// PingPong swaps the roles of two Services instead of their selectors.
	// +optional
	PingPong *PingPongSpec `json:"pingPong,omitempty"`
	// MinPodsPerReplicaSet of a side that has any.
	// +optional
	MinPodsPerReplicaSet *int32 `json:"minPodsPerReplicaSet,omitempty"`
	// ReplicaProgressThreshold says how many pods are enough for a step.
	// +optional
	ReplicaProgressThreshold *ReplicaProgressThreshold `json:"replicaProgressThreshold,omitempty"`
	// BoundedScaleUp: with traffic routing the new version too gets at most
	// maxSurge pods more at a time than it has available, so that a large step
	// does not start all its pods at once. Off by default. Sluice only.
	// +optional
	BoundedScaleUp bool `json:"boundedScaleUp,omitempty"`
	// Prewarm starts the pods that the next setWeight or setCanaryScale step
	// asks for while the current step lasts. Off by default. Sluice only.
	// +optional
	Prewarm bool `json:"prewarm,omitempty"`
	// AbortRamp takes the weight of an aborted version back in parts. By
	// default all of it goes at once. Sluice only.
	// +optional
	AbortRamp *AbortRamp `json:"abortRamp,omitempty"`
	// DrainGate keeps the pods of an old version until somebody says that
	// they are drained. Off by default. Sluice only.
	// +optional
	DrainGate *DrainGate `json:"drainGate,omitempty"`
}

// AbortRamp takes weight back in parts. Weight that stable lacks the pods for
// waits for them as ever, and weight that the canary has no pods for goes at
// once.
type AbortRamp struct {
	// Decrement of the weight at a time, at least 1.
	Decrement int32 `json:"decrement"`
	// IntervalSeconds between two decrements, at least 1.
	IntervalSeconds int32 `json:"intervalSeconds"`
}

// DrainGate holds the scale-down of an old version: beyond its delay it keeps
// as many pods as the annotation rollout.argoproj.io/keep-pods of its
// ReplicaSet says, and all of them while there is none.
type DrainGate struct {
	// TimeoutSeconds after which the pods go all the same, counted from the
	// end of the delay.
	TimeoutSeconds int32 `json:"timeoutSeconds"`
}

// PingPongSpec names two Services that swap roles.
type PingPongSpec struct {
	PingService string `json:"pingService"`
	PongService string `json:"pongService"`
}

// ReplicaProgressThreshold says how many pods are enough.
type ReplicaProgressThreshold struct {
	// Type is "Percent" or "Pods".
	Type  string `json:"type"`
	Value int32  `json:"value"`
}

// CanaryStep is one step. Exactly one field is set.
type CanaryStep struct {
	// SetWeight of the canary, 0 to the total weight.
	// +optional
	SetWeight *int32 `json:"setWeight,omitempty"`
	// +optional
	Pause *RolloutPause `json:"pause,omitempty"`
	// +optional
	SetCanaryScale *SetCanaryScale `json:"setCanaryScale,omitempty"`
	// +optional
	SetHeaderRoute *SetHeaderRoute `json:"setHeaderRoute,omitempty"`
	// +optional
	SetMirrorRoute *SetMirrorRoute `json:"setMirrorRoute,omitempty"`
	// +optional
	Experiment *RolloutExperimentStep `json:"experiment,omitempty"`
	// +optional
	Analysis *RolloutAnalysis `json:"analysis,omitempty"`
	// +optional
	Plugin *PluginStep `json:"plugin,omitempty"`
}

// RolloutPause waits.
type RolloutPause struct {
	// Duration in seconds where it is a number or has no unit, else such as
	// "10m". Without it the pause lasts until it is resumed.
	// +optional
	Duration *intstr.IntOrString `json:"duration,omitempty"`
}

// SetCanaryScale sizes the canary apart from its weight.
type SetCanaryScale struct {
	// Weight sizes it as that weight would.
	// +optional
	Weight *int32 `json:"weight,omitempty"`
	// Replicas is the number of pods.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// MatchTrafficWeight undoes an earlier setCanaryScale.
	// +optional
	MatchTrafficWeight bool `json:"matchTrafficWeight,omitempty"`
}

// SetHeaderRoute sends requests with given headers to the canary. Without a
// match it takes the route back.
type SetHeaderRoute struct {
	// Name, one of trafficRouting.managedRoutes.
	// +optional
	Name string `json:"name,omitempty"`
	// +optional
	Match []HeaderRoutingMatch `json:"match,omitempty"`
}

// HeaderRoutingMatch is one header.
type HeaderRoutingMatch struct {
	HeaderName  string       `json:"headerName"`
	HeaderValue *StringMatch `json:"headerValue"`
}

// StringMatch has exactly one field set.
type StringMatch struct {
	// +optional
	Exact string `json:"exact,omitempty"`
	// +optional
	Prefix string `json:"prefix,omitempty"`
	// +optional
	Regex string `json:"regex,omitempty"`
}

// SetMirrorRoute copies requests to the canary. Without a match it takes the
// route back.
type SetMirrorRoute struct {
	// Name, one of trafficRouting.managedRoutes.
	Name string `json:"name"`
	// +optional
	Match []RouteMatch `json:"match,omitempty"`
	// Percentage of the matching requests, 0 to 100. Default 100.
	// +optional
	Percentage *int32 `json:"percentage,omitempty"`
}

// RouteMatch describes requests; all that is set must hold.
type RouteMatch struct {
	// +optional
	Method *StringMatch `json:"method,omitempty"`
	// +optional
	Path *StringMatch `json:"path,omitempty"`
	// +optional
	Headers map[string]StringMatch `json:"headers,omitempty"`
}

// PluginStep runs a plugin.
type PluginStep struct {
	Name string `json:"name"`
	// Config is the plugin's own.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +optional
	Config json.RawMessage `json:"config,omitempty"`
}

// RolloutExperimentStep runs versions side by side.
type RolloutExperimentStep struct {
	Templates []RolloutExperimentTemplate `json:"templates"`
	// +optional
	Duration string `json:"duration,omitempty"`
	// +optional
	Analyses []RolloutExperimentStepAnalysisTemplateRef `json:"analyses,omitempty"`
	// +optional
	DryRun []DryRun `json:"dryRun,omitempty"`
	// +optional
	AnalysisRunMetadata AnalysisRunMetadata `json:"analysisRunMetadata,omitempty"`
	// +optional
	ScaleDownDelaySeconds *int32 `json:"scaleDownDelaySeconds,omitempty"`
}

// RolloutExperimentTemplate is one version of an experiment.
type RolloutExperimentTemplate struct {
	Name string `json:"name"`
	// SpecRef is "stable" or "canary".
	SpecRef string `json:"specRef"`
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// +optional
	Metadata PodTemplateMetadata `json:"metadata,omitempty"`
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	// +optional
	Weight *int32 `json:"weight,omitempty"`
	// +optional
	Service *TemplateService `json:"service,omitempty"`
}

// TemplateService makes a Service for a version of an experiment.
type TemplateService struct {
	// +optional
	Name string `json:"name,omitempty"`
}

// RolloutExperimentStepAnalysisTemplateRef judges an experiment.
type RolloutExperimentStepAnalysisTemplateRef struct {
	Name         string `json:"name"`
	TemplateName string `json:"templateName"`
	// +optional
	ClusterScope bool `json:"clusterScope,omitempty"`
	// +optional
	Args []AnalysisRunArgument `json:"args,omitempty"`
	// +optional
	RequiredForCompletion bool `json:"requiredForCompletion,omitempty"`
}
