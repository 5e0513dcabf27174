// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// Defaults, as in wire contract 2.1. Nothing is ever written into a spec.
const (
	DefaultReplicas                = int32(1)
	DefaultRevisionHistoryLimit    = int32(10)
	DefaultProgressDeadlineSeconds = int32(600)
	DefaultScaleDownDelaySeconds   = int32(30)
	DefaultTotalWeight             = int32(100)
	defaultBound                   = "25" // percent, for maxSurge and maxUnavailable
)

// Desired is D.
func (s *RolloutSpec) Desired() int32 { return orDefault(s.Replicas, DefaultReplicas) }

// HistoryLimit is how many old ReplicaSets without pods are kept.
func (s *RolloutSpec) HistoryLimit() int32 {
	return max(0, orDefault(s.RevisionHistoryLimit, DefaultRevisionHistoryLimit))
}

// ProgressDeadline is how long nothing may happen.
func (s *RolloutSpec) ProgressDeadline() time.Duration {
	return seconds(orDefault(s.ProgressDeadlineSeconds, DefaultProgressDeadlineSeconds))
}

// MaxSurge is how many pods there may be above D.
func (s *RolloutSpec) MaxSurge() int32 {
	if s.Strategy.Canary == nil {
		return 0
	}
	surge, _ := bound(s.Strategy.Canary.MaxSurge, s.Desired(), true)
	return max(0, surge)
}

// MaxUnavailable is how many of D pods may be missing: never more than D, and
// at least 1 where MaxSurge leaves no room either.
func (s *RolloutSpec) MaxUnavailable() int32 {
	if s.Strategy.Canary == nil {
		return 0
	}
	missing, _ := bound(s.Strategy.Canary.MaxUnavailable, s.Desired(), false)
	if missing == 0 && s.MaxSurge() == 0 {
		missing = 1
	}
	return max(0, min(missing, s.Desired()))
}

// bound resolves maxSurge or maxUnavailable. Any numeric string is a
// percentage of desired, with or without the sign.
func bound(v *intstr.IntOrString, desired int32, up bool) (int32, error) {
	text := defaultBound
	switch {
	case v == nil:
	case v.Type == intstr.Int:
		return v.IntVal, nil
	default:
		text = v.StrVal
	}
	percent, err := strconv.ParseInt(strings.TrimSuffix(text, "%"), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor a percentage", text)
	}
	product := percent * int64(desired)
	if up {
		product += 99
	}
	return int32(min(product/100, math.MaxInt32)), nil
}

// ParseBound checks a maxSurge or maxUnavailable, and resolves it for
// desired pods.
func ParseBound(v *intstr.IntOrString, desired int32, up bool) (int32, error) {
	return bound(v, desired, up)
}

// TotalWeight is W, the sum of the weights of both sides.
func (c *CanaryStrategy) TotalWeight() int32 {
	if c.TrafficRouting == nil {
		return DefaultTotalWeight
	}
	return orDefault(c.TrafficRouting.MaxTrafficWeight, DefaultTotalWeight)
}

// ScaleDownDelay is how long an old revision keeps its pods once it carries
// nothing.
func (s *RolloutSpec) ScaleDownDelay() time.Duration {
	c := s.Strategy.Canary
	switch {
	case c == nil, c.TrafficRouting == nil && c.ScaleDownDelaySeconds == nil, c.DynamicStableScale:
		return 0
	default:
		return seconds(orDefault(c.ScaleDownDelaySeconds, DefaultScaleDownDelaySeconds))
	}
}

// AbortScaleDownDelay is how long an aborted revision keeps its pods once it
// carries nothing; down is false where it keeps them for good.
func (s *RolloutSpec) AbortScaleDownDelay() (delay time.Duration, down bool) {
	c := s.Strategy.Canary
	if c == nil {
		return 0, true
	}
	if d := c.AbortScaleDownDelaySeconds; d != nil {
		return seconds(*d), *d > 0
	}
	if c.TrafficRouting == nil || c.DynamicStableScale {
		return 0, true
	}
	return seconds(DefaultScaleDownDelaySeconds), true
}

// Values of status.canary.stablePingPong.
const (
	Ping = "ping"
	Pong = "pong"
)

// Swapped is the side that becomes stable at a promotion.
func Swapped(stable string) string {
	if stable == Pong {
		return Ping
	}
	return Pong
}

// RoleServices names the Services that play the stable and the canary role.
// With pingPong they are told by status.canary.stablePingPong; ping is stable
// where that says nothing.
func (c *CanaryStrategy) RoleServices(stablePingPong string) (stable, canary string) {
	switch {
	case c.PingPong == nil:
		return c.StableService, c.CanaryService
	case stablePingPong == Pong:
		return c.PingPong.PongService, c.PingPong.PingService
	default:
		return c.PingPong.PingService, c.PingPong.PongService
	}
}

// Enough is how many available pods of a number make a step complete: all of
// them, or what replicaProgressThreshold says, but never none and never more
// than there are to be.
//
// Source: wire contract 2.10.
func (c *CanaryStrategy) Enough(pods int32) int32 {
	t := c.ReplicaProgressThreshold
	if t == nil || t.Value < 0 || pods <= 0 {
		return pods
	}
	enough := t.Value
	if t.Type == ThresholdPercent {
		enough = int32(min((int64(pods)*int64(t.Value)+99)/100, math.MaxInt32))
	}
	return min(max(1, enough), pods)
}

// Types of a replicaProgressThreshold.
const (
	ThresholdPercent = "Percent"
	ThresholdPods    = "Pods"
)

// Length of the pause; timed is false where it lasts until it is resumed.
func (p *RolloutPause) Length() (length time.Duration, timed bool) {
	if p.Duration == nil {
		return 0, false
	}
	d, err := p.Parse()
	return d, err == nil
}

// Parse reads the duration: seconds where it has no unit.
func (p *RolloutPause) Parse() (time.Duration, error) {
	switch {
	case p.Duration == nil:
		return 0, nil
	case p.Duration.Type == intstr.Int:
		return seconds(p.Duration.IntVal), nil
	}
	if n, err := strconv.ParseInt(p.Duration.StrVal, 10, 32); err == nil {
		return seconds(int32(n)), nil
	}
	return time.ParseDuration(p.Duration.StrVal)
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

func orDefault(p *int32, value int32) int32 {
	if p == nil {
		return value
	}
	return *p
}
