package graph

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// checkShape looks at a document that was parsed and nothing else, and counts what makes validation and execution
// dear. It takes time in proportion to the document's length: each fragment is measured once, however often it is
// spread, so a bomb of 2^100 fields costs as much as any other document of its length.
func (l limiter) checkShape(document *ast.QueryDocument) *gqlerror.Error {
	s := &shapes{fragments: document.Fragments, measured: map[string]shape{}}
	var all shape
	for _, operation := range document.Operations {
		s.tally(operation.SelectionSet, operation.Directives)
		for _, variable := range operation.VariableDefinitions {
			s.directives += len(variable.Directives)
		}
		own := s.measure(operation.SelectionSet)
		if limit := l.RootFields; operation.Operation != ast.Mutation && own.width > limit {
			return overLimit("A query", limit, "fields at its root", "GRAPHQL_MAX_ROOT_FIELDS")
		}
		if limit := l.MutationFields; operation.Operation == ast.Mutation && own.width > limit {
			return overLimit("A mutation", limit, "fields at its root", "GRAPHQL_MAX_MUTATION_FIELDS")
		}
		all.add(own)
	}
	for _, fragment := range document.Fragments {
		s.tally(fragment.SelectionSet, fragment.Directives)
		all.widen(s.fragment(fragment.Name))
	}
	switch {
	case s.aliases > l.Aliases:
		return overLimit("A document", l.Aliases, "aliases", "GRAPHQL_MAX_ALIASES")
	case s.directives > l.Directives:
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
	width  int // fields at its top
	fields int // in all
	depth  int
}

// add puts b beside s.
func (s *shape) add(b shape) {
	s.width = min(s.width+b.width, enough)
	s.widen(shape{fields: s.fields + b.fields, depth: b.depth})
}

// widen makes s as large as b, where it is smaller. A fragment that no operation spreads is validated, too.
func (s *shape) widen(b shape) {
	s.fields = min(max(s.fields, b.fields), enough)
	s.depth = max(s.depth, b.depth)
}

// shapes measures a document, and tallies what does not depend on where fragments are spread.
type shapes struct {
	fragments           ast.FragmentDefinitionList
	measured            map[string]shape // fragments, by name
	aliases, directives int
}

func (s *shapes) fragment(name string) shape {
	if size, ok := s.measured[name]; ok {
		return size
	}
	s.measured[name] = shape{} // met again inside itself, it is a circle, which validation refuses
	if definition := s.fragments.ForName(name); definition != nil {
		s.measured[name] = s.measure(definition.SelectionSet)
	}
	return s.measured[name]
}

func (s *shapes) measure(set ast.SelectionSet) shape {
	var all shape
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			inside := s.measure(selection.SelectionSet)
			if selection.Name != "ofType" { // a chain in the introspection of types; never a list
				inside.depth++
			}
			all.add(shape{width: 1, fields: inside.fields + 1, depth: inside.depth})
		case *ast.FragmentSpread:
			all.add(s.fragment(selection.Name))
		case *ast.InlineFragment:
			all.add(s.measure(selection.SelectionSet))
		}
	}
	return all
}

// tally counts aliases and directives where they are written.
func (s *shapes) tally(set ast.SelectionSet, directives ast.DirectiveList) {
	s.directives += len(directives)
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if selection.Alias != selection.Name {
				s.aliases++
			}
			s.tally(selection.SelectionSet, selection.Directives)
		case *ast.FragmentSpread:
			s.directives += len(selection.Directives)
		case *ast.InlineFragment:
			s.tally(selection.SelectionSet, selection.Directives)
		}
	}
}
