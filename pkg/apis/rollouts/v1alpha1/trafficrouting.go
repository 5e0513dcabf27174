// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RolloutTrafficRouting names the data planes that carry the weights. Several
// may be set; each gets the same route.
type RolloutTrafficRouting struct {
	// +optional
	Istio *IstioTrafficRouting `json:"istio,omitempty"`
	// +optional
	GatewayAPI *GatewayAPITrafficRouting `json:"gatewayAPI,omitempty"`
	// +optional
	Nginx *NginxTrafficRouting `json:"nginx,omitempty"`
	// +optional
	ALB *ALBTrafficRouting `json:"alb,omitempty"`
	// +optional
	SMI *SMITrafficRouting `json:"smi,omitempty"`
	// +optional
	Ambassador *AmbassadorTrafficRouting `json:"ambassador,omitempty"`
	// +optional
	AppMesh *AppMeshTrafficRouting `json:"appMesh,omitempty"`
	// +optional
	Traefik *TraefikTrafficRouting `json:"traefik,omitempty"`
	// +optional
	Apisix *ApisixTrafficRouting `json:"apisix,omitempty"`
	// Plugins by name, with their own configuration.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +optional
	Plugins map[string]json.RawMessage `json:"plugins,omitempty"`
	// ManagedRoutes names the header and mirror routes that steps may make, in
	// the order in which they are matched.
	// +optional
	ManagedRoutes []ManagedRoute `json:"managedRoutes,omitempty"`
	// MaxTrafficWeight is W, the total weight. Default 100.
	// +optional
	MaxTrafficWeight *int32 `json:"maxTrafficWeight,omitempty"`
}

// ManagedRoute names one managed route.
type ManagedRoute struct {
	Name string `json:"name"`
}

// GatewayAPITrafficRouting splits traffic by routes of the Gateway API.
// plugins["argoproj-labs/gatewayAPI"] is read as the same thing.
type GatewayAPITrafficRouting struct {
	// HTTPRoute is the name of the one HTTPRoute.
	// +optional
	HTTPRoute string `json:"httpRoute,omitempty"`
	// HTTPRoutes is for several.
	// +optional
	HTTPRoutes []GatewayAPIRoute `json:"httpRoutes,omitempty"`
	// Rules of HTTPRoute, by name, whose backends are weighted. Default: every
	// rule that has both Services.
	// +optional
	Rules []string `json:"rules,omitempty"`
	// Namespace of the routes. Default: that of the Rollout.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// +optional
	GRPCRoute string `json:"grpcRoute,omitempty"`
	// +optional
	GRPCRoutes []GatewayAPIRoute `json:"grpcRoutes,omitempty"`
	// +optional
	TCPRoute string `json:"tcpRoute,omitempty"`
	// +optional
	TCPRoutes []GatewayAPIRoute `json:"tcpRoutes,omitempty"`
	// +optional
	TLSRoute string `json:"tlsRoute,omitempty"`
	// +optional
	TLSRoutes []GatewayAPIRoute `json:"tlsRoutes,omitempty"`
	// HTTPRouteSelector finds routes by label.
	// +optional
	HTTPRouteSelector *metav1.LabelSelector `json:"httpRouteSelector,omitempty"`
	// +optional
	GRPCRouteSelector *metav1.LabelSelector `json:"grpcRouteSelector,omitempty"`
	// +optional
	TCPRouteSelector *metav1.LabelSelector `json:"tcpRouteSelector,omitempty"`
	// +optional
	TLSRouteSelector *metav1.LabelSelector `json:"tlsRouteSelector,omitempty"`
	// DisableInProgressLabel keeps the label below off the routes.
	// +optional
	DisableInProgressLabel bool `json:"disableInProgressLabel,omitempty"`
	// InProgressLabelKey of the label that routes carry while the canary has
	// weight. Default "rollouts.argoproj.io/gatewayapi-canary".
	// +optional
	InProgressLabelKey string `json:"inProgressLabelKey,omitempty"`
	// InProgressLabelValue, default "in-progress".
	// +optional
	InProgressLabelValue string `json:"inProgressLabelValue,omitempty"`
}

// GatewayAPIRoute is one of several routes.
type GatewayAPIRoute struct {
	Name string `json:"name"`
	// UseHeaderRoutes puts header and mirror routes on this route too.
	// +optional
	UseHeaderRoutes bool `json:"useHeaderRoutes,omitempty"`
	// Rules, by name, whose backends are weighted. Default: every rule that
	// has both Services.
	// +optional
	Rules []string `json:"rules,omitempty"`
}

// IstioTrafficRouting splits traffic by VirtualServices.
type IstioTrafficRouting struct {
	// VirtualService is the one VirtualService.
	// +optional
	VirtualService *IstioVirtualService `json:"virtualService,omitempty"`
	// VirtualServices is for several.
	// +optional
	VirtualServices []IstioVirtualService `json:"virtualServices,omitempty"`
	// DestinationRule names subsets instead of hosts.
	// +optional
	DestinationRule *IstioDestinationRule `json:"destinationRule,omitempty"`
}

