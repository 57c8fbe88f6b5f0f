package graph

import (
	"log/slog"
	"sync/atomic"
	"time"

	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
	"pointcharge/internal/feed"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/point"
	"pointcharge/internal/ratelimit"
)

// Resolver is the root of the graph.
type Resolver struct {
	Points  *point.Service
	Charges *charge.Service
	// Shop is the part of every checkout that does not depend on the order.
	Shop Checkout
	// Channels are the ways to pay that the shop takes, with their payment channels.
	Channels Channels
	Log      *slog.Logger
	// GatewayLimit limits the mutations of one caller that may call Iamport; nil means no limit.
	GatewayLimit *ratelimit.Limit
	// RequestLimit is the limit of LimitRate. An operation that costs more than a request is taken
	// from it, too; nil means no limit.
	RequestLimit *ratelimit.Limit
	// CostLimit bounds the cost of a caller's operations under way, in calls; nil means no limit.
	CostLimit *ratelimit.ConcurrencyLimit
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

	// ProductCacheTime is how old the list of active products may be that is answered; 0 reads it
	// anew each time. A change by this server is answered at once.
	ProductCacheTime time.Duration

	products productCache
	logs     atomic.Pointer[sampledLogs]
}

// actorOf returns the caller as the domain keeps it with every change, by the role that allows
// most.
func actorOf(caller auth.Identity) point.Actor {
	kind := point.ActorUser
	switch {
	case caller.Has(auth.RoleAdmin):
		kind = point.ActorAdmin
	case caller.Has(auth.RoleService):
		kind = point.ActorService
	}
	return point.Actor{Kind: kind, ID: caller.UserID}
}
