// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mesh defines the values that the planner and the routers share, and
// the Router that each data plane implements. It decides nothing and touches
// no cluster; it imports nothing else of Sluice.
//
// Vocabulary:
//
//	role     stable or canary; each role is played by one Service
//	weight   a share of Route.Total, in its units
//	managed  a header or mirror route that Sluice adds and removes by name
//	object   one route object of the user's (a VirtualService, an HTTPRoute...)
//	level    how well an observation is known: Unknown < Accepted < Acked
package mesh
