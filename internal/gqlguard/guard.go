// Package gqlguard bounds what a GraphQL document may be and cost: its size, the cost of its
// answer, its overlapping fields, its variables, and whether it is one of the trusted documents. It
// knows GraphQL and Relay's connections; what is particular to a schema is handed in as Costs.
package gqlguard

import (
	"context"
	"log/slog"
	"runtime"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
)

// Guard checks the documents of one schema.
type Guard struct {
	Schema *ast.Schema
	Costs  Costs
	// Limits bound what one request may cost. A field that is 0 means its default.
	Limits Limits
	// Introspection lets clients read the schema.
	Introspection bool
	// Trusted are the only documents that are answered; nil means all documents are.
	Trusted *TrustedDocuments
	// Admit is told the price of an operation before it is executed, and refuses it with an
	// error; nil admits every operation. Debit is told what an operation cost beyond its price.
	// Subscriptions have a price, and no debit.
	Admit func(ctx context.Context, operation ast.Operation, price int) error
	Debit func(ctx context.Context, price int)
	Log   *slog.Logger
}

// Protect adds the guard's checks to a server, in the order of what each check costs.
func (g Guard) Protect(server *handler.Server) {
	limits := g.Limits.WithDefaults()
	validated := shortDocuments{lru.New[*ast.QueryDocument](maxCachedDocuments)}
	server.SetParserTokenLimit(limits.Tokens + 1)
	server.SetDisableSuggestion(true)
	server.SetValidationRulesFn(strictRules)
	server.SetQueryCache(validated)
	server.Use(trustedOnly{g.Trusted, g.Log})
	server.Use(limiter{Limits: limits, validated: validated, costs: g.Costs, listSizes: newListSizes(g.Schema),
		slots: make(chan struct{}, runtime.GOMAXPROCS(0)), admit: g.Admit})
	server.Use(lookupCounter{g.Costs, g.Debit})
	server.Use(strictVariables{g.Schema})
	if g.Introspection {
		server.Use(extension.Introspection{})
	} else {
		server.Use(noIntrospection{})
	}
}

// maxCachedDocuments is the number of documents that are cached with their syntax trees.
const maxCachedDocuments = 500

// maxCachedDocument is in bytes. A syntax tree keeps the whole text of its document in memory, and
// the documents of real programs are shorter.
const maxCachedDocument = 8 << 10

// shortDocuments is a cache that ignores long documents.
type shortDocuments struct {
	graphql.Cache[*ast.QueryDocument]
}

func (c shortDocuments) Add(ctx context.Context, text string, document *ast.QueryDocument) {
	if len(text) <= maxCachedDocument {
		c.Cache.Add(ctx, text, document)
	}
}
