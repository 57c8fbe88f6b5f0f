package graph

import (
	"log/slog"

	"pointcharge/internal/point"
)

// Resolver is the root of the graph.
type Resolver struct {
	Points *point.Service
	// Shop is the part of every checkout that does not depend on the order.
	Shop Checkout
	Log  *slog.Logger
	// Introspection lets clients read the schema.
	Introspection bool
}
