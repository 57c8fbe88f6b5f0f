package gqlguard

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// overlappingFields is the specification's rule that fields of one response name must be the same
// field with the same arguments (§5.3.2). gqlparser's own rule compares every pair of fields, again
// for each inline fragment and fragment around them: a document of 2.4 KB took it a second. This
// rule puts the fragments in and compares each field with the first of its name, so its time is
// proportional to the number of fields that Limits.Fields bounds.
//
// The rule relies on two facts: checkSize has refused circular fragments, and the schema has no
// interfaces and no unions, so that all fields in one place of the answer belong to one type.
type overlappingFields struct{ addError core.AddErrFunc }

func checkOverlappingFields(observers *core.Events, addError core.AddErrFunc) {
	observers.OnOperation(func(_ *core.Walker, operation *ast.OperationDefinition) {
		overlappingFields{addError}.checkObject([]ast.SelectionSet{operation.SelectionSet})
	})
}

// checkObject compares all fields selected of one object, and then the selections of each of its
// fields.
func (o overlappingFields) checkObject(sets []ast.SelectionSet) {
	first, children, spread := map[string]*ast.Field{}, map[string][]ast.SelectionSet{}, map[string]bool{}
	var collect func(ast.SelectionSet)
	collect = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch selection := selection.(type) {
			case *ast.Field:
				name := selection.Alias // the parser sets it to the field's name where there is no alias
				if first[name] == nil {
					first[name] = selection
				}
				o.compareFields(first[name], selection)
				children[name] = append(children[name], selection.SelectionSet)
			case *ast.InlineFragment:
				collect(selection.SelectionSet)
			case *ast.FragmentSpread:
				if !spread[selection.Name] && selection.Definition != nil { // a second spread adds nothing
					spread[selection.Name] = true
					collect(selection.Definition.SelectionSet)
				}
			}
		}
	}
	for _, set := range sets {
		collect(set)
	}
	for _, sets := range children {
		o.checkObject(sets)
	}
}

func (o overlappingFields) compareFields(a, b *ast.Field) {
	switch {
	case a == b:
	case a.Name != b.Name:
		o.addError(core.Message("Fields %q conflict because %q and %q are different fields.", a.Alias, a.Name, b.Name), core.At(b.Position))
	case !sameArguments(a.Arguments, b.Arguments):
		o.addError(core.Message("Fields %q conflict because they have differing arguments.", a.Alias), core.At(b.Position))
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

// sameValue ignores the order of an object's fields.
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
