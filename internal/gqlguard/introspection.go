package gqlguard

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// closed refuses introspection as the caller's mistake. gqlgen's own refusal looks like any error of a resolver,
// so it would be masked and logged as a fault of ours.
type closed struct{}

func (closed) ExtensionName() string { return "Closed" }

func (closed) Validate(graphql.ExecutableSchema) error { return nil }

func (closed) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if field.Name == "__schema" || field.Name == "__type" {
			return gqlerror.Errorf("Introspection is switched off.")
		}
	}
	return nil
}
