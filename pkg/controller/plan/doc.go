// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan is the state machine of a Rollout, and all of it. For is a pure
// function: equal snapshots give equal plans. It reads no clock, no cache and
// no cluster, and it remembers nothing.
//
// Vocabulary:
//
//	D          spec.replicas, the pods that carry everything
//	W          the total weight, 100 unless maxTrafficWeight says otherwise
//	revision   an owned ReplicaSet; s is the stable one, n the current one
//	current    the revision that status.currentPodHash names, not the template
//	role       stable or canary; each is played by a Service, S or C
//	slot       a role Service with the revision that its selector names
//	weight     the canary's share of W
//	carried    the weight that a role must be taken to have: what was observed
//	           and has settled, W for every role while that is not known
//	need(w)    the pods that a weight needs: max(1, ceil(w x D / W)), 0 for 0
//	target     what a rule wants; it becomes an order only past the gates
//	gate       a condition on what is observed, without which less is done
//	hand       a loop that carries out one part of a Plan
//
// How to read it: rules.go is the list of rules, first match wins, and each
// rule states a target. safety.go has every gate, one function each; whatever
// rule matched, its target passes all of them. advance.go decides whether a
// step is done. report.go says in status what is and what blocks.
package plan