// IstioVirtualService names a VirtualService and its weighted routes.
type IstioVirtualService struct {
	// Name, or name.namespace.
	Name string `json:"name"`
	// Routes, by name, that are weighted. Default: the only one.
	// +optional
	Routes []string `json:"routes,omitempty"`
	// +optional
	TLSRoutes []TLSRoute `json:"tlsRoutes,omitempty"`
	// +optional
	TCPRoutes []TCPRoute `json:"tcpRoutes,omitempty"`
}

// TLSRoute selects a TLS route by port and SNI hosts.
type TLSRoute struct {
	// +optional
	Port int64 `json:"port,omitempty"`
	// +optional
	SNIHosts []string `json:"sniHosts,omitempty"`
}

// TCPRoute selects a TCP route by port.
type TCPRoute struct {
	// +optional
	Port int64 `json:"port,omitempty"`
}

// IstioDestinationRule names a DestinationRule and its subsets.
type IstioDestinationRule struct {
	Name             string `json:"name"`
	CanarySubsetName string `json:"canarySubsetName"`
	StableSubsetName string `json:"stableSubsetName"`
	// +optional
	AdditionalSubsetNames []string `json:"additionalSubsetNames,omitempty"`
}

// NginxTrafficRouting splits traffic by canary Ingresses.
type NginxTrafficRouting struct {
	// +optional
	AnnotationPrefix string `json:"annotationPrefix,omitempty"`
	// +optional
	StableIngress string `json:"stableIngress,omitempty"`
	// +optional
	StableIngresses []string `json:"stableIngresses,omitempty"`
	// +optional
	AdditionalIngressAnnotations map[string]string `json:"additionalIngressAnnotations,omitempty"`
	// +optional
	CanaryIngressAnnotations map[string]string `json:"canaryIngressAnnotations,omitempty"`
}

// ALBTrafficRouting splits traffic by action annotations.
type ALBTrafficRouting struct {
	// +optional
	Ingress     string `json:"ingress,omitempty"`
	ServicePort int32  `json:"servicePort"`
	// +optional
	RootService string `json:"rootService,omitempty"`
	// +optional
	AnnotationPrefix string `json:"annotationPrefix,omitempty"`
	// +optional
	StickinessConfig *StickinessConfig `json:"stickinessConfig,omitempty"`
	// +optional
	Ingresses []string `json:"ingresses,omitempty"`
}

// StickinessConfig keeps a client on one side.
type StickinessConfig struct {
	Enabled bool `json:"enabled"`
	// DurationSeconds, 1 to 604800.
	DurationSeconds int64 `json:"durationSeconds"`
}

// SMITrafficRouting splits traffic by a TrafficSplit.
type SMITrafficRouting struct {
	// +optional
	RootService string `json:"rootService,omitempty"`
	// +optional
	TrafficSplitName string `json:"trafficSplitName,omitempty"`
}

// AmbassadorTrafficRouting splits traffic by Mappings.
type AmbassadorTrafficRouting struct {
	Mappings []string `json:"mappings"`
}

// AppMeshTrafficRouting splits traffic by an App Mesh VirtualService.
type AppMeshTrafficRouting struct {
	// +optional
	VirtualService *AppMeshVirtualService `json:"virtualService,omitempty"`
	// +optional
	VirtualNodeGroup *AppMeshVirtualNodeGroup `json:"virtualNodeGroup,omitempty"`
}

// AppMeshVirtualService names a VirtualService and its routes.
type AppMeshVirtualService struct {
	Name string `json:"name"`
	// +optional
	Routes []string `json:"routes,omitempty"`
}

// AppMeshVirtualNodeGroup names the nodes of both sides.
type AppMeshVirtualNodeGroup struct {
	CanaryVirtualNodeRef *AppMeshVirtualNodeReference `json:"canaryVirtualNodeRef"`
	StableVirtualNodeRef *AppMeshVirtualNodeReference `json:"stableVirtualNodeRef"`
}

// AppMeshVirtualNodeReference names a VirtualNode.
type AppMeshVirtualNodeReference struct {
	Name string `json:"name"`
}

// TraefikTrafficRouting splits traffic by a TraefikService.
type TraefikTrafficRouting struct {
	WeightedTraefikServiceName string `json:"weightedTraefikServiceName"`
}

// ApisixTrafficRouting splits traffic by an ApisixRoute.
type ApisixTrafficRouting struct {
	// +optional
	Route *ApisixRoute `json:"route,omitempty"`
}

// ApisixRoute names an ApisixRoute and its rules.
type ApisixRoute struct {
	Name string `json:"name"`
	// +optional
	Rules []string `json:"rules,omitempty"`
}
