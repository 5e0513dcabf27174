// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Command mutate switches off one gate of the planner at a time and runs the
// simulation: it has to fail. It prints a table of what has killed each mutant,
// and fails where one lives. All mutants are in one binary, which is built from a
// copy of the module; the environment says which of them works.
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

// run tries as many mutants at a time as there are processors, and prints them
// in the order of the list.
func run(module, dir, list, rollouts string, only []string) error {
	all, err := read(list)
	if err != nil {
		return err
	}
	if len(only) > 0 {
		all = slices.DeleteFunc(all, func(m mutation) bool { return !slices.Contains(only, m.gate) })
	}
	if err := build(module, dir, all); err != nil {
		return err
	}
	todo := make(chan int, len(all))
	results := make([]chan result, len(all))
	for i := range all {
		results[i] = make(chan result, 1)
		todo <- i
	}
	close(todo)
	for range runtime.NumCPU() {
		go func() {
			for i := range todo {
				results[i] <- simulate(dir, i, rollouts)
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

// build a simulation with all mutants in a copy of the module.
func build(module, dir string, all []mutation) error {
	if err := copyModule(module, dir); err != nil {
		return err
	}
	byFile := map[string][]int{}
	for i, m := range all {
		byFile[m.file] = append(byFile[m.file], i)
	}
	for file, mutants := range byFile {
		path := filepath.Join(dir, file)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mutated, err := mutate(string(text), all, mutants)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(path, []byte(mutated), 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "zz_mutant.go"), []byte(chosen), 0o600); err != nil {
			return err
		}
	}
	compile := exec.Command("go", "test", "-c", "-o", "sim", "./pkg/controller")
	compile.Dir = dir
	if out, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// copyModule copies what the simulation is built from.
func copyModule(module, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, "pkg"), os.DirFS(filepath.Join(module, "pkg"))); err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// result of the simulation on a mutant. breach is "" if it passes; otherwise it
// is what broke first, after so many rollouts.
type result struct {
	after, breach string
	err           error
}

func simulate(dir string, mutant int, rollouts string) result {
	sim := exec.Command("../../sim", "-test.run=^TestSimulation$", "-test.timeout=0",
		"-rapid.checks="+rollouts, "-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=1ms")
	sim.Dir = filepath.Join(dir, "pkg", "controller")
	sim.Env = append(os.Environ(), "GOMAXPROCS=1", "MUTANT="+strconv.Itoa(mutant))
	out, err := sim.CombinedOutput()
	if err == nil {
		return result{}
	}
	return reading(string(out))
}

var (
	failed = regexp.MustCompile(`(?:failed|panic) after (\d+) tests?: ?(.*)`)
	reason = regexp.MustCompile(`INV-\d+|MIGRATION|ORACLE|edge case \d+|budget`)
)

// reading of what a simulation says that failed.
func reading(out string) result {
	found := failed.FindStringSubmatch(out)
	if found == nil {
		return result{err: errors.New("the simulation did not run: " + out)}
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
