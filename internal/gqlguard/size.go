package gqlguard

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// checkShape looks at a document that was parsed and nothing else, and counts what makes validation and execution
// dear. It takes time in proportion to the document's length: each fragment is measured once, however often it is
// spread, so a bomb of 2^100 fields costs as much as any other document of its length.
func (l limiter) checkShape(document *ast.QueryDocument) *gqlerror.Error {
	s := &shapes{fragments: document.Fragments, measured: map[string]*shape{}}
	var all shape
	for _, operation := range document.Operations {
		own := s.measure(operation.SelectionSet)
		if limit := l.RootFields; operation.Operation != ast.Mutation && own.width > limit {
			return overLimit("A query", limit, "fields at its root", "GRAPHQL_MAX_ROOT_FIELDS")
		}
		if limit := l.MutationFields; operation.Operation == ast.Mutation && own.width > limit {
			return overLimit("A mutation", limit, "fields at its root", "GRAPHQL_MAX_MUTATION_FIELDS")
		}
		all.add(own)
		all.add(ofDirectives(operation.Directives))
		for _, variable := range operation.VariableDefinitions {
			all.add(ofDirectives(variable.Directives))
		}
	}
	for _, fragment := range document.Fragments { // each is validated by itself, too, with what it spreads
		own := s.fragment(fragment.Name)
		own.add(ofDirectives(fragment.Directives))
		all.widen(own)
		all.fields = min(all.fields+own.fields, enough)
	}
	switch {
	case s.circle != "":
		return gqlerror.Errorf("The fragment %s is spread inside itself.", s.circle)
	case all.aliases > l.Aliases:
		return overLimit("A document", l.Aliases, "aliases", "GRAPHQL_MAX_ALIASES")
	case all.directives > l.Directives:
		return overLimit("A document", l.Directives, "directives", "GRAPHQL_MAX_DIRECTIVES")
	case all.depth > l.Depth:
		return overLimit("A document", l.Depth, "fields inside each other", "GRAPHQL_MAX_DEPTH")
	case all.fields > l.Fields:
		return overLimit("A document", l.Fields, "fields, with its fragments put in,", "GRAPHQL_MAX_FIELDS")
	}
	return nil
}

// enough is more than any limit. Counts stop there: doubled a hundred times, they would overflow.
const enough = 1 << 40

// shape is how large a selection is, with its fragments put in.
type shape struct {
	width      int // fields at its top
	fields     int // in all; a value, an inline fragment and a spread count as one, too: they cost validation as much
	depth      int
	aliases    int
	directives int
}

// add puts b beside s.
func (s *shape) add(b shape) {
	s.width = min(s.width+b.width, enough)
	s.fields = min(s.fields+b.fields, enough)
	s.aliases = min(s.aliases+b.aliases, enough)
	s.directives = min(s.directives+b.directives, enough)
	s.depth = max(s.depth, b.depth)
}

// widen makes s as deep as b, and so on, where it is less. A fragment that no operation spreads is validated, too.
func (s *shape) widen(b shape) {
	s.depth = max(s.depth, b.depth)
	s.aliases = max(s.aliases, b.aliases)
	s.directives = max(s.directives, b.directives)
}

// shapes measures a document.
type shapes struct {
	fragments ast.FragmentDefinitionList
	measured  map[string]*shape // fragments, by name; nil while they are being measured
	circle    string            // a fragment that is spread inside itself, if there is one
}

func (s *shapes) fragment(name string) shape {
	size, met := s.measured[name]
	definition := s.fragments.ForName(name)
	switch {
	case met && size == nil:
		s.circle = name
		return shape{}
	case met:
		return *size
	case definition == nil: // validation says so
		return shape{}
	}
	s.measured[name] = nil
	measured := s.measure(definition.SelectionSet)
	s.measured[name] = &measured
	return measured
}

func (s *shapes) measure(set ast.SelectionSet) shape {
	var all shape
	for _, selection := range set {
		all.fields++
		switch selection := selection.(type) {
		case *ast.Field:
			all.add(s.field(selection))
		case *ast.FragmentSpread:
			all.add(s.fragment(selection.Name))
			all.add(ofDirectives(selection.Directives))
		case *ast.InlineFragment:
			all.add(s.measure(selection.SelectionSet))
			all.add(ofDirectives(selection.Directives))
		}
	}
	return all
}

func (s *shapes) field(field *ast.Field) shape {
	all := s.measure(field.SelectionSet)
	all.width = 1
	all.fields += ofArguments(field.Arguments)
	if field.Name != "ofType" { // a chain in the introspection of types; never a list
		all.depth++
	}
	if field.Alias != field.Name {
		all.aliases++
	}
	all.add(ofDirectives(field.Directives))
	return all
}

func ofDirectives(directives ast.DirectiveList) shape {
	all := shape{directives: len(directives)}
	for _, directive := range directives {
		all.fields += ofArguments(directive.Arguments)
	}
	return all
}

// ofArguments is how many values there are in arguments.
func ofArguments(arguments ast.ArgumentList) int {
	n := 0
	for _, argument := range arguments {
		n += ofValue(argument.Value)
	}
	return n
}

func ofValue(value *ast.Value) int {
	n := 1
	for _, child := range value.Children {
		n += ofValue(child.Value)
	}
	return n
}
