// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// deadline of everything that should happen soon. It is for a slow machine;
	// nothing takes nearly as long.
	deadline = 90 * time.Second
	pause    = 25 * time.Millisecond
)

// poll tries until try succeeds, and gives its last error when it does not.
func poll(ctx context.Context, limit time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-ticker.C:
		}
	}
}

// eventually fails the test if try does not succeed in time.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	if err := poll(t.Context(), deadline, try); err != nil {
		t.Fatal(err)
	}
}

// figures are what was counted, for the end of the run.
var figures struct {
	sync.Mutex
	lines []string
}

func figure(name string, value any) {
	figures.Lock()
	defer figures.Unlock()
	figures.lines = append(figures.lines, fmt.Sprintf("%-60s %v", name, value))
}

func printFigures() {
	figures.Lock()
	defer figures.Unlock()
	slices.Sort(figures.lines)
	fmt.Println("\nCounted:\n  " + strings.Join(figures.lines, "\n  "))
}

// follow hands each line of a file that grows to a function, until ctx ends.
func follow(ctx context.Context, file string, each func(line []byte)) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	go func() {
		defer in.Close()
		lines := bufio.NewReaderSize(in, 1<<20)
		var line []byte
		for ctx.Err() == nil {
			part, err := lines.ReadBytes('\n')
			line = append(line, part...)
			if err != nil { // the writer is not there yet
				time.Sleep(5 * time.Millisecond)
				continue
			}
			each(line)
			line = nil
		}
	}()
	return nil
}
