// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
)

// mutation replaces one line of a function by another.
type mutation struct {
	gate, file, function, line, by string
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

// chosen is what each mutated package gets beside its own files.
const chosen = `package plan

import "os"

var mutant = os.Getenv("MUTANT")
`

// mutate gives a file in which every function that is to be mutated has a
// variant for each mutation, and goes there first if that is the chosen one.
func mutate(text string, all []mutation, mutants []int) (string, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", text, 0)
	if err != nil {
		return "", err
	}
	at := func(pos token.Pos) int { return set.Position(pos).Offset }
	detours, variants := map[int]string{}, ""
	for _, i := range mutants {
		m := all[i]
		f := find(file, m.function)
		if f == nil {
			return "", fmt.Errorf("no function %s", m.function)
		}
		body, err := m.apply(text[at(f.Body.Lbrace):at(f.Body.Rbrace)])
		if err != nil {
			return "", err
		}
		variant := fmt.Sprintf("mutant%d", i)
		head := text[at(f.Pos()):at(f.Name.Pos())] + variant + text[at(f.Name.End()):at(f.Body.Lbrace)]
		variants += "\n" + head + body + "}\n"
		detours[at(f.Body.Lbrace)+1] += fmt.Sprintf("\nif mutant == \"%d\" {\n%s\n}", i, call(f, variant))
	}
	var out strings.Builder
	for i := range len(text) {
		out.WriteString(detours[i])
		out.WriteByte(text[i])
	}
	return out.String() + variants, nil
}

func find(file *ast.File, name string) *ast.FuncDecl {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
			return f
		}
	}
	return nil
}

// call of a variant of f in its place.
func call(f *ast.FuncDecl, variant string) string {
	var args []string
	for _, field := range f.Type.Params.List {
		for _, name := range field.Names {
			args = append(args, name.Name)
		}
	}
	code := variant + "(" + strings.Join(args, ", ") + ")"
	if f.Recv != nil {
		code = f.Recv.List[0].Names[0].Name + "." + code
	}
	if f.Type.Results == nil {
		return code + "\nreturn"
	}
	return "return " + code
}

// apply the mutation, which must have exactly one place in the body.
func (m mutation) apply(body string) (string, error) {
	lines := strings.Split(body, "\n")
	places := 0
	for i, line := range lines {
		if strings.TrimSpace(line) == m.line {
			lines[i] = m.by
			places++
		}
	}
	if places != 1 {
		return "", fmt.Errorf("%q is there %d times in %s", m.line, places, m.function)
	}
	return strings.Join(lines, "\n"), nil
}
