package graph_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

// domainSource is the source of packages whose refusals reach the API.
type domainSource struct {
	constants map[string]string // the text of each constant
	used      map[string]bool   // identifiers that a statement uses
	reasons   map[string]string // each reason, by the name or the text in the source
}

// readDomainSource reads the reasons from the source, so that a new one cannot be forgotten: every
// constant named Reason…, and everything that an apierror.Error gets as its Reason.
func readDomainSource(t *testing.T) domainSource {
	t.Helper()
	s := domainSource{constants: map[string]string{}, used: map[string]bool{}, reasons: map[string]string{}}
	var files []*ast.File
	for _, room := range []string{"apierror", "auth", "charge", "point", "iamport"} {
		names, err := filepath.Glob("../internal/" + room + "/*.go")
		if err != nil || len(names) == 0 {
			t.Fatal(room, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
			ast.Inspect(file, s.addConstant)
		}
	}
	for _, file := range files {
		ast.Inspect(file, s.addReason)
	}
	for name, text := range s.constants {
		if strings.HasPrefix(name, "Reason") {
			s.reasons[name] = text
		}
	}
	return s
}

func (s domainSource) addConstant(node ast.Node) bool {
	if spec, ok := node.(*ast.ValueSpec); ok && len(spec.Values) == len(spec.Names) {
		for i, name := range spec.Names {
			if text, ok := stringOf(spec.Values[i]); ok {
				s.constants[name.Name] = text
			}
		}
	}
	return true
}

// addReason also notes identifiers that are used. It does not look at the names of declarations.
func (s domainSource) addReason(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.ValueSpec:
		for _, value := range node.Values {
			ast.Inspect(value, s.addReason)
		}
		return false
	case *ast.Ident:
		s.used[node.Name] = true
	case *ast.CompositeLit:
		if isAPIError(node.Type) {
			for _, element := range node.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok && pair.Key.(*ast.Ident).Name == "Reason" {
					s.add(pair.Value)
				}
			}
		}
	}
	return true
}

func (s domainSource) add(value ast.Expr) {
	if text, ok := stringOf(value); ok {
		s.reasons[text] = text
		s.used[text] = true
	} else if name, ok := value.(*ast.Ident); ok && s.constants[name.Name] != "" {
		s.reasons[name.Name] = s.constants[name.Name]
	}
}

func isAPIError(expression ast.Expr) bool {
	selector, ok := expression.(*ast.SelectorExpr)
	return ok && selector.X.(*ast.Ident).Name == "apierror" && selector.Sel.Name == "Error"
}

func stringOf(expression ast.Expr) (string, bool) {
	literal, ok := expression.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

func TestEveryReasonIsAWordThatIsUsedAndDocumented(t *testing.T) {
	t.Parallel()
	source := readDomainSource(t)
	document, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	described := string(document)
	for _, value := range schema(t).Types["ErrorCode"].EnumValues {
		described += value.Description
	}
	word := regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)
	for name, reason := range source.reasons {
		switch {
		case !word.MatchString(reason):
			t.Errorf("%s: %q is not UPPER_SNAKE", name, reason)
		case !source.used[name]:
			t.Errorf("%s: nothing refuses with it", name)
		case !regexp.MustCompile(`\b` + reason + `\b`).MatchString(described):
			t.Errorf("%s: neither ErrorCode nor docs/errors.md says what %s means", name, reason)
		}
	}
	if got := slices.Collect(maps.Values(source.reasons)); len(got) < 20 || !slices.Contains(got, "PRICE_BELOW_MINIMUM") {
		t.Errorf("only %v were found: the test is not what it says", got)
	}
}

func TestAReasonReachesTheExtensionsWithItsArgumentAndParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	for name, c := range map[string]struct {
		answer reply
		want   map[string]any
	}{
		"no token": {w.askAs("", `{ viewer { id } }`), map[string]any{"code": string(apierror.Unauthenticated), "reason": "MISSING"}},
		"too small": {w.refund(w.token("minji"), line, 99, "r"),
			map[string]any{"code": string(apierror.RefundNotPossible), "reason": charge.ReasonTooSmall, "argument": "amount", "limit": 100.0}},
		"a name": {w.askAs(w.adminToken(), `mutation { upsertChargeProduct(input: {id: "p9", name: "<b>", price: 100, points: 100}) { id } }`),
			map[string]any{"code": string(apierror.InvalidArgument), "reason": "NAME_NOT_PRINTABLE_AT_PROVIDER", "argument": "name", "character": "<"}},
	} {
		if got := c.answer.extensions(); !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
