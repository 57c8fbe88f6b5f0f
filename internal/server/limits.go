package server

import (
	"golang.org/x/time/rate"

	"pointcharge/graph"
	"pointcharge/internal/config"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/ratelimit"
)

const (
	// noticeCalls is the share of gatewayCalls for the look-ups of webhooks and payment returns.
	noticeCalls = gatewayCalls / 4
	// usersPerAddress is the number of users for whom one address has capacity at the gateway:
	// phones share the addresses of their carrier.
	usersPerAddress = 10
	// operationsOfUser and operationsOfAddress limit concurrent operations, including answers that
	// the client has not read yet. A browser has six connections to a server.
	operationsOfUser    = 16
	operationsOfAddress = operationsOfUser * usersPerAddress
	// costOfUser and costOfAddress are how dear the operations under way may be together, in
	// calls. A dearer operation runs alone.
	costOfUser    = 32
	costOfAddress = costOfUser * usersPerAddress
)

// newRequestLimit limits all requests to the API and, where addresses are known, to the webhook and
// the other routes.
func newRequestLimit(cfg config.Config) *ratelimit.Limit {
	return newLimit(cfg, ratelimit.Rate(cfg.RateLimitUser), ratelimit.Rate(cfg.RateLimitAddress))
}

// newGatewayLimit limits the mutations that may ask Iamport. Mutations are counted by address only
// where requests are, too.
func newGatewayLimit(cfg config.Config) *ratelimit.Limit {
	user := ratelimit.Rate(cfg.RateLimitGateway)
	address := ratelimit.Rate{Limit: user.Limit * usersPerAddress, Burst: user.Burst * usersPerAddress}
	if user.Limit == rate.Inf || cfg.RateLimitAddress.Limit == rate.Inf {
		address.Limit = rate.Inf
	}
	return newLimit(cfg, user, address)
}

// newOperationLimit keeps unread answers from filling the memory. The sandbox has no limits.
func newOperationLimit(cfg config.Config) *ratelimit.ConcurrencyLimit {
	if cfg.Mode != config.Live {
		return nil
	}
	return &ratelimit.ConcurrencyLimit{User: operationsOfUser, Address: operationsOfAddress, Shared: isAddressShared(cfg)}
}

// newCostLimit keeps a few users from using up the processor and the database's connections. It is
// off where a user may make any number of requests.
func newCostLimit(cfg config.Config) *ratelimit.ConcurrencyLimit {
	if cfg.RateLimitUser.Limit == rate.Inf {
		return nil
	}
	return &ratelimit.ConcurrencyLimit{User: costOfUser, Address: costOfAddress, Shared: isAddressShared(cfg)}
}

func newLimit(cfg config.Config, user, address ratelimit.Rate) *ratelimit.Limit {
	limit := ratelimit.NewLimit(user, address)
	limit.Shared = isAddressShared(cfg)
	return limit
}

// isAddressShared tells whether all clients may arrive from one address, as behind a proxy that
// TRUSTED_PROXIES does not name.
func isAddressShared(cfg config.Config) bool { return len(cfg.TrustedProxies) == 0 }

// graphLimits returns the configured limits in the form for the API. The other limits are
// constants.
func graphLimits(s config.GraphQL) gqlguard.Limits {
	return gqlguard.Limits{Body: s.MaxBody, Cost: s.MaxCost, Time: s.Timeout}
}

// readTrustedDocuments reads the configured file. Serve reads the file before opening the database,
// because a wrong file is a mistake in the settings.
func readTrustedDocuments(s config.GraphQL) (*gqlguard.TrustedDocuments, error) {
	if s.TrustedDocuments == "" {
		return nil, nil
	}
	trusted, err := graph.ReadTrustedDocuments(s.TrustedDocuments, graphLimits(s), s.TrustedDocumentsMode == config.Report)
	if err != nil {
		return nil, wrongSetting("TRUSTED_DOCUMENTS", err)
	}
	return trusted, nil
}

// wrongSetting returns the error for a setting whose mistake only the server can find.
func wrongSetting(name string, err error) error {
	return config.Errors{{Name: name, Problem: "is wrong: " + err.Error()}}
}
