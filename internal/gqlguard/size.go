package gqlguard

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// checkSize counts what makes validation and execution expensive in a parsed document. It takes
// time in proportion to the document's length: each fragment is measured once, however often it is
// spread. A bomb of 2^100 fields costs as much as any other document of its length.
func (l limiter) checkSize(document *ast.QueryDocument) *gqlerror.Error {
	m := &sizeMeter{fragments: document.Fragments, measured: map[string]*documentSize{}}
	var total documentSize
	for _, operation := range document.Operations {
		size := m.measureSelections(operation.SelectionSet)
		if limit := l.RootFields; operation.Operation != ast.Mutation && size.rootFields > limit {
			return limitError("A query", limit, "fields at its root")
		}
		if limit := l.MutationFields; operation.Operation == ast.Mutation && size.rootFields > limit {
			return limitError("A mutation", limit, "fields at its root")
		}
		total.add(size)
		total.add(measureDirectives(operation.Directives))
		for _, variable := range operation.VariableDefinitions {
			total.add(measureDirectives(variable.Directives))
		}
	}
	for _, fragment := range document.Fragments { // each is validated by itself, too, with what it spreads
		size := m.measureFragment(fragment.Name)
		size.add(measureDirectives(fragment.Directives))
		total.raise(size)
		total.fields = min(total.fields+size.fields, maxCount)
	}
	if m.circular != "" {
		return gqlerror.Errorf("The fragment %s is spread inside itself.", m.circular)
	}
	return l.checkTotal(total)
}

func (l limiter) checkTotal(total documentSize) *gqlerror.Error {
	switch {
	case total.aliases > l.Aliases:
		return limitError("A document", l.Aliases, "aliases")
	case total.directives > l.Directives:
		return limitError("A document", l.Directives, "directives")
	case total.depth > l.Depth:
		return limitError("A document", l.Depth, "fields inside each other")
	case total.fields > l.Fields:
		return limitError("A document", l.Fields, "fields, with its fragments put in")
	}
	return nil
}

// maxCount is more than any limit. Counts stop there, because a count that is doubled a hundred
// times would overflow.
const maxCount = 1 << 40

// documentSize is the size of a selection, with its fragments put in.
type documentSize struct {
	rootFields int // fields at the selection's top
	fields     int // values, inline fragments and spreads count as well: validation costs as much for them
	depth      int
	aliases    int
	directives int
}

// add adds the size of a selection beside s.
func (s *documentSize) add(other documentSize) {
	s.rootFields = min(s.rootFields+other.rootFields, maxCount)
	s.fields = min(s.fields+other.fields, maxCount)
	s.aliases = min(s.aliases+other.aliases, maxCount)
	s.directives = min(s.directives+other.directives, maxCount)
	s.depth = max(s.depth, other.depth)
}

// raise takes the maximum of both sizes. It is for fragments, which are validated even when no
// operation spreads them.
func (s *documentSize) raise(other documentSize) {
	s.depth = max(s.depth, other.depth)
	s.aliases = max(s.aliases, other.aliases)
	s.directives = max(s.directives, other.directives)
}

// sizeMeter measures one document.
type sizeMeter struct {
	fragments ast.FragmentDefinitionList
	measured  map[string]*documentSize // fragments by name; nil while a fragment is being measured
	circular  string                   // a fragment that is spread inside itself, if there is one
}

func (m *sizeMeter) measureFragment(name string) documentSize {
	size, seen := m.measured[name]
	definition := m.fragments.ForName(name)
	switch {
	case seen && size == nil:
		m.circular = name
		return documentSize{}
	case seen:
		return *size
	case definition == nil: // validation refuses it
		return documentSize{}
	}
	m.measured[name] = nil
	measured := m.measureSelections(definition.SelectionSet)
	m.measured[name] = &measured
	return measured
}

func (m *sizeMeter) measureSelections(set ast.SelectionSet) documentSize {
	var total documentSize
	for _, selection := range set {
		total.fields++
		switch selection := selection.(type) {
		case *ast.Field:
			total.add(m.measureField(selection))
		case *ast.FragmentSpread:
			total.add(m.measureFragment(selection.Name))
			total.add(measureDirectives(selection.Directives))
		case *ast.InlineFragment:
			total.add(m.measureSelections(selection.SelectionSet))
			total.add(measureDirectives(selection.Directives))
		}
	}
	return total
}

func (m *sizeMeter) measureField(field *ast.Field) documentSize {
	size := m.measureSelections(field.SelectionSet)
	size.rootFields = 1
	size.fields += countArgumentValues(field.Arguments)
	if field.Name != "ofType" { // a chain in the introspection of types; never a list
		size.depth++
	}
	if field.Alias != field.Name {
		size.aliases++
	}
	size.add(measureDirectives(field.Directives))
	return size
}

func measureDirectives(directives ast.DirectiveList) documentSize {
	size := documentSize{directives: len(directives)}
	for _, directive := range directives {
		size.fields += countArgumentValues(directive.Arguments)
	}
	return size
}

func countArgumentValues(arguments ast.ArgumentList) int {
	n := 0
	for _, argument := range arguments {
		n += countValues(argument.Value)
	}
	return n
}

func countValues(value *ast.Value) int {
	n := 1
	for _, child := range value.Children {
		n += countValues(child.Value)
	}
	return n
}
