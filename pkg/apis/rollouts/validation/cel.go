// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// entry is one rule as a reader of the documentation, or an API server, needs
// it.
type entry struct {
	// field is its full path, says what must hold.
	field, says string
	advice      bool
	// cel gives what is wrong, for each place, apart by "; ": "" where the
	// rule holds everywhere. It is empty where CEL cannot say the rule.
	cel string
}

// OfDataPlanes ends what a listed rule says whose message ends with the names of
// data planes.
const OfDataPlanes = " a data plane that is named"

func (c chapter[T]) list() []entry {
	var entries []entry
	for _, r := range c.rules {
		e := entry{field: c.at, says: r.says, advice: r.advice}
		if r.field != "" {
			e.field += "." + r.field
		}
		if r.needs != nil {
			e.says += OfDataPlanes
		}
		if r.cel != "" {
			e.cel = wrongs(c.at, oneLine(r.cel), r.field, r.tells())
		}
		entries = append(entries, e)
	}
	return entries
}

// tells is the CEL for what an error says behind the path.
func (r rule[T]) tells() string {
	switch {
	case r.kind == field.ErrorTypeRequired || r.kind == field.ErrorTypeForbidden:
		return text(fmt.Sprintf(": %s: %s", r.kind, r.says))
	case r.celValue != "":
		return text(": Invalid value: ") + " + " + oneLine(r.celValue) + " + " + text(": "+r.says)
	default:
		return text(": Invalid value: ") + " + string(self." + r.field + ") + " + text(": "+r.says)
	}
}

// level is a list that a path goes through, with the names of its element and
// of the element's index or key.
type level struct{ list, index, element string }

// levels of a path such as spec.strategy.canary.steps[*].setWeight. A part
// that is there once, or not at all, is a list too, of one element or none.
func levels(at string) []level {
	var all []level
	in := "object"
	for i, path := range strings.Split(at, "[*]") {
		l := level{index: fmt.Sprintf("i%d", i), element: fmt.Sprintf("e%d", i)}
		path = strings.TrimPrefix(path, ".")
		l.list = optional(in, path) + ".orValue([])"
		in = l.element
		if path != "" {
			all = append(all, l)
		}
	}
	last := &all[len(all)-1]
	if !strings.HasSuffix(at, "[*]") {
		last.list = "[?" + strings.TrimSuffix(last.list, ".orValue([])") + "]"
	}
	last.element = "self"
	return all
}

// wrongs is the CEL for what is said of each part for which an expression does
// not hold.
func wrongs(at, cel, name, tells string) string {
	all := levels(at)
	path := pathOf(at, all)
	if name != "" {
		path += " + " + text("."+name)
	}
	last := all[len(all)-1]
	tells = strings.ReplaceAll(path+" + "+tells, `" + "`, "")
	said := fmt.Sprintf("%s.transformList(%s, %s, !(%s), %s).join(\"; \")", last.list, last.index, last.element, cel, tells)
	for i := len(all) - 2; i >= 0; i-- {
		said = fmt.Sprintf("%s.transformList(%s, %s, %s).filter(said, said != \"\").join(\"; \")", all[i].list, all[i].index, all[i].element, said)
	}
	return said
}

// pathOf is the CEL for the path of a part, as messages show it.
func pathOf(at string, all []level) string {
	pieces := strings.Split(at, "[*]")
	path := text(pieces[0])
	for i, piece := range pieces[1:] {
		path += fmt.Sprintf(` + "[" + string(%s) + "]"`, all[i].index)
		if piece != "" {
			path += " + " + text(piece)
		}
	}
	return path
}

// text is a literal of CEL.
func text(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// oneLine is an expression without the breaks and tabs that a reader of the
// code is glad of.
func oneLine(cel string) string { return strings.Join(strings.Fields(cel), " ") }
