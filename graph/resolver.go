package graph

import (
	"log/slog"

	"pointcharge/internal/feed"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/point"
	"pointcharge/internal/ratelimit"
)

// Resolver is the root of the graph.
type Resolver struct {
	Points *point.Service
	// Shop is the part of every checkout that does not depend on the order.
	Shop Checkout
	Log  *slog.Logger
	// GatewayLimit limits the mutations of one caller that may call Iamport; nil means no limit.
	GatewayLimit *ratelimit.Limit
	// Feed has the lines of subscriptions.
	Feed *feed.Feed
	// Introspection lets clients read the schema.
	Introspection bool
	// Limits bound what one request may cost.
	Limits gqlguard.Limits
	// Trusted are the only documents that are answered; nil means all documents are.
	Trusted *gqlguard.TrustedDocuments
	// FirstEdition answers with the statuses of the first edition of GraphQL over HTTP.
	FirstEdition bool
}
