// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/controller/world"
)

const stateMachine = "../../docs/state-machine.md"

// checkStateMachine compares docs/state-machine.md with the code: the rules
// and the gates with the comments in package plan, the diagram with what the
// stories have seen. With -rewrite it writes them.
func checkStateMachine(t *testing.T, passages []world.Passage) {
	t.Helper()
	source := parsePlan(t)
	keepPage(t, stateMachine, map[string]func(string) string{
		"rules":   func(string) string { return source.rules(t) },
		"gates":   func(string) string { return source.gates(t) },
		"diagram": func(string) string { return diagram(passages) },
	})
}

// keepPage compares the marked parts of a page with what each should be, given
// what it is. With -rewrite it writes them.
func keepPage(t *testing.T, name string, parts map[string]func(string) string) {
	t.Helper()
	page := read(t, name)
	text := page
	for mark, make := range parts {
		head, rest, begins := strings.Cut(text, "<!-- "+mark+" -->\n")
		part, tail, ends := strings.Cut(rest, "<!-- /"+mark+" -->")
		if !begins || !ends {
			t.Fatalf("%s has no part %q", name, mark)
		}
		text = head + "<!-- " + mark + " -->\n" + make(part) + "<!-- /" + mark + " -->" + tail
	}
	switch {
	case text == page:
	case flag.Lookup("rewrite").Value.String() == "true":
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is behind the code and the stories: run make rewrite-stories", name)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// diagram draws each passage once, with all that leads to it by hand.
func diagram(passages []world.Passage) string {
	by := map[[2]string][]string{}
	for _, p := range passages {
		edge := [2]string{cmp.Or(p.From, "[*]"), cmp.Or(p.To, "[*]")}
		by[edge] = slices.DeleteFunc(append(by[edge], p.By), func(verb string) bool { return verb == "" })
	}
	var lines []string
	for edge, verbs := range by {
		line := "  " + edge[0] + " --> " + edge[1]
		slices.Sort(verbs)
		if len(verbs) > 0 {
			line += ": " + strings.Join(slices.Compact(verbs), ", ")
		}
		lines = append(lines, line+"\n")
	}
	slices.Sort(lines)
	return "```mermaid\nstateDiagram-v2\n" + strings.Join(lines, "") + "```\n"
}

// planSource is package plan as it is written.
type planSource struct {
	files []*ast.File
	funcs map[string]*ast.FuncDecl
}

func parsePlan(t *testing.T) planSource {
	t.Helper()
	names, err := filepath.Glob("plan/*.go")
	if err != nil {
		t.Fatal(err)
	}
	s := planSource{funcs: map[string]*ast.FuncDecl{}}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, file)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				s.funcs[f.Name.Name] = f
			}
		}
	}
	return s
}

// rules is the table of the list in rules.go, in its order.
func (s planSource) rules(t *testing.T) string {
	t.Helper()
	table := "| | Rule | When | What it wants |\n|---|---|---|---|\n"
	n := 0
	for _, value := range s.values("rules") {
		for _, element := range value.Elts {
			entry := element.(*ast.CompositeLit).Elts
			n++
			table += fmt.Sprintf("| %d | `%s` | %s | %s |\n", n, unquote(t, entry[0]), s.said(t, entry[1]), s.said(t, entry[2]))
		}
	}
	return table
}

// values are the composite literals that a variable of that name is made of.
func (s planSource) values(name string) (found []*ast.CompositeLit) {
	for _, file := range s.files {
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && v.Names[0].Name == name {
					found = append(found, v.Values[0].(*ast.CompositeLit))
				}
			}
		}
	}
	return found
}

// said is what the comment of a function says, without the function's name.
func (s planSource) said(t *testing.T, function ast.Expr) string {
	t.Helper()
	name := ""
	switch f := function.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	f := s.funcs[name]
	if f == nil || f.Doc == nil {
		t.Fatalf("plan: %s has no comment to put into %s", name, stateMachine)
	}
	text := strings.TrimSuffix(strings.Join(strings.Fields(f.Doc.Text()), " "), ".")
	for _, start := range []string{name, ":", " ", "reports whether "} {
		text = strings.TrimPrefix(text, start)
	}
	return plain(text)
}

// plain keeps a text from ending a cell.
func plain(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// gates is the table of the constants in safety.go, each with the functions
// that close it. Each has to be seen closed in some story.
func (s planSource) gates(t *testing.T) string {
	t.Helper()
	told := stories(t)
	table := "| Gate | Closed when | By |\n|---|---|---|\n"
	for _, file := range s.files {
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if !strings.HasPrefix(v.Names[0].Name, "Gate") {
					continue
				}
				if v.Comment == nil {
					t.Fatalf("plan: %s has no comment to put into %s", v.Names[0].Name, stateMachine)
				}
				gate := unquote(t, v.Values[0])
				if !strings.Contains(told, "blocked: "+gate+" ") {
					t.Errorf("no story shows what gate %s blocks", gate)
				}
				table += fmt.Sprintf("| `%s` | %s | %s |\n", gate,
					plain(strings.TrimSpace(v.Comment.Text())), s.closers(v.Names[0].Name))
			}
		}
	}
	return table
}

// stories is the text of all of them.
func stories(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		all.WriteString(read(t, name))
	}
	return all.String()
}

// closers are the functions that name a gate, other than to ask which one it is.
func (s planSource) closers(gate string) string {
	var names []string
	for name, f := range s.funcs {
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == gate {
				names = append(names, "`"+name+"()`")
			}
			_, asks := n.(*ast.BinaryExpr)
			return !asks
		})
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

func unquote(t *testing.T, e ast.Expr) string {
	t.Helper()
	text, err := strconv.Unquote(e.(*ast.BasicLit).Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
