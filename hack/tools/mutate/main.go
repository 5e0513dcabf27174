// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Command mutate switches off one gate of the planner at a time, in a copy of
// the module, and runs the simulation on it: it has to fail. It prints a table
// of what has killed each mutant, and fails where one lives.
//
// Usage: mutate MODULE COPY MUTATIONS ROLLOUTS [GATE...]
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
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

// run tries as many mutants at a time as there are processors, each worker in a
// copy of its own, and prints them in the order of the list.
func run(module, dir, list, rollouts string, only []string) error {
	all, err := read(list)
	if err != nil {
		return err
	}
	if len(only) > 0 {
		all = slices.DeleteFunc(all, func(m mutation) bool { return !slices.Contains(only, m.gate) })
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	todo := make(chan int, len(all))
	results := make([]chan result, len(all))
	for i := range all {
		results[i] = make(chan result, 1)
		todo <- i
	}
	close(todo)
	for worker := range runtime.NumCPU() {
		own := filepath.Join(dir, strconv.Itoa(worker))
		if err := copyModule(module, own); err != nil {
			return err
		}
		go func() {
			for i := range todo {
				results[i] <- all[i].try(own, rollouts)
			}
		}()
	}
	fmt.Println("| gate | where | rollouts | the first that it breaks |\n|---|---|---|---|")
	var lived []string
	for i, m := range all {
		r := <-results[i]
		if r.err != nil {
			return fmt.Errorf("%s: %w", m.gate, r.err)
		}
		if r.breach == "" {
			lived = append(lived, m.gate)
			r.after, r.breach = rollouts, "**none**"
		}
		fmt.Printf("| %s | `%s()` | %s | %s |\n", m.gate, m.function, r.after, r.breach)
	}
	if len(lived) > 0 {
		return fmt.Errorf("gates that nothing needs: %s", strings.Join(lived, "; "))
	}
	return nil
}

// copyModule copies what the simulation is built from.
func copyModule(module, dir string) error {
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := copyFile(filepath.Join(module, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return os.CopyFS(filepath.Join(dir, "pkg"), os.DirFS(filepath.Join(module, "pkg")))
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

// result of the simulation on a mutant. breach is "" if it passes; otherwise it
// is what broke first, after so many rollouts.
type result struct {
	after, breach string
	err           error
}

// try the simulation on the mutant, in a copy of the module that is left as it
// was.
func (m mutation) try(dir, rollouts string) (r result) {
	path := filepath.Join(dir, m.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return result{err: err}
	}
	mutant, err := m.apply(string(text))
	if err != nil {
		return result{err: err}
	}
	if err := os.WriteFile(path, []byte(mutant), 0o600); err != nil {
		return result{err: err}
	}
	defer func() { r.err = errors.Join(r.err, os.WriteFile(path, text, 0o600)) }()

	build := exec.Command("go", "test", "-c", "-trimpath", "-ldflags=-s -w", "-o", "sim", "./pkg/controller")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return result{err: fmt.Errorf("%w: %s", err, out)}
	}
	sim := exec.Command("../../sim", "-test.run=^TestSimulation$", "-test.timeout=0",
		"-rapid.checks="+rollouts, "-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=1ms")
	sim.Dir = filepath.Join(dir, "pkg", "controller")
	out, err := sim.CombinedOutput()
	if err == nil {
		return result{}
	}
	return reading(string(out))
}

// reading of what a simulation says that failed.
func reading(out string) result {
	found := failed.FindStringSubmatch(out)
	if found == nil {
		return result{err: fmt.Errorf("the simulation did not run: %s", out)}
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		return result{err: err}
	}
	breach := found[2]
	if short := reason.FindString(breach); short != "" {
		breach = short
	}
	return result{after: strconv.Itoa(n + 1), breach: breach}
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
