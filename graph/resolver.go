package graph

import (
	"log/slog"

	"pointcharge/internal/edge"
	"pointcharge/internal/feed"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/point"
)

// Resolver is the root of the graph.
type Resolver struct {
	Points *point.Service
	// Shop is the part of every checkout that does not depend on the order.
	Shop Checkout
	Log  *slog.Logger
	// GatewayLimit is how often one caller may use the mutations that may ask the gateway. A nil
	// one is no limit.
	GatewayLimit *edge.Limit
	// Feed has the lines of subscriptions.
	Feed *feed.Feed
	// Introspection lets clients read the schema.
	Introspection bool
	// Limits bound what one request may cost.
	Limits gqlguard.Limits
	// Trusted are the documents that may be asked; nil means all.
	Trusted *gqlguard.TrustedDocuments
	// FirstEdition answers with the statuses of the first edition of GraphQL over HTTP.
	FirstEdition bool
}
