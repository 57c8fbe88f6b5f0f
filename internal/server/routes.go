package server

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"pointcharge/graph"
	"pointcharge/graph/playground"
	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
	"pointcharge/internal/config"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/gqlhttp"
	"pointcharge/internal/ratelimit"
)

const (
	// WebhookPath is where internal/web takes Iamport's notices.
	WebhookPath = "/webhooks/iamport"
	// productCacheTime is how late the other servers learn of a changed product.
	productCacheTime = 2 * time.Second
	// iamportSDK is the script of Iamport's payment window (contract §4).
	iamportSDK = "https://cdn.iamport.kr/v1/iamport.js"
)

// addAPI adds the GraphQL API: operations, and subscriptions as streams.
func (p *parts) addAPI(mux *http.ServeMux, verifier *auth.Verifier, limit *ratelimit.Limit, trusted *gqlguard.TrustedDocuments) {
	resolver := &graph.Resolver{Points: p.services.Points, Charges: p.services.Charges, Shop: checkoutDefaults(p.cfg), Channels: channels(p.cfg),
		Log: p.log, Feed: p.feed,
		Introspection: p.cfg.Introspection, Limits: graphLimits(p.cfg.GraphQL), FirstEdition: p.cfg.HTTPDraft,
		GatewayLimit: newGatewayLimit(p.cfg), ProductCacheTime: productCacheTime, RequestLimit: limit, CostLimit: newCostLimit(p.cfg), Trusted: trusted}
	chain := apiMiddleware(p.cfg, p.log, verifier, limit)
	operations := wrapInChain(graph.LimitConcurrency(newOperationLimit(p.cfg), resolver.Handler()), chain)
	streams := wrapInChain(resolver.StreamHandler(gqlhttp.StreamOptions{}), chain)
	for _, end := range []string{"", "/{$}"} { // people type these addresses
		mux.Handle("/graphql"+end, operations)
		mux.Handle("/graphql/stream"+end, streams)
	}
}

// addPlayground adds the GraphQL playground, if the playground is configured.
func (p *parts) addPlayground(mux *http.ServeMux) error {
	if !p.cfg.Playground {
		return nil
	}
	page, err := playground.Handler(playground.Options{Path: "/playground", Endpoint: "/graphql", Prefix: p.cfg.PublicPath(),
		Token: p.token, ProductID: "points-5000", Sandbox: gatewayURL(p.cfg)})
	if err != nil {
		return err
	}
	mux.Handle("/playground", page)
	mux.Handle("/playground/", page)
	return nil
}

// checkoutDefaults returns the fields common to all checkouts.
func checkoutDefaults(cfg config.Config) graph.Checkout {
	return graph.Checkout{
		SDKURL:      sdkURL(cfg),
		UserCode:    cfg.IamportUserCode,
		ChannelKey:  cfg.IamportChannelKey,
		RedirectURL: cfg.PublicURL + "/payments/return",
		NoticeURL:   cfg.PublicURL + WebhookPath,
	}
}

// channels are the payment channels of the ways to pay that are configured.
func channels(cfg config.Config) graph.Channels {
	taken := graph.Channels{}
	for method := range cfg.IamportChannels {
		taken[charge.PayMethod(method)] = cfg.ChannelFor(method)
	}
	return taken
}

// sdkURL is the address of the script that the browser loads: Iamport's own, or the pretend one.
func sdkURL(cfg config.Config) string {
	switch gateway, _ := url.Parse(cfg.IamportURL); {
	case cfg.Mode == config.Live: // IAMPORT_URL may be a proxy with a fixed address; browsers need no proxy
		return iamportSDK
	case cfg.IamportURL == "":
		return cfg.PublicURL + sandboxPath + "/iamport.js"
	case strings.HasSuffix(gateway.Hostname(), ".iamport.kr"):
		return iamportSDK
	}
	return cfg.IamportURL + "/iamport.js"
}
