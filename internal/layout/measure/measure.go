package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// measures are the figures of a tree. All figures leave out generated files, and leave out tests
// unless a field says otherwise.
type measures struct {
	functions     []int // lines of each function
	testFunctions []int // lines of each function of the tests
	names         []string
	words         int // of all comments
	pronouns      int
	widths        []int // of each line of a comment, indentation included; a tab is four columns
	files         map[string]int
	packages      map[string]int // lines of all files in a folder
	readmes       map[string]int // bytes
}

// measureTree reads all Go files and READMEs below the root of a tree, except in folders ignored by
// the go command.
func measureTree(tree fs.FS) (*measures, error) {
	m := &measures{files: map[string]int{}, packages: map[string]int{}, readmes: map[string]int{}}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && isIgnored(name):
			return fs.SkipDir
		case !entry.IsDir() && path.Dir(name) == "." && strings.HasPrefix(name, "README"):
			text, err := fs.ReadFile(tree, name)
			m.readmes[name] = len(text)
			return err
		case strings.HasSuffix(name, ".go"):
			return m.addFile(tree, name)
		}
		return nil
	})
	return m, err
}

func isIgnored(dir string) bool {
	base := path.Base(dir)
	return dir != "." && (slices.Contains([]string{"testdata", "vendor", "node_modules"}, base) || strings.ContainsAny(base[:1], "._"))
}

func (m *measures) addFile(tree fs.FS, name string) error {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	if ast.IsGenerated(file) {
		return nil
	}
	lines, isTest := fset.File(file.Pos()).LineCount(), strings.HasSuffix(name, "_test.go")
	m.files[name] = lines
	if !isTest {
		m.packages[path.Dir(name)] += lines
		m.addComments(fset, file, strings.Split(string(text), "\n"))
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			m.addFunction(f, fset.Position(f.End()).Line-fset.Position(f.Pos()).Line+1, isTest)
		}
	}
	return nil
}

func (m *measures) addFunction(f *ast.FuncDecl, lines int, isTest bool) {
	if isTest {
		m.testFunctions = append(m.testFunctions, lines)
		return
	}
	m.functions = append(m.functions, lines)
	if name := f.Name.Name; !f.Name.IsExported() && name != "main" && name != "init" && name != "_" {
		m.names = append(m.names, name)
	}
}

// addComments counts the words of all comments, except directives such as //go:embed.
func (m *measures) addComments(fset *token.FileSet, file *ast.File, lines []string) {
	for _, group := range file.Comments {
		words := splitProse(group.Text()) // without directives
		m.words += len(words)
		m.pronouns += countPronouns(words)
		for _, c := range group.List {
			if isDirective(c.Text) {
				continue
			}
			first := fset.Position(c.Pos())
			for i, line := range strings.Split(c.Text, "\n") {
				column := 0
				if i == 0 {
					column = countColumns(lines[first.Line-1][:first.Column-1])
				}
				m.widths = append(m.widths, column+countColumns(line))
			}
		}
	}
}

func isDirective(comment string) bool {
	return strings.HasPrefix(comment, "//go:") || strings.HasPrefix(comment, "//nolint")
}

// countColumns returns the width of a text; a tab is four columns wide.
func countColumns(text string) int { return utf8.RuneCountInString(text) + 3*strings.Count(text, "\t") }
