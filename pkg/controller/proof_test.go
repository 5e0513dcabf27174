// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// proofs are the pages whose last column says what shows a row. A story or a
// test shows one by naming it in its head: the words, and the numbers of its
// rows, or the quoted name of one.
var proofs = []struct {
	words, page string
	rows        int
}{
	{"edge case", "edge-cases.md", 44},
	{"failure-modes", "failure-modes.md", 46},
	{"timeline", "timelines.md", 10},
	{"compatibility", "compatibility.md", 49},
}

// reason begins the last column of a row that nothing shows.
var reason = regexp.MustCompile("^(Not yet|Does not apply): .")

// TestProofs compares the last column of each page with what stories and tests
// say of themselves. With -rewrite it writes that column.
//
// It is not parallel: with -rewrite the stories that it reads are being written.
func TestProofs(t *testing.T) {
	heads := append(storyHeads(t), testComments(t)...)
	for _, p := range proofs {
		path := filepath.Join("../../docs", p.page)
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text, rows := prove(t, string(page), p.words, claims(heads, p.words))
		if rows != p.rows {
			t.Errorf("%s has %d rows, want %d", path, rows, p.rows)
		}
		switch {
		case text == string(page):
		case flag.Lookup("rewrite").Value.String() == "true":
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s is behind the tests: run make rewrite-stories", path)
		}
	}
}

var row = regexp.MustCompile(`(?m)^(\| ([A-Z]?\d+|"[^"]+") \| (?:.* \| )?)(.*) ?\|$`)

// prove fills the last column of a page, and counts its rows.
func prove(t *testing.T, page, words string, shown map[string][]string) (text string, rows int) {
	t.Helper()
	text = row.ReplaceAllStringFunc(page, func(line string) string {
		rows++
		parts := row.FindStringSubmatch(line)
		id, cell := parts[2], strings.TrimSpace(parts[3])
		by := shown[id]
		delete(shown, id)
		switch {
		case len(by) > 0:
			slices.Sort(by)
			cell = strings.Join(slices.Compact(by), ", ")
		case !reason.MatchString(cell):
			t.Errorf("no story and no test shows %s %s, and nothing says why", words, id)
		}
		return parts[1] + cell + " |"
	})
	for id, by := range shown {
		t.Errorf("%s shows %s %s, which there is not", strings.Join(by, ", "), words, id)
	}
	return text, rows
}

// head is what a story or a test says of itself, and the link to it.
type head struct{ text, link string }

// claims gives the links of what shows each row, by the row's number.
func claims(heads []head, words string) map[string][]string {
	claim := regexp.MustCompile(`\b` + words + ` ([A-Z]?\d+(?:, [A-Z]?\d+)*\b|"[^"]+")`)
	shown := map[string][]string{}
	for _, h := range heads {
		for _, found := range claim.FindAllStringSubmatch(h.text, -1) {
			for id := range strings.SplitSeq(found[1], ", ") {
				shown[id] = append(shown[id], h.link)
			}
		}
	}
	return shown
}

// storyHeads are the comments that stories begin with.
func storyHeads(t *testing.T) []head {
	t.Helper()
	paths, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var heads []head
	for _, path := range paths {
		story, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for line := range strings.Lines(string(story)) {
			if !strings.HasPrefix(line, "#") {
				break
			}
			text += strings.TrimSpace(strings.TrimPrefix(line, "#")) + " "
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		heads = append(heads, head{text, "[" + name + "](../pkg/controller/" + path + ")"})
	}
	return heads
}

// testComments are the comments of all tests, in packages that are made for
// tests too, each with the declaration that it belongs to.
func testComments(t *testing.T) []head {
	t.Helper()
	const root = "../.."
	var heads []head
	for _, dir := range []string{"cmd", "pkg", "test"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			isTest := strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test")
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || !isTest {
				return err
			}
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, d := range file.Decls {
				link := "[" + declared(d) + "](../" + strings.TrimPrefix(filepath.ToSlash(path), root+"/") + ")"
				for _, c := range file.Comments {
					if begin(d) <= c.Pos() && c.End() <= d.End() {
						heads = append(heads, head{strings.Join(strings.Fields(c.Text()), " "), link})
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return heads
}

// begin of a declaration, with its comment.
func begin(d ast.Decl) token.Pos {
	var doc *ast.CommentGroup
	switch d := d.(type) {
	case *ast.FuncDecl:
		doc = d.Doc
	case *ast.GenDecl:
		doc = d.Doc
	}
	if doc != nil {
		return doc.Pos()
	}
	return d.Pos()
}

// declared is the first name of a declaration.
func declared(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		if v, ok := d.Specs[0].(*ast.ValueSpec); ok {
			return v.Names[0].Name
		}
	}
	return "a type"
}
