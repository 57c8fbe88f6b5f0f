package graph_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	gql "github.com/vektah/gqlparser/v2/ast"
)

// loadSchema reads the contract once: every answer is compared with it.
var loadSchema = sync.OnceValues(func() (*gql.Schema, error) {
	text, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		return nil, err
	}
	return gqlparser.LoadSchema(&gql.Source{Name: "schema.graphqls", Input: string(text)})
})

func schema(t *testing.T) *gql.Schema {
	t.Helper()
	schema, err := loadSchema()
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// errorCodes returns the names of the schema's enum.
func errorCodes(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, value := range schema(t).Types["ErrorCode"].EnumValues {
		names = append(names, value.Name)
	}
	return names
}

func TestErrorCodesAreThoseOfTheDomainInItsOrder(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(domainCodes(t), errorCodes(t)); diff != "" {
		t.Errorf("internal/apierror/error.go (-) and schema.graphqls (+) differ:\n%s", diff)
	}
}

// A constant of the domain that the schema does not have would fail every answer that has it.
func TestEnumsAreThoseOfTheDomain(t *testing.T) {
	t.Parallel()
	for enum, where := range map[string][2]string{
		"PointTransactionKind": {"../internal/point/ledger.go", "Kind"}, "PointLotKind": {"../internal/point/lot.go", "LotKind"},
		"PointLotUseReason": {"../internal/point/lot.go", "UseReason"}, "ChargeOrderStatus": {"../internal/charge/order.go", "OrderStatus"},
		"PayMethod": {"../internal/charge/order.go", "PayMethod"}, "RefundStatus": {"../internal/charge/refund.go", "RefundStatus"},
	} {
		var names []string
		for _, value := range schema(t).Types[enum].EnumValues {
			names = append(names, value.Name)
		}
		if diff := cmp.Diff(constantsOf(t, where[0], where[1]), names); diff != "" {
			t.Errorf("%s (-) and %s (+) differ:\n%s", where[0], enum, diff)
		}
	}
}

// domainCodes returns the constants of type Code.
func domainCodes(t *testing.T) []string {
	t.Helper()
	return constantsOf(t, "../internal/apierror/error.go", "Code")
}

// constantsOf reads the constants of a type from the source, so that a new one cannot be forgotten.
func constantsOf(t *testing.T, name, of string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok && isOfType(spec, of) {
			for _, value := range spec.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

func isOfType(spec *ast.ValueSpec, of string) bool {
	name, ok := spec.Type.(*ast.Ident)
	return ok && name.Name == of
}

func TestEverythingInTheSchemaIsDescribed(t *testing.T) {
	t.Parallel()
	described := 0
	want := func(what, description string) {
		if described++; description == "" {
			t.Errorf("%s has no description", what)
		}
	}
	for _, definition := range schema(t).Types {
		if definition.BuiltIn {
			continue
		}
		want(definition.Name, definition.Description)
		for _, value := range definition.EnumValues {
			want(definition.Name+"."+value.Name, value.Description)
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue // __schema and __type
			}
			want(definition.Name+"."+field.Name, field.Description)
			for _, argument := range field.Arguments {
				want(definition.Name+"."+field.Name+"."+argument.Name, argument.Description)
			}
		}
	}
	if described < 100 {
		t.Errorf("only %d things were looked at: the test is not what it says", described)
	}
}

func TestF6AChargeTakesNothingButTheImpUID(t *testing.T) {
	t.Parallel()
	field := schema(t).Mutation.Fields.ForName("createPointTransaction")
	if len(field.Arguments) != 1 || field.Arguments[0].Name != "impUid" || field.Arguments[0].Type.String() != "ID!" {
		t.Errorf("its arguments are %v", field.Arguments)
	}
}

func TestAmountsAreNeverIntOrFloat(t *testing.T) {
	t.Parallel()
	for _, definition := range schema(t).Types {
		for _, field := range definition.Fields {
			counts := field.Name == "position" || field.Name == "hours" || field.Name == "seq" || field.Name == "count"
			small := field.Type.Name() == "Int" && !counts || field.Type.Name() == "Float"
			if !definition.BuiltIn && small {
				t.Errorf("%s.%s is %s", definition.Name, field.Name, field.Type)
			}
		}
	}
}

// gqlguard's rule of overlapping fields relies on it.
func TestTheSchemaHasOnlyObjects(t *testing.T) {
	t.Parallel()
	for name, definition := range schema(t).Types {
		if definition.Kind == gql.Interface || definition.Kind == gql.Union {
			t.Errorf("%s is an %s: internal/gqlguard/overlap.go has to learn what may be selected of it", name, definition.Kind)
		}
	}
}
