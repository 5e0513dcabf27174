// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Command sizes says which Go files below a directory are too long to be read
// at a sitting, and which functions too long to be seen at once. What is
// generated does not count, and functions of tests do not either: tables are
// long on purpose.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	fileLimit = 400
	funcLimit = 60
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sizes DIRECTORY")
		os.Exit(2)
	}
	long, err := walk(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sizes:", err)
		os.Exit(1)
	}
	for _, line := range long {
		fmt.Fprintln(os.Stderr, line)
	}
	if len(long) > 0 {
		os.Exit(1)
	}
}

// walk returns a line for each thing that is too long.
func walk(root string) (long []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && skipped(d.Name()):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found, err := measure(path, text)
		long = append(long, found...)
		return err
	})
	return long, err
}

func skipped(name string) bool {
	return name == "bin" || name == "build" || name == "testdata" || strings.HasPrefix(name, ".")
}

// measure one file.
func measure(path string, text []byte) ([]string, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if ast.IsGenerated(file) {
		return nil, nil
	}
	var long []string
	if n := bytes.Count(text, []byte("\n")); n >= fileLimit {
		long = append(long, fmt.Sprintf("%s: has %d lines; keep it below %d", path, n, fileLimit))
	}
	if strings.HasSuffix(path, "_test.go") {
		return long, nil
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		start := files.Position(f.Pos())
		if n := files.Position(f.End()).Line - start.Line + 1; n >= funcLimit {
			long = append(long, fmt.Sprintf("%s: %s has %d lines; keep it below %d", start, f.Name.Name, n, funcLimit))
		}
	}
	return long, nil
}
