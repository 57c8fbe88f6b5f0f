package gqlguard

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// merging is the specification's rule that fields of one response name must be the same field with the same arguments
// (§5.3.2). gqlparser's own compares every two of them, again for each inline fragment and fragment around them: 2.4 KB
// cost it a second. This one puts the fragments in and compares each field with the first of its name, so it takes time
// in proportion to the fields that GRAPHQL_MAX_FIELDS counts.
//
// It relies on two things: checkShape has refused fragments inside themselves, and the schema has no interface and no
// union, so whatever stands in one place of the answer has one type.
type merging struct{ addError core.AddErrFunc }

func mergeFields(observers *core.Events, addError core.AddErrFunc) {
	observers.OnOperation(func(_ *core.Walker, operation *ast.OperationDefinition) {
		merging{addError}.compare([]ast.SelectionSet{operation.SelectionSet})
	})
}

// compare looks at all that is selected of one object, and then at what is selected of each object in it.
func (m merging) compare(sets []ast.SelectionSet) {
	first, below, spread := map[string]*ast.Field{}, map[string][]ast.SelectionSet{}, map[string]bool{}
	var collect func(ast.SelectionSet)
	collect = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch selection := selection.(type) {
			case *ast.Field:
				name := selection.Alias // the parser makes it the field's name where there is none
				if first[name] == nil {
					first[name] = selection
				}
				m.compareFields(first[name], selection)
				below[name] = append(below[name], selection.SelectionSet)
			case *ast.InlineFragment:
				collect(selection.SelectionSet)
			case *ast.FragmentSpread:
				if !spread[selection.Name] && selection.Definition != nil { // once more it adds nothing
					spread[selection.Name] = true
					collect(selection.Definition.SelectionSet)
				}
			}
		}
	}
	for _, set := range sets {
		collect(set)
	}
	for _, sets := range below {
		m.compare(sets)
	}
}

func (m merging) compareFields(a, b *ast.Field) {
	switch {
	case a == b:
	case a.Name != b.Name:
		m.addError(core.Message("Fields %q conflict because %q and %q are different fields.", a.Alias, a.Name, b.Name), core.At(b.Position))
	case !sameArguments(a.Arguments, b.Arguments):
		m.addError(core.Message("Fields %q conflict because they have differing arguments.", a.Alias), core.At(b.Position))
	}
}

func sameArguments(a, b ast.ArgumentList) bool {
	for _, argument := range a {
		if other := b.ForName(argument.Name); other == nil || !sameValue(argument.Value, other.Value) {
			return false
		}
	}
	return len(a) == len(b)
}

// sameValue takes the fields of objects in any order.
func sameValue(a, b *ast.Value) bool {
	if a.Kind != b.Kind || a.Raw != b.Raw || len(a.Children) != len(b.Children) {
		return false
	}
	for i, child := range a.Children {
		other := b.Children[i].Value
		if a.Kind == ast.ObjectValue {
			other = b.Children.ForName(child.Name)
		}
		if other == nil || !sameValue(child.Value, other) {
			return false
		}
	}
	return true
}
