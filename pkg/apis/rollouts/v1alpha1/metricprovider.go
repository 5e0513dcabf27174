// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"encoding/json"

	batchv1 "k8s.io/api/batch/v1"
)

// MetricProvider is where a measurement comes from. Exactly one field is set.
type MetricProvider struct {
	// Prometheus is asked a query.
	// +optional
	Prometheus *PrometheusMetric `json:"prometheus,omitempty"`
	// Kayenta judges canary against baseline.
	// +optional
	Kayenta *KayentaMetric `json:"kayenta,omitempty"`
	// Web is any HTTP service that answers JSON.
	// +optional
	Web *WebMetric `json:"web,omitempty"`
	// Datadog is asked a query.
	// +optional
	Datadog *DatadogMetric `json:"datadog,omitempty"`
	// Wavefront is asked a query.
	// +optional
	Wavefront *WavefrontMetric `json:"wavefront,omitempty"`
	// NewRelic is asked a query.
	// +optional
	NewRelic *NewRelicMetric `json:"newRelic,omitempty"`
	// Job succeeds or fails.
	// +optional
	Job *JobMetric `json:"job,omitempty"`
	// CloudWatch is asked for metric data.
	// +optional
	CloudWatch *CloudWatchMetric `json:"cloudWatch,omitempty"`
	// Graphite is asked a query.
	// +optional
	Graphite *GraphiteMetric `json:"graphite,omitempty"`
	// Influxdb is asked a query.
	// +optional
	Influxdb *InfluxdbMetric `json:"influxdb,omitempty"`
	// SkyWalking is asked a query.
	// +optional
	SkyWalking *SkyWalkingMetric `json:"skywalking,omitempty"`
	// Plugin by name, with its own configuration.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +optional
	Plugin map[string]json.RawMessage `json:"plugin,omitempty"`
}

// PrometheusMetric asks Prometheus.
type PrometheusMetric struct {
	// Address of the server.
	// +optional
	Address string `json:"address,omitempty"`
	// Query in PromQL.
	// +optional
	Query string `json:"query,omitempty"`
	// Authentication to the server.
	// +optional
	Authentication Authentication `json:"authentication,omitempty"`
	// Timeout of a query, in seconds. Default 30.
	// +optional
	Timeout *int64 `json:"timeout,omitempty"`
	// Insecure accepts any certificate.
	// +optional
	Insecure bool `json:"insecure,omitempty"`
	// Headers of the request.
	// +optional
	Headers []WebMetricHeader `json:"headers,omitempty"`
	// RangeQuery asks for a range of time.
	// +optional
	RangeQuery *PrometheusRangeQueryArgs `json:"rangeQuery,omitempty"`
}

// PrometheusRangeQueryArgs is a range of time.
type PrometheusRangeQueryArgs struct {
	// Start is an expression for the first point in time.
	// +optional
	Start string `json:"start,omitempty"`
	// End is an expression for the last point in time.
	// +optional
	End string `json:"end,omitempty"`
	// Step between points, such as "1m".
	// +optional
	Step string `json:"step,omitempty"`
}

// Authentication to a metric server. At most one field is set.
type Authentication struct {
	// BasicAuth by user name and password.
	// +optional
	BasicAuth BasicAuthConfig `json:"basicAuth,omitempty"`
	// OAuth2 by client credentials.
	// +optional
	OAuth2 OAuth2Config `json:"oauth2,omitempty"`
	// Sigv4 signs requests as AWS wants it.
	// +optional
	Sigv4 Sigv4Config `json:"sigv4,omitempty"`
}

// BasicAuthConfig is a user name and a password.
type BasicAuthConfig struct {
	// Username to send.
	// +optional
	Username string `json:"username,omitempty"`
	// Password to send.
	// +optional
	Password string `json:"password,omitempty"`
}

// OAuth2Config is a client of an OAuth 2 server.
type OAuth2Config struct {
	// TokenURL is where a token is had.
	// +optional
	TokenURL string `json:"tokenUrl,omitempty"`
	// ClientID of the client.
	// +optional
	ClientID string `json:"clientId,omitempty"`
	// ClientSecret of the client.
	// +optional
	ClientSecret string `json:"clientSecret,omitempty"`
	// Scopes to ask for.
	// +optional
	Scopes []string `json:"scopes,omitempty"`
}

// Sigv4Config is how requests are signed.
type Sigv4Config struct {
	// Region of AWS.
	// +optional
	Region string `json:"region,omitempty"`
	// Profile of the credentials.
	// +optional
	Profile string `json:"profile,omitempty"`
	// RoleARN to assume.
	// +optional
	RoleARN string `json:"roleArn,omitempty"`
}

// WebMetric asks any HTTP service that answers JSON.
type WebMetric struct {
	// Method is GET, POST or PUT. Default GET.
	// +optional
	Method WebMetricMethod `json:"method,omitempty"`
	// URL to ask.
	URL string `json:"url"`
	// Headers of the request.
	// +optional
	Headers []WebMetricHeader `json:"headers,omitempty"`
	// Body of the request.
	// +optional
	Body string `json:"body,omitempty"`
	// JSONBody of the request, instead of Body.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +optional
	JSONBody json.RawMessage `json:"jsonBody,omitempty"`
	// TimeoutSeconds of the request. Default 10.
	// +optional
	TimeoutSeconds int64 `json:"timeoutSeconds,omitempty"`
	// JSONPath of the result within the answer. Default all of it.
	// +optional
	JSONPath string `json:"jsonPath,omitempty"`
	// Insecure accepts any certificate.
	// +optional
	Insecure bool `json:"insecure,omitempty"`
	// Authentication to the service.
	// +optional
	Authentication Authentication `json:"authentication,omitempty"`
}

