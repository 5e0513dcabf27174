// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// annotate writes the revision of a Rollout, and the generation of the workload
// that it refers to, into its annotations. again reports that it did: one sync
// writes an object once.
func (h *Hand) annotate(ctx context.Context, s plan.Snapshot, p plan.Plan) (again bool, err error) {
	changed := map[string]any{}
	number := strconv.FormatInt(p.Number, 10)
	exists := slices.ContainsFunc(s.Revisions, func(r plan.Revision) bool { return r.Hash == s.Template })
	if (p.Create != "" || exists) && s.Rollout.Annotations[v1alpha1.RevisionAnnotation] != number {
		changed[v1alpha1.RevisionAnnotation] = number
	}
	generation, annotated := s.Rollout.Annotations[v1alpha1.WorkloadGenerationAnnotation]
	switch w := s.Workload; {
	case w == nil && annotated:
		changed[v1alpha1.WorkloadGenerationAnnotation] = nil
	case w != nil && w.Known && generation != strconv.FormatInt(w.Generation, 10):
		changed[v1alpha1.WorkloadGenerationAnnotation] = strconv.FormatInt(w.Generation, 10)
	}
	if len(changed) == 0 {
		return false, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": s.Rollout.ResourceVersion, "annotations": changed}})
	if err != nil {
		return false, err
	}
	if err := h.patch(ctx, s.Rollout, patch); err != nil {
		return false, fmt.Errorf("annotate the Rollout: %w", err)
	}
	if changed[v1alpha1.RevisionAnnotation] != nil {
		h.Tell(s.Rollout, plan.Event{Reason: v1alpha1.EventRolloutUpdated, Message: "Rollout updated to revision " + number})
	}
	return true, nil
}

// status is the only place that writes it. Nothing is written where nothing
// has changed; a write names the version that it was decided on, so that a
// client's write in between wins, and the decision is made anew.
func (h *Hand) status(ctx context.Context, key cache.ObjectName, s plan.Snapshot, p plan.Plan) (wait time.Duration, err error) {
	if equality.Semantic.DeepEqual(s.Rollout.Status, p.Status) {
		h.hold(key, false)
		return 0, nil
	}
	if wait := h.hold(key, plan.Holdable(s, p)); wait > 0 {
		return wait, nil
	}
	patch, err := statusPatch(s.Rollout, p.Status)
	if err != nil {
		return 0, err
	}
	if err := h.patch(ctx, s.Rollout, patch, "status"); err != nil {
		return 0, fmt.Errorf("write status: %w", err)
	}
	klog.FromContext(ctx).V(2).Info("Status written", "rule", p.Rule, "phase", p.Status.Phase, "step", p.Status.CurrentStepIndex, "blockedOn", p.Status.BlockedOn)
	h.Tell(s.Rollout, p.Events...)
	if p.Finished != nil && h.Finished != nil {
		h.Finished(key, *p.Finished)
	}
	return 0, nil
}

// tellBlocked sends one event about a gate that has held the rollout back for
// long.
func (h *Hand) tellBlocked(key cache.ObjectName, ro *v1alpha1.Rollout) {
	b := ro.Status.BlockedOn
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case b == nil:
		delete(h.told, key)
	case h.Clock.Since(b.Since.Time) >= plan.TellBlockedAfter && !h.told[key].Equal(b.Since.Time):
		h.told[key] = b.Since.Time
		h.Tell(ro, plan.Event{
			Warning: true, Reason: v1alpha1.EventRolloutBlocked,
			Message: fmt.Sprintf("%s: %s has %s, wants %s", b.Gate, b.Object, b.Have, b.Want),
		})
	}
}

// advise sends one event about what of a new spec does not mean what it seems
// to. One that only scales the rollout gets none again.
func (h *Hand) advise(key cache.ObjectName) {
	ro, found, _ := h.Caches.Rollouts.Get(key) // as it is written
	if !found || ro.Status.ObservedGeneration == strconv.FormatInt(ro.Generation, 10) {
		return
	}
	var all []string
	for _, advice := range validation.Advise(ro) {
		all = append(all, advice.Error())
	}
	text := strings.Join(all, "; ")
	h.mu.Lock()
	defer h.mu.Unlock()
	if text != "" && text != h.advised[key] {
		h.Tell(ro, plan.Event{Warning: true, Reason: v1alpha1.EventSpecAdvice, Message: text})
	}
	h.advised[key] = text
}

// hold says how long a status that may wait still does, 0 for write it now.
func (h *Hand) hold(key cache.ObjectName, may bool) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !may {
		delete(h.held, key)
		return 0
	}
	since, ok := h.held[key]
	if !ok {
		since = h.Clock.Now()
		h.held[key] = since
	}
	if left := since.Add(holdFor).Sub(h.Clock.Now()); left > 0 {
		return left
	}
	delete(h.held, key)
	return 0
}

func statusPatch(ro *v1alpha1.Rollout, status v1alpha1.RolloutStatus) ([]byte, error) {
	before, err := json.Marshal(map[string]any{"status": ro.Status})
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(map[string]any{"status": status, "metadata": map[string]any{"resourceVersion": ro.ResourceVersion}})
	if err != nil {
		return nil, err
	}
	return jsonpatch.CreateMergePatch(before, after)
}

// patch sends a merge patch, and wakes the other hands with the answer in
// place.
func (h *Hand) patch(ctx context.Context, ro *v1alpha1.Rollout, patch []byte, subresources ...string) error {
	key := cache.MetaObjectToName(ro)
	err := h.Caches.Rollouts.Write(ctx, key, func(ctx context.Context) (*v1alpha1.Rollout, error) {
		return h.Rollouts.ArgoprojV1alpha1().Rollouts(ro.Namespace).
			Patch(ctx, ro.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: kit.FieldManager}, subresources...)
	})
	if err == nil {
		h.Wake(key)
	}
	return err
}
