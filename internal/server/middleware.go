package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pointcharge/graph"
	"pointcharge/internal/auth"
	"pointcharge/internal/config"
	"pointcharge/internal/middleware"
	"pointcharge/internal/ratelimit"
)

// wrapper adds behaviour around a handler.
type wrapper = func(http.Handler) http.Handler

// wrapInChain puts the chain around a handler. The first entry is the outermost.
func wrapInChain(handler http.Handler, chain []wrapper) http.Handler {
	for _, around := range slices.Backward(chain) {
		handler = around(handler)
	}
	return handler
}

// middlewareChain returns the chain in front of every route, in the order of a request.
func (p *parts) middlewareChain() []wrapper {
	return []wrapper{
		// Adds the security headers. First, so that refusals of the other entries carry the
		// headers, too.
		func(next http.Handler) http.Handler {
			return middleware.SecurityHeaders(strings.HasPrefix(p.cfg.PublicURL, "https://"), next)
		},
		// Finds the client's address behind TRUSTED_PROXIES. Before all entries that limit or log
		// by address.
		middleware.Proxies(p.cfg.TrustedProxies).Identify,
		// Measures time by route and status. After Identify, which passes a copy of the request on,
		// because the router writes the route's name into the request at hand; before
		// RecoverPanics, to count the answers to panics.
		func(next http.Handler) http.Handler { return measureRequests(p.registry, next) },
		// Logs a panic and answers the request. Inside measureRequests, outside all code that may
		// panic.
		func(next http.Handler) http.Handler { return middleware.RecoverPanics(p.log, next) },
		// Keeps pages of other sites away from a local sandbox. Last before the router.
		func(next http.Handler) http.Handler { return restrictHosts(p.cfg, next) },
	}
}

// apiMiddleware is the chain in front of the GraphQL API, behind the one of all routes.
func apiMiddleware(cfg config.Config, verifier *auth.Verifier, limit *ratelimit.Limit) []wrapper {
	return []wrapper{
		// Answers preflights and refuses other origins. First, so that a page may read the refusals
		// of the following entries.
		func(next http.Handler) http.Handler {
			return middleware.AllowOrigins(cfg.CORSOrigins, http.HandlerFunc(graph.WriteOriginRefusal), next)
		},
		// Verifies the token of a request. Before the limits, which count by user.
		verifier.Middleware,
		// Counts requests by user or address. Last, so that only readable requests of known callers
		// are counted.
		func(next http.Handler) http.Handler { return graph.LimitRate(limit, next) },
	}
}

// restrictHosts refuses requests to foreign host names when the server is a sandbox on loopback.
// Otherwise a page of another site, whose name resolves to this machine, could read the sandbox.
// Webhooks may come to any name: the server never believes the content of a webhook.
func restrictHosts(cfg config.Config, next http.Handler) http.Handler {
	if cfg.Mode != config.Sandbox || cfg.SandboxRemote {
		return next
	}
	public, _ := url.Parse(cfg.PublicURL) // config has checked the URL
	mux := http.NewServeMux()
	mux.Handle(webhookPath, next)
	mux.Handle(webhookPath+"/{$}", next)
	mux.Handle("/", middleware.RestrictHosts([]string{public.Host}, next))
	return mux
}