// WebMetricMethod is an HTTP method.
type WebMetricMethod string

// WebMetricHeader is a header of a request.
type WebMetricHeader struct {
	// Key is the name of the header.
	Key string `json:"key"`
	// Value of the header.
	Value string `json:"value"`
}

// KayentaMetric asks Kayenta.
type KayentaMetric struct {
	// Address of the server.
	Address string `json:"address"`
	// Application that is judged.
	Application string `json:"application"`
	// CanaryConfigName of the judgement.
	CanaryConfigName string `json:"canaryConfigName"`
	// MetricsAccountName of the source of metrics.
	MetricsAccountName string `json:"metricsAccountName"`
	// ConfigurationAccountName of the store of configurations.
	ConfigurationAccountName string `json:"configurationAccountName"`
	// StorageAccountName of the store of results.
	StorageAccountName string `json:"storageAccountName"`
	// Threshold of the score.
	Threshold KayentaThreshold `json:"threshold"`
	// Scopes that are compared.
	Scopes []KayentaScope `json:"scopes"`
	// Lookback judges from the start of the run on each time.
	// +optional
	Lookback bool `json:"lookback,omitempty"`
}

// KayentaThreshold of the score, 0 to 100.
type KayentaThreshold struct {
	// Pass is the lowest score that is a success.
	Pass int64 `json:"pass"`
	// Marginal is the lowest score that is no failure.
	Marginal int64 `json:"marginal"`
}

// KayentaScope is what is compared.
type KayentaScope struct {
	// Name of the scope.
	Name string `json:"name"`
	// ControlScope is the baseline.
	ControlScope ScopeDetail `json:"controlScope"`
	// ExperimentScope is the canary.
	ExperimentScope ScopeDetail `json:"experimentScope"`
}

// ScopeDetail is one side of a comparison.
type ScopeDetail struct {
	// Scope of the metrics.
	Scope string `json:"scope"`
	// Region of the metrics.
	Region string `json:"region"`
	// Step between points, in seconds.
	Step int64 `json:"step"`
	// Start of the time that is compared.
	// +optional
	Start string `json:"start,omitempty"`
	// End of the time that is compared.
	// +optional
	End string `json:"end,omitempty"`
}

// DatadogMetric asks Datadog.
type DatadogMetric struct {
	// Interval of time that is asked for. Default "5m".
	// +optional
	Interval DurationString `json:"interval,omitempty"`
	// RequestTimeout of a query, such as "10s".
	// +optional
	RequestTimeout DurationString `json:"requestTimeout,omitempty"`
	// Query, the only one.
	// +optional
	Query string `json:"query,omitempty"`
	// Queries by name, for Formula.
	// +optional
	Queries map[string]string `json:"queries,omitempty"`
	// Formula over Queries.
	// +optional
	Formula string `json:"formula,omitempty"`
	// APIVersion is "v1" (default) or "v2".
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// Aggregator of API v2. Default "last".
	// +optional
	Aggregator string `json:"aggregator,omitempty"`
	// SecretRef names the Secret with the keys.
	// +optional
	SecretRef SecretRef `json:"secretRef,omitempty"`
}

// SecretRef names a Secret.
type SecretRef struct {
	// Name of the Secret.
	// +optional
	Name string `json:"name,omitempty"`
	// Namespaced: it is in the run's namespace, not the controller's.
	// +optional
	Namespaced bool `json:"namespaced,omitempty"`
}

// WavefrontMetric asks Wavefront.
type WavefrontMetric struct {
	// Address of the server.
	// +optional
	Address string `json:"address,omitempty"`
	// Query of the server.
	// +optional
	Query string `json:"query,omitempty"`
}

// NewRelicMetric asks New Relic.
type NewRelicMetric struct {
	// Profile names the Secret with the account. Default "newrelic".
	// +optional
	Profile string `json:"profile,omitempty"`
	// Query in NRQL.
	Query string `json:"query"`
	// Timeout of a query, in seconds. Default 10.
	// +optional
	Timeout *int64 `json:"timeout,omitempty"`
}

// JobMetric runs a Job.
type JobMetric struct {
	// Metadata of the Job.
	// +optional
	Metadata JobMetadata `json:"metadata,omitempty"`
	// Spec of the Job.
	Spec batchv1.JobSpec `json:"spec"`
}

// JobMetadata is added to the Job.
type JobMetadata struct {
	// Labels of the Job.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the Job.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// GraphiteMetric asks Graphite.
type GraphiteMetric struct {
	// Address of the server.
	// +optional
	Address string `json:"address,omitempty"`
	// Query of the server.
	// +optional
	Query string `json:"query,omitempty"`
}

// InfluxdbMetric asks InfluxDB.
type InfluxdbMetric struct {
	// Profile names the Secret with the account. Default "influxdb".
	// +optional
	Profile string `json:"profile,omitempty"`
	// Query in Flux.
	// +optional
	Query string `json:"query,omitempty"`
}

// SkyWalkingMetric asks Apache SkyWalking.
type SkyWalkingMetric struct {
	// Address of the server.
	// +optional
	Address string `json:"address,omitempty"`
	// Query in GraphQL.
	// +optional
	Query string `json:"query,omitempty"`
	// Interval of time that is asked for. Default "5m".
	// +optional
	Interval DurationString `json:"interval,omitempty"`
}
