package demo

import (
	"strings"
	"testing"
)

func TestPanel(t *testing.T) {
	a := act{
		title: "v3 replaces v2", steps: []string{"header route", "5 %", "aborted"}, step: "5 %",
		version: bad, other: good, wanted: 5,
	}
	now := scene{
		pods:   map[string]podCount{good: {ready: 4, all: 4}, bad: {ready: 1, all: 2}},
		served: served{stable: 95, canary: 5, header: true},
		window: counts{plain: map[string]int{good: 940, bad: 60}, beta: map[string]int{bad: 50}},
		totals: totals{sent: 12345, errors: map[string]int{bad: 27}},
	}
	now.rollout.Status.CurrentStepIndex = 5
	now.rollout.Status.Phase = "Paused"
	now.rollout.Status.Message = "CanaryPauseStep"
	const want = `
────────────────────────────────────────────────────────────────────────────
 v3 replaces v2   ✓ header route ▸ 5 % · aborted   01:02
           wanted  measured                              pods ready  errors
 v2          95 %    94.0 %  ███████████████████████░        4 of 4       0
 v3           5 %     6.0 %  █░░░░░░░░░░░░░░░░░░░░░░░        1 of 2      27
 12345 requests, 240 per second, 0 failed; X-Beta: true goes to v3
 rollout shop: step 5, Paused (CanaryPauseStep)
`
	lines := paint{plain: true}.panel(a, now, "01:02", 240)
	if got := "\n" + strings.Join(lines, "\n") + "\n"; got != want {
		t.Errorf("got%s\nwant%s", got, want)
	}
	coloured := paint{}.panel(a, now, "01:02", 240)
	if len(coloured) != len(lines) {
		t.Errorf("%d lines with colours, %d without", len(coloured), len(lines))
	}
	if !strings.Contains(coloured[4], "\x1b[31m      27\x1b[0m") {
		t.Errorf("errors are not red: %q", coloured[4])
	}
}

func TestPanelOfNothing(t *testing.T) {
	lines := paint{plain: true}.panel(act{title: "opening the shop"}, scene{}, "00:00", 240)
	want := " opening the shop     00:00"
	if len(lines) != 5 || lines[1] != want {
		t.Errorf("%q, want 5 lines, the second %q", lines, want)
	}
}

func TestScreenPaintsInPlace(t *testing.T) {
	const up = "\x1b[5A\r"
	var out strings.Builder
	s := &screen{lines: &lines{out: &out}, paint: paint{plain: true}}
	s.show(act{title: "a long title"}, scene{})
	out.Reset()
	s.show(act{title: "a title"}, scene{})
	over := out.String()
	if !strings.HasPrefix(over, hideCursor+up) || strings.Contains(over, up+eraseBelow) {
		t.Errorf("the panel of 5 lines is not painted over: %q", over)
	}
	if strings.Count(over, eraseRight+"\n") != 5 || !strings.HasSuffix(over, eraseBelow) {
		t.Errorf("something of the panel that was there may stay: %q", over)
	}
	out.Reset()
	s.say("something happened")
	s.show(act{}, scene{})
	s.close()
	got := out.String()
	if !strings.HasPrefix(got, up+eraseBelow) || strings.Count(got, up+eraseBelow) != 2 {
		t.Errorf("the panel of 5 lines is not erased before the line and at the end: %q", got)
	}
	if !strings.HasSuffix(got, showCursor) {
		t.Errorf("the cursor stays hidden: %q", got)
	}
}
