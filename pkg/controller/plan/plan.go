// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"
)

// Plan is what each hand has to do now. Carrying out any part of it, or none,
// in any order, is safe.
type Plan struct {
	// Rule that decided: the answer to "why".
	Rule string
	// Create is the hash of the revision to create, with 0 replicas and the
	// number Number; "" for none.                            -> rollout loop
	Create string
	// Apart keeps the pods of the revision to create off the nodes of another,
	// nil where they may share them.                         -> rollout loop
	Apart *replicaset.Apart
	// Number is the revision number of the current revision, and of the
	// Rollout.                                               -> rollout loop
	Number int64
	// Inject has the metadata to put into templates, by hash; one that is to
	// stay as it is has no entry.                            -> rollout loop
	Inject map[string]Injection
	// Relabel has what to change about the pods of revisions whose template
	// has changed, by hash.                                  -> scale loop
	Relabel map[string]replicaset.Change
	// Delete names the revisions beyond the history limit.   -> rollout loop
	Delete []string
	// Sets has the revisions to scale or to annotate, by hash; one that is to
	// stay as it is has no entry.                            -> scale loop
	Sets map[string]Set
	// Workload is the size of the referenced Deployment, nil for as it is.
	//                                                        -> scale loop
	Workload *int32
	// Evict names the pods to evict.                         -> scale loop
	Evict []string
	// Slots has the revision that each Service selects; one that is to stay
	// as it is has no entry.                                 -> slots loop
	Slots map[mesh.Role]string
	// Release lists what to give back.          -> slots and traffic loops
	Release []v1alpha1.ManagedObject
	// Route is what every route object carries, without Objects; nil leaves
	// them as they are.                                      -> traffic loops
	Route *mesh.Route
	// Urgent: however often Route is undone, it is written again soon. It takes
	// weight off the canary, or off stable pods that do not carry it.
	Urgent bool
	// Status as it should be.                                -> rollout loop
	Status v1alpha1.RolloutStatus
	// Finished is the record of the update that ends with the status write,
	// nil for none; to be counted after it.
	Finished *v1alpha1.RolloutDuration
	// Events tell of the status write, and are sent after it.
	Events []Event
	// After is when to look again; 0 for only on a change.
	After time.Duration
}

// Set is how one revision should be scaled.
type Set struct {
	Size int32
	// Shrinks: Size is below what the ReplicaSet has.
	Shrinks bool
	// Deadline for scaling it down, nil for none.
	Deadline *time.Time
	// FilledFor is the D for which it has all its pods, 0 for none.
	FilledFor       int32
	MinReadySeconds int32
}

// Event is told to the user.
type Event struct {
	Warning         bool
	Reason, Message string
}

// For plans the next writes for what is seen in s.
func For(s Snapshot) Plan {
	v := look(s)
	t := want(v)
	o := allow(v, t)
	return report(v, t, o)
}
