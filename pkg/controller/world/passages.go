// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import "slices"

// Passage is a change of the rule that decides.
type Passage struct {
	// From and To are rules, "" for no rollout.
	From, To string
	// By is the command that led to it, "" where it came by itself: by time,
	// by pods, or by what the controller had done before.
	By string
}

// byHand are the verbs of users and clients.
var byHand = []string{
	"abort", "apply", "delete", "deploy", "first", "pause", "promote", "promote-full",
	"retry", "scale", "spec", "status", "undo", "unpause",
}

// pass notes the rule that is about to decide.
func (w *World) pass() {
	rule := ""
	if w.Rollout() != nil {
		_, p := w.Plan()
		rule = p.Rule
	}
	if rule == w.rule {
		return
	}
	p := Passage{From: w.rule, To: rule}
	if slices.Contains(byHand, w.verb) {
		p.By = w.verb
	}
	w.rule, w.verb = rule, ""
	if !slices.Contains(w.Passages, p) {
		w.Passages = append(w.Passages, p)
	}
}
