package layout

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module       = "pointcharge"
	databasetest = "internal/database/databasetest"
	domaintest   = "internal/domaintest"
	longtest     = "internal/longtest"
	apierror     = "internal/apierror" // may be imported by all but the sandbox

	maxFile     = 500 // lines
	maxFunction = 80
)

// vague names do not describe a package's content, so in time the package holds everything.
func vague() []string {
	return []string{
		"util", "utils", "common", "model", "models", "helper", "helpers", "type", "types", "manager", "managers",
	}
}

func TestLayout(t *testing.T) {
	t.Parallel()
	for _, breach := range breaches(os.DirFS("../..")) {
		t.Error(breach)
	}
}

// source is one Go file of ours.
type source struct {
	*ast.File

	fset  *token.FileSet
	path  string
	house string // the source's folder in arrows; "." for the root, "" for none
	test  bool
	found *[]string
}

func (s source) report(pos token.Pos, format string, args ...any) {
	*s.found = append(*s.found, fmt.Sprintf("%s:%d: ", s.path, s.fset.Position(pos).Line)+fmt.Sprintf(format, args...))
}

func (s source) lines(node ast.Node) int {
	return s.fset.Position(node.End()).Line - s.fset.Position(node.Pos()).Line + 1
}

// breaches are all the places where the tree breaks a rule of the house.
func breaches(tree fs.FS) []string {
	var found []string
	var sizes []int
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipForeign(name)
		}
		if strings.HasSuffix(name, ".go") {
			sizes = append(sizes, inspect(tree, name, &found)...)
		}
		return nil
	})
	if err != nil {
		found = append(found, err.Error())
	}
	return append(found, checkShares(sizes)...)
}

// skipForeign leaves out folders with foreign Go files, as the go command does.
func skipForeign(dir string) error {
	base := path.Base(dir)
	foreign := slices.Contains([]string{"testdata", "vendor", "node_modules"}, base)
	if dir != "." && (foreign || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
		return fs.SkipDir
	}
	return nil
}

// inspect checks one file and returns the sizes of its functions.
func inspect(tree fs.FS, name string, found *[]string) []int {
	text, err := fs.ReadFile(tree, name)
	fset := token.NewFileSet()
	file, parseErr := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil || parseErr != nil {
		*found = append(*found, fmt.Sprintf("%s: %v %v", name, err, parseErr))
		return nil
	}
	s := source{file, fset, name, houseOf(path.Dir(name)), strings.HasSuffix(name, "_test.go"), found}
	s.checkNames()
	s.checkImports()
	if ast.IsGenerated(file) {
		return nil
	}
	s.checkVariables()
	s.checkGorm()
	if lines := fset.File(file.Pos()).LineCount(); lines > maxFile {
		s.report(file.Package, "the file has %d lines, more than %d", lines, maxFile)
	}
	return s.checkFunctions()
}

// houseOf is the folder in arrows that dir is, or lies below.
func houseOf(dir string) string {
	if dir == "." {
		return "."
	}
	houses := arrows()
	for ; dir != "."; dir = path.Dir(dir) {
		if _, ok := houses[dir]; ok {
			return dir
		}
	}
	return ""
}

func (s source) checkNames() {
	name := strings.TrimSuffix(s.Name.Name, "_test")
	if slices.Contains(vague(), name) || slices.Contains(vague(), path.Base(path.Dir(s.path))) {
		s.report(s.Package, "package %s: the name says nothing about what is inside", name)
	}
	if s.house == "" {
		s.report(s.Package, "the folder has no line among the arrows of internal/layout")
	}
}

func (s source) checkImports() {
	for _, spec := range s.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		ours, ok := strings.CutPrefix(imported, module+"/")
		switch {
		case ok && !s.mayImport(houseOf(ours)):
			s.report(spec.Pos(), "%s must not import %s", s.house, ours)
		case !ok && s.house == "internal/sandbox" && !s.test && strings.Contains(strings.Split(imported, "/")[0], "."):
			s.report(spec.Pos(), "the sandbox is an independent reading of the contract: standard library only, not %s", imported)
		}
	}
}

func (s source) mayImport(house string) bool {
	if s.test && (house == databasetest || house == longtest || slices.Contains(testArrows()[s.house], house)) {
		return true
	}
	if house == apierror && s.house != "internal/sandbox" {
		return true
	}
	return house == s.house || slices.Contains(arrows()[s.house], house)
}

// checkFunctions returns how long each function is.
func (s source) checkFunctions() []int {
	var sizes []int
	for _, decl := range s.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lines := s.lines(f)
		sizes = append(sizes, lines)
		if lines > maxFunction {
			s.report(f.Pos(), "%s has %d lines, more than %d", f.Name.Name, lines, maxFunction)
		}
		if f.Recv == nil && f.Name.Name == "init" {
			s.report(f.Pos(), "init runs unasked, before anybody could pass it anything: call a function instead")
		}
	}
	return sizes
}

// checkShares keeps most functions small: half of them within 10 lines, nine in ten within 45.
func checkShares(sizes []int) []string {
	var within10, within45 int
	for _, lines := range sizes {
		if lines <= 10 {
			within10++
		}
		if lines <= 45 {
			within45++
		}
	}
	var found []string
	if within10*2 < len(sizes) {
		found = append(found, fmt.Sprintf("only %d of %d functions have at most 10 lines; half should", within10, len(sizes)))
	}
	if within45*10 < len(sizes)*9 {
		found = append(found, fmt.Sprintf("only %d of %d functions have at most 45 lines; nine in ten should", within45, len(sizes)))
	}
	return found
}

// checkVariables finds state that two servers in one process would share. Tests may share, and so
// may databasetest: one throwaway PostgreSQL serves all tests of a package.
func (s source) checkVariables() {
	for _, decl := range s.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR || s.test || s.house == databasetest {
			continue
		}
		for _, spec := range group.Specs {
			v := spec.(*ast.ValueSpec)
			if !s.constantEnough(v) && !embedded(group.Doc) && !embedded(v.Doc) {
				s.report(v.Pos(), "package-level variable %s: pass it to those who need it", v.Names[0].Name)
			}
		}
	}
}

// constantEnough allows interface checks, sentinel errors, compiled patterns, and the version that
// the linker fills in (-ldflags "-X main.version=…").
func (s source) constantEnough(v *ast.ValueSpec) bool {
	name := v.Names[0].Name
	switch {
	case name == "_", strings.HasPrefix(strings.ToLower(name), "err"):
		return true
	case s.house == "." && name == "version":
		return true
	default:
		return len(v.Values) == 1 && isPattern(v.Values[0])
	}
}

func isPattern(expr ast.Expr) bool {
	call, ok := expr.(*ast.CallExpr)
	return ok && dotted(call.Fun) == "regexp.MustCompile"
}

// dotted is a selector as it is written: package.Name.
func dotted(expr ast.Expr) string {
	selector, ok := expr.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, _ := selector.X.(*ast.Ident)
	return fmt.Sprint(x, ".", selector.Sel.Name)
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// checkGorm finds the two conveniences by which GORM would change the schema.
func (s source) checkGorm() {
	ast.Inspect(s.File, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			if dotted(selector) == "gorm.Model" || selector.Sel.Name == "AutoMigrate" {
				s.report(selector.Pos(), "%s: the tables are those of internal/database/migrations", selector.Sel.Name)
			}
		}
		return true
	})
}
