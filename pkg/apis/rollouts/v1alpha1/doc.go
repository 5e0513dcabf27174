// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// +k8s:deepcopy-gen=package
// +groupName=argoproj.io

// Package v1alpha1 has the types of group argoproj.io: the Rollout and the
// kinds that go with it. Every field that a manifest or a foreign status patch
// can carry is here, whether or not it is supported yet, so that nothing is
// lost on the way.
package v1alpha1
