// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package all lists every data plane that Sluice knows.
package all

import (
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/gatewayapi"
	"github.com/sluice-rollouts/sluice/pkg/mesh/istio"
)

// Kinds in the order in which they are observed.
func Kinds() []mesh.Kind {
	return []mesh.Kind{istio.Kind(), gatewayapi.Kind()}
}
