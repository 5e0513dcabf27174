// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "k8s.io/apimachinery/pkg/util/intstr"

// CloudWatchMetric asks Amazon CloudWatch.
type CloudWatchMetric struct {
	// Interval of time that is asked for. Default "5m".
	// +optional
	Interval DurationString `json:"interval,omitempty"`
	// MetricDataQueries to ask.
	MetricDataQueries []CloudWatchMetricDataQuery `json:"metricDataQueries"`
}

// CloudWatchMetricDataQuery is one query.
type CloudWatchMetricDataQuery struct {
	// ID of the query, for expressions.
	// +optional
	ID string `json:"id,omitempty"`
	// Expression over other queries.
	// +optional
	Expression *string `json:"expression,omitempty"`
	// Label of the result.
	// +optional
	Label *string `json:"label,omitempty"`
	// MetricStat, instead of an expression.
	// +optional
	MetricStat *CloudWatchMetricStat `json:"metricStat,omitempty"`
	// Period between points, in seconds.
	// +optional
	Period *intstr.IntOrString `json:"period,omitempty"`
	// ReturnData of this query. Default true.
	// +optional
	ReturnData *bool `json:"returnData,omitempty"`
}

// CloudWatchMetricStat is a statistic of a metric.
type CloudWatchMetricStat struct {
	// Metric that is asked for.
	// +optional
	Metric CloudWatchMetricStatMetric `json:"metric,omitempty"`
	// Period between points, in seconds.
	// +optional
	Period *intstr.IntOrString `json:"period,omitempty"`
	// Stat is the statistic, such as "Average".
	// +optional
	Stat string `json:"stat,omitempty"`
	// Unit of the metric.
	// +optional
	Unit string `json:"unit,omitempty"`
}

// CloudWatchMetricStatMetric names a metric.
type CloudWatchMetricStatMetric struct {
	// Dimensions of the metric.
	// +optional
	Dimensions []CloudWatchMetricStatMetricDimension `json:"dimensions,omitempty"`
	// MetricName is its name.
	// +optional
	MetricName string `json:"metricName,omitempty"`
	// Namespace of the metric.
	// +optional
	Namespace *string `json:"namespace,omitempty"`
}

// CloudWatchMetricStatMetricDimension is one dimension.
type CloudWatchMetricStatMetricDimension struct {
	// Name of the dimension.
	// +optional
	Name string `json:"name,omitempty"`
	// Value of the dimension.
	// +optional
	Value string `json:"value,omitempty"`
}
