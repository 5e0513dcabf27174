// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"slices"
)

// Passage is a change of the rule that decides.
type Passage struct {
	// From and To are rules, "" for no rollout.
	From, To string
	// By is the command that led to it, "" where it came by itself: by time,
	// by pods, or by what the controller had done before.
	By string
}

// given is the rule before the first one of a rollout that was there before the
// story.
const given = "given"

// byHand are the verbs of users and clients.
var byHand = []string{
	"abort", "apply", "delete", "deploy", "first", "pause", "promote", "promote-full",
	"retry", "scale", "spec", "status", "undo", "unpause",
}

// pass tells of the rule that is about to decide, if that is another one than
// before.
func (w *World) pass() {
	_, p, _, err := w.Controller.Desk.Plan(context.Background(), Key)
	if err != nil || p.Rule == w.rule {
		return // what cannot be planned now is planned again
	}
	if w.rule == given {
		w.rule = p.Rule
		return
	}
	passage := Passage{From: w.rule, To: p.Rule}
	if slices.Contains(byHand, w.verb) {
		passage.By = w.verb
	}
	w.rule, w.verb = p.Rule, ""
	w.OnPass(passage)
}
