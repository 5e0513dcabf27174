// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/sluice-rollouts/sluice/pkg/lint"
	"github.com/sluice-rollouts/sluice/pkg/mesh/all"
)

// runLint checks manifests without a cluster, and fails if the controller would
// refuse one of their Rollouts.
func runLint(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	l := lint.Linter{Kinds: all.Kinds()}
	var names []string
	f := flag.NewFlagSet("sluice-controller lint", flag.ContinueOnError)
	f.Func("f", "`file` with manifests, - for the standard input; may be repeated", func(name string) error {
		names = append(names, name)
		return nil
	})
	f.StringVar(&l.Namespace, "namespace", "default", "namespace of objects that say none")
	f.BoolVar(&l.Complete, "complete", false, "the files have all that there is: an object that is named and not among them is an error")
	if err := f.Parse(args); err != nil {
		return err
	}
	names = append(names, f.Args()...)
	if len(names) == 0 {
		return errors.New("name a file with -f")
	}
	files, err := readFiles(names, in)
	if err != nil {
		return err
	}
	findings := l.Check(ctx, files...)
	for _, finding := range findings {
		if _, err := fmt.Fprintln(out, finding); err != nil {
			return err
		}
	}
	if lint.Failed(findings) {
		return errors.New("the controller would refuse this")
	}
	return nil
}

func readFiles(names []string, in io.Reader) ([]lint.File, error) {
	var files []lint.File
	for _, name := range names {
		var text []byte
		var err error
		if name == "-" {
			text, err = io.ReadAll(in)
		} else {
			text, err = os.ReadFile(name)
		}
		if err != nil {
			return nil, err
		}
		files = append(files, lint.File{Name: name, Text: text})
	}
	return files, nil
}
