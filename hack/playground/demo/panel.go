package demo

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

const (
	panelWidth  = 76
	panelHeight = 10 // with three versions
	barWidth    = 24
)

// paint colours text.
type paint struct{ plain bool }

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (p paint) in(colour, text string) string {
	if p.plain || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func colourOf(version string) string {
	switch version {
	case good:
		return green
	case bad:
		return yellow
	}
	return cyan
}

// panel tells what is, one line of text each.
func (p paint) panel(a act, now scene, elapsed string, rate int) []string {
	panel := []string{
		p.in(dim, strings.Repeat("─", panelWidth)),
		p.title(a, elapsed),
		p.in(dim, fmt.Sprintf(" %-8s%8s%10s  %-*s%14s%8s", "", "wanted", "measured", barWidth, "", "pods ready", "errors")),
	}
	for _, version := range versionsOf(now) {
		panel = append(panel, p.row(a, now, version))
	}
	t := now.totals
	failed := p.in(green, "0 failed")
	if t.failed > 0 {
		failed = p.in(red, fmt.Sprintf("%d failed", t.failed))
	}
	traffic := fmt.Sprintf(" %d requests, %d per second, %s", t.sent, rate, failed)
	if to := now.window.beta; now.served.header && len(to) > 0 {
		traffic += fmt.Sprintf("; %s: true goes to %s", headerBeta, p.versions(to))
	}
	return append(panel, traffic, p.in(dim, " rollout "+name+": "+now.rollout.String()))
}

func (p paint) title(a act, elapsed string) string {
	title := " " + p.in(bold, a.title) + "  "
	before := true // the present step comes after it
	for _, s := range a.steps {
		switch {
		case s == a.step:
			before = false
			title += " " + p.in(bold, "▸ "+s)
		case before:
			title += " " + p.in(green, "✓ "+s)
		default:
			title += " " + p.in(dim, "· "+s)
		}
	}
	return title + "   " + p.in(dim, elapsed)
}

// versionsOf are all that have pods or answered of late.
func versionsOf(now scene) []string {
	all := map[string]bool{}
	for _, by := range []map[string]int{now.window.plain, now.window.beta} {
		for version := range by {
			all[version] = true
		}
	}
	for version := range now.pods {
		all[version] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func (p paint) row(a act, now scene, version string) string {
	wanted := "-"
	switch version {
	case a.version:
		wanted = fmt.Sprintf("%.0f %%", a.wanted)
	case a.other:
		wanted = fmt.Sprintf("%.0f %%", 100-a.wanted)
	}
	measured, width := "-", 0
	if n := total(now.window.plain); n > 0 {
		s := share(now.window.plain, version)
		measured, width = fmt.Sprintf("%.1f %%", s), int(math.Round(s*barWidth/100))
	}
	colour := colourOf(version)
	bar := p.in(colour, strings.Repeat("█", width)) + p.in(dim, strings.Repeat("░", barWidth-width))
	pods := now.pods[version]
	errors := fmt.Sprintf("%8d", now.totals.errors[version])
	if now.totals.errors[version] > 0 {
		errors = p.in(red, errors)
	}
	return fmt.Sprintf(" %s%8s%10s  %s%14s%s", p.in(colour, fmt.Sprintf("%-8s", version)), wanted, measured, bar,
		fmt.Sprintf("%d of %d", pods.ready, pods.all), errors)
}

// versions names who answered, the most frequent first.
func (p paint) versions(by map[string]int) string {
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return by[b] - by[a] })
	for i, version := range names {
		names[i] = p.in(colourOf(version), version)
	}
	return strings.Join(names, ", ")
}
