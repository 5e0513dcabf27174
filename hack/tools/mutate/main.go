// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Command mutate switches off one gate of the planner at a time, in a copy of
// the module, and runs the simulation on it: it has to fail. It prints a table
// of what has killed each mutant, and fails where one lives.
//
// Usage: mutate MODULE COPY MUTATIONS ROLLOUTS [GATE...]
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "usage: mutate MODULE COPY MUTATIONS ROLLOUTS [GATE...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// mutation replaces one line of a function by another.
type mutation struct {
	gate, file, function, line, by string
}

func run(module, dir, list, rollouts string, only []string) error {
	all, err := read(list)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := copyFile(filepath.Join(module, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "pkg"), os.DirFS(filepath.Join(module, "pkg"))); err != nil {
		return err
	}
	fmt.Println("| gate | where | rollouts | the first that it breaks |\n|---|---|---|---|")
	var lived []string
	for _, m := range all {
		if len(only) > 0 && !slices.Contains(only, m.gate) {
			continue
		}
		after, breach, err := m.try(dir, rollouts)
		if err != nil {
			return fmt.Errorf("%s: %w", m.gate, err)
		}
		if breach == "" {
			lived = append(lived, m.gate)
			after, breach = rollouts, "**none**"
		}
		fmt.Printf("| %s | `%s()` | %s | %s |\n", m.gate, m.function, after, breach)
	}
	if len(lived) > 0 {
		return fmt.Errorf("gates that nothing needs: %s", strings.Join(lived, "; "))
	}
	return nil
}

// read mutations, each of four lines: "# gate", "file function", "- line" and
// "+ line".
func read(path string) ([]mutation, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []mutation
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		lines := strings.Split(block, "\n")
		if len(lines) != 4 {
			return nil, fmt.Errorf("%s: %q has not four lines", path, lines[0])
		}
		file, function, _ := strings.Cut(lines[1], " ")
		all = append(all, mutation{
			gate: strings.TrimPrefix(lines[0], "# "), file: file, function: function,
			line: strings.TrimPrefix(lines[2], "- "), by: strings.TrimPrefix(lines[3], "+ "),
		})
	}
	return all, nil
}

var (
	failed = regexp.MustCompile(`(?:failed|panic) after (\d+) tests?: ?(.*)`)
	reason = regexp.MustCompile(`INV-\d+|MIGRATION|ORACLE|edge case \d+|budget`)
)

// try the simulation on the mutant. breach is "" if it passes.
func (m mutation) try(dir, rollouts string) (after, breach string, err error) {
	path := filepath.Join(dir, m.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	mutant, err := m.apply(string(text))
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(path, []byte(mutant), 0o600); err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, os.WriteFile(path, text, 0o600)) }()

	var out bytes.Buffer
	sim := exec.Command("go", "test", "-vet=off", "-count=1", "-timeout=0", "./pkg/controller", "-run=^TestSimulation$",
		"-rapid.checks="+rollouts, "-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=1ms")
	sim.Dir, sim.Stdout, sim.Stderr = dir, &out, &out
	if sim.Run() == nil {
		return "", "", nil
	}
	found := failed.FindStringSubmatch(out.String())
	if found == nil {
		return "", "", fmt.Errorf("the simulation did not run: %s", out.String())
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		return "", "", err
	}
	breach = found[2]
	if short := reason.FindString(breach); short != "" {
		breach = short
	}
	return strconv.Itoa(n + 1), breach, nil
}

// apply the mutation, which must have exactly one place in its function.
func (m mutation) apply(text string) (string, error) {
	start := regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + m.function + `\(`).FindStringIndex(text)
	if start == nil {
		return "", fmt.Errorf("%s has no function %s", m.file, m.function)
	}
	length := strings.Index(text[start[0]:], "\n}\n")
	body := text[start[0] : start[0]+length]
	lines := strings.Split(body, "\n")
	places := 0
	for i, line := range lines {
		if strings.TrimSpace(line) == m.line {
			lines[i] = m.by
			places++
		}
	}
	if places != 1 {
		return "", fmt.Errorf("%s: %q is there %d times in %s", m.file, m.line, places, m.function)
	}
	return text[:start[0]] + strings.Join(lines, "\n") + text[start[0]+length:], nil
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}
