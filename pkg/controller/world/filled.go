// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"
)

// The note of the D for which a revision has all its pods counts from when it was
// made until the revision is to carry less than everything, whether or not it is
// still there then.

// carriesAll: a revision is to carry everything, or does so already.
func (t truth) carriesAll(hash string) bool {
	promoted := !t.ro.Status.Abort && (t.ro.Status.PromoteFull || t.index() >= len(t.spec.Steps))
	return hash == t.current() && (t.atStable() || promoted)
}

// noteFilled follows which notes count, and with which write they ceased to.
func (w *World) noteFilled(t truth, write Write) {
	for hash, end := range w.filled {
		if end.version == 0 && !t.carriesAll(hash) {
			w.filled[hash] = Write{version: w.API.version, Ours: write.Ours}
		}
	}
	rs := t.sets[t.current()]
	if rs == nil || !t.carriesAll(t.current()) {
		return
	}
	full := noted(rs.Annotations) == t.desired && t.held(t.current()) >= t.spec.Enough(t.desired)
	made := write.Resource == setsResource && write.Key.Name == rs.Name && write.Before != nil && noted(write.Before.GetAnnotations()) != noted(rs.Annotations)
	if full || made {
		w.filled[t.current()] = Write{}
	}
}

// noted D, 0 for none.
func noted(annotations map[string]string) int32 {
	var n int32
	if _, err := fmt.Sscan(annotations[v1alpha1.FilledForAnnotation], &n); err != nil {
		return 0
	}
	return n
}

// filledFor is the D for which the current revision had all its pods since it is to
// carry everything, so that they are enough for that; D where that is not known.
func (w *World) filledFor(t truth) int32 {
	rs := t.sets[t.current()]
	end, made := w.filled[t.current()]
	if over := end.version > 0 && !t.after(end.version, end.Ours); rs == nil || !made || over || noted(rs.Annotations) <= 0 {
		return t.desired
	}
	return min(noted(rs.Annotations), t.desired)
}

// checkFilled: a note is made only of what is there, for a revision that is to
// carry everything.
func (w *World) checkFilled(t truth, write Write, breach breachFunc) {
	if write.Before == nil || write.After == nil {
		return
	}
	hash, now := write.After.GetLabels()[replicaset.HashLabel], noted(write.After.GetAnnotations())
	if now <= noted(write.Before.GetAnnotations()) {
		return
	}
	if have := t.available(hash); !t.carriesAll(hash) || have < t.spec.Enough(now) {
		breach("INV-2: %s is noted to be filled for %d with %d pods", hash, now, have)
	}
}
