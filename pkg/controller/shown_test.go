// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const failureModes = "../../docs/failure-modes.md"

// tags are what the first lines of a story say that it shows.
var (
	rowTag      = regexp.MustCompile(`failure-modes (\d+(?:, \d+)*)`)
	timelineTag = regexp.MustCompile(`timeline "([^"]+)"`)
)

// checkShown fills the tables of docs/failure-modes.md with the stories that
// name their rows. A row without a story needs words of its own.
func checkShown(t *testing.T) {
	t.Helper()
	rows, timelines, taken := shown(t)
	keepPage(t, failureModes, map[string]func(string) string{
		"rows":      func(part string) string { return fillRows(t, part, rows) },
		"timelines": func(part string) string { return fillRows(t, part, timelines, taken) },
	})
}

// shown has the stories by the rows and timelines that they name; taken are
// those that begin where another controller has stopped.
func shown(t *testing.T) (rows, timelines, taken map[string][]string) {
	t.Helper()
	rows, timelines, taken = map[string][]string{}, map[string][]string{}, map[string][]string{}
	for name, text := range stories(t) {
		first, _, _ := strings.Cut(text, "\n\n")
		first = strings.ReplaceAll(first, "\n# ", " ")
		for _, tag := range rowTag.FindAllStringSubmatch(first, -1) {
			for row := range strings.SplitSeq(tag[1], ", ") {
				rows[row] = append(rows[row], name)
			}
		}
		into := timelines
		if strings.HasPrefix(name, "takeover-") {
			into = taken
		}
		for _, tag := range timelineTag.FindAllStringSubmatch(first, -1) {
			into[tag[1]] = append(into[tag[1]], name)
		}
	}
	return rows, timelines, taken
}

// fillRows puts into the last columns of a table what is named by its first
// one, or else by its second; a cell for which there is no story stays. Every
// name has to have its row.
func fillRows(t *testing.T, table string, columns ...map[string][]string) string {
	t.Helper()
	known := map[string]bool{}
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(table, "\n"), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if i < 2 {
			out.WriteString(line + "\n")
			continue
		}
		name := strings.TrimSpace(cells[0])
		known[name] = true
		for n, column := range columns {
			cell := len(cells) - len(columns) + n
			switch names := column[name]; {
			case len(names) > 0:
				cells[cell] = " " + storyLinks(names) + " "
			case strings.TrimSpace(cells[cell]) == "" && n == 0:
				t.Errorf("%s: no story names %q", failureModes, name)
			}
		}
		out.WriteString("|" + strings.Join(cells, "|") + "|\n")
	}
	for _, column := range columns {
		for name, by := range column {
			if !known[name] {
				t.Logf("%s has no row %q, which %v name", failureModes, name, by)
			}
		}
	}
	return out.String()
}

func storyLinks(names []string) string {
	slices.Sort(names)
	var links []string
	for _, name := range slices.Compact(names) {
		links = append(links, fmt.Sprintf("[`%s`](../pkg/controller/testdata/stories/%s.txt)", name, name))
	}
	return strings.Join(links, ", ")
}

// stories by name.
func stories(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), ".txt")] = read(t, file)
	}
	return all
}
