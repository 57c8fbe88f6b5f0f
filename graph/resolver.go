package graph

import (
	"log/slog"

	"pointcharge/internal/edge"
	"pointcharge/internal/point"
)

// Resolver is the root of the graph.
type Resolver struct {
	Points *point.Service
	// Shop is the part of every checkout that does not depend on the order.
	Shop Checkout
	Log  *slog.Logger
	// GatewayLimit is how often one caller may use the mutations that may ask the gateway. A nil one is no limit.
	GatewayLimit *edge.Limit
	// Introspection lets clients read the schema.
	Introspection bool
}
