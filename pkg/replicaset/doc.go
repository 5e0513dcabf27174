// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package replicaset is the arithmetic and the identity of ReplicaSets: how
// many pods a share of traffic needs, what pods can carry, how a canary
// without traffic routing moves towards its target, and which ReplicaSet
// belongs to which template. It takes and gives plain values; it never reads
// a clock or a cluster.
package replicaset
