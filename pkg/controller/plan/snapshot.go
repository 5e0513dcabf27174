// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"
)

// Snapshot is everything that a decision may depend on. It is read-only.
type Snapshot struct {
	// Now is the only clock reading of a sync.
	Now      time.Time
	Settings Settings
	// Rollout has the template and the selector of its workload, where it
	// refers to one.
	Rollout *v1alpha1.Rollout
	// Workload that the Rollout refers to, nil where it does not.
	Workload *Workload
	// Template is the hash label of the owned ReplicaSet whose template means
	// the same as the Rollout's; where there is none, the hash that a new one
	// will get. StepHash is the hash of the steps.
	Template, StepHash string
	// Untried is the hash of the Rollout's template while it is not known
	// whether it means the same as that of a revision, "" if it is. Template
	// is that of the current revision meanwhile.
	Untried string
	// Going: the ReplicaSet of Template is being deleted, and another of its
	// name can only be made once it is gone.
	Going bool
	// Taken: the hash that a new revision would get is that of another
	// ReplicaSet. Template is that of the current revision meanwhile.
	Taken bool
	// Invalid lists what is wrong with the spec itself.
	Invalid []string
	// Refs lists the referenced objects that are missing or malformed.
	Refs []Ref
	// Revisions are the owned ReplicaSets, oldest revision number first.
	Revisions []Revision
	// Unclaimed names the ReplicaSets that are to be owned, and have no owner.
	Unclaimed []string
	// Slots has an entry for each role Service that the spec names.
	Slots map[mesh.Role]Slot
	// Traffic has an entry per configured Kind; its zero value is Unknown.
	// Matches is judged against Goal(Rollout).
	Traffic []mesh.Observed
	// Orphans are objects that status.managed lists and the spec no longer
	// names, as observed.
	Orphans []Orphan
	// Pods are read only while a restart is due.
	Pods []Pod
	// Faults holds the last error of each hand and object. It may explain a
	// plan, and never permits a write.
	Faults []Fault
}

// Settings are the same for all rollouts.
type Settings struct {
	// SettleAcked and SettleUnacked are how long an observed weight must have
	// stood before what cannot be undone is done.
	SettleAcked, SettleUnacked time.Duration
	// AckTimeout, where not 0, is how long to wait for a data plane's
	// acknowledgement before being content with Accepted.
	AckTimeout time.Duration
}

// Revision is one owned ReplicaSet.
type Revision struct {
	Name, Hash string
	// Meaning of its template, as replicaset.Meaning gives it without what
	// was injected.
	Meaning  string
	Injected replicaset.Injected
	// Own is the metadata that its template has itself, as far as is known.
	Own replicaset.Metadata
	// Number is its revision annotation, 0 where there is none.
	Number  int64
	Created time.Time
	// Spec is spec.replicas; the others are its status.
	Spec, Replicas, Ready, Available int32
	MinReadySeconds                  int32
	// New: it was made, and nothing was asked of it yet.
	New bool
	// Lagging: its status is older than its spec.
	Lagging bool
	// Stale: what was read may be older than our last write to it.
	Stale bool
	// Deadline for scaling it down, nil where none is set.
	Deadline *time.Time
	// FilledFor is the D for which it once had all its pods, 0 if unknown.
	FilledFor int32
	// KeepPods is how many pods somebody wants a drain gate to keep, nil where
	// nobody has said so.
	KeepPods *int32
	// Failure is the message of its ReplicaFailure condition.
	Failure *Failure
}

// Failure is a ReplicaSet's own complaint.
type Failure struct{ Reason, Message string }

// Slot is a role Service as seen.
type Slot struct {
	Service string
	// Missing: there is no such Service. Stale: what was read may be older
	// than our last write to it.
	Missing, Stale bool
	// Hash that its selector names, "" where it names none.
	Hash string
	// Owner is the rollout that its managed-by annotation names.
	Owner string
	// Ready counts the ready, not terminating endpoints whose pod belongs to
	// Hash, or to any revision where there is none; Endpoints counts those of
	// any pod.
	Ready, Endpoints int32
}

// Workload is the object that spec.workloadRef names.
type Workload struct {
	// Object such as "Deployment shop/web".
	Object string
	// Known: it exists, and the rest is what it says. Unread: it has not been
	// looked for yet. With neither it is missing, or cannot be.
	Known, Unread bool
	// Stale: what was read may be older than our last write to it.
	Stale      bool
	Generation int64
	// Size is its spec.replicas, 0 where it has no pods of its own.
	Size int32
}

// Orphan is an object that is no longer ours to keep, but still carries what
// we wrote. A Service has no Kind and no State.
type Orphan struct {
	Object v1alpha1.ManagedObject
	// Level, Canary, Managed and Edition as observed; Clean: nothing of ours is
	// left on it.
	Level   mesh.Level
	Canary  int32
	Managed []string
	Edition string
	Clean   bool
}

// Ref is a referenced object that is not as it must be.
type Ref struct {
	// Field of the spec that names it, Object such as "Service shop/web".
	Field, Object string
	// Problem, and what to do about it.
	Problem string
}

// Refer notes what is wrong with an object that the spec names; "" is nothing.
func (s *Snapshot) Refer(field, object, problem string) {
	if problem != "" {
		s.Refs = append(s.Refs, Ref{Field: field, Object: object, Problem: problem})
	}
}

// Starts reports whether a version that is not stable is about to be released,
// the first one too.
func (s *Snapshot) Starts() bool {
	st := &s.Rollout.Status
	return len(s.Invalid) == 0 && s.Template != st.StableRS && (s.Template != st.CurrentPodHash || s.StepHash != st.CurrentStepHash)
}

// Pod of one of the revisions.
type Pod struct {
	Name, Hash         string
	Created            time.Time
	Ready, Terminating bool
}

// Fault is the last error of a hand.
type Fault struct {
	// Hand that met it: "rollout", "scale", "slots" or the name of a Kind.
	Hand, Object string
	Message      string
	// Reason of the event that told of it: something failed, and is tried again.
	// Without one only the user can mend it, by editing something.
	Reason string
	// Contended: a route object is being reverted by somebody else.
	Contended string
	Since     time.Time
}
