package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	"gorm.io/gorm"

	"pointcharge/graph"
	"pointcharge/graph/playground"
	"pointcharge/internal/auth"
	"pointcharge/internal/config"
	"pointcharge/internal/edge"
	"pointcharge/internal/feed"
	"pointcharge/internal/iamport"
	"pointcharge/internal/point"
	"pointcharge/internal/schedule"
	"pointcharge/internal/web"
)

// app is the server's parts, put together.
type app struct {
	cfg     config.Config
	log     *slog.Logger
	points  *point.Service
	routes  *web.Server
	lines   *feed.Feed
	metrics *prometheus.Registry
	handler http.Handler
	token   string // a development token, in sandbox mode
	hangUp  func() // closes the connections to Iamport that are idle
	pretend func() // ends the pretend Iamport, if there is one

	schedule *schedule.Schedule // once it has started
}

func newApp(ctx context.Context, cfg config.Config, db *gorm.DB, trusted *graph.TrustedDocuments, log *slog.Logger) (*app, error) {
	verifier, err := newVerifier(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	frontend, err := url.Parse(cfg.FrontendURL)
	if err != nil {
		return nil, err
	}
	a := &app{cfg: cfg, log: log, metrics: prometheus.NewRegistry(), pretend: func() {}}
	a.points, a.hangUp = newService(cfg, db, log)
	a.lines = feed.New(feed.Config{Points: a.points, Log: log, Poll: cfg.StreamPoll, PerUser: cfg.StreamsPerUser, Total: cfg.Streams,
		Rate: edge.Rate(cfg.StreamRate)})
	limit := requestLimit(cfg)
	a.routes = &web.Server{Points: a.points, FrontendURL: frontend, Senders: cfg.WebhookAllow, LookUps: noticeCalls, Log: log}
	if len(cfg.TrustedProxies) > 0 {
		a.routes.Limit = limit
	}
	mux := http.NewServeMux()
	a.routes.Register(mux)
	a.addAPI(mux, verifier, limit, trusted)
	if cfg.Mode == config.Sandbox {
		if err := a.addSandbox(ctx, mux); err != nil {
			return nil, err
		}
	}
	if err := a.addPlayground(mux); err != nil {
		return nil, err
	}
	if cfg.Mode == config.Live && len(cfg.TrustedProxies) == 0 {
		log.Warn("TRUSTED_PROXIES is not set: callers who are not signed in are limited as if they were one (RATE_LIMIT_ADDRESS)")
	}
	secure := strings.HasPrefix(cfg.PublicURL, "https://")
	a.handler = edge.Headers(secure, edge.Proxies(cfg.TrustedProxies).Identify(measured(a.metrics, edge.Contain(log, named(cfg, mux)))))
	return a, nil
}

// named keeps pages of other sites away from a sandbox that only this machine can reach, whatever their names lead to.
// Notices are believed from nobody, and may come to any name.
func named(cfg config.Config, all http.Handler) http.Handler {
	if cfg.Mode != config.Sandbox || cfg.SandboxRemote {
		return all
	}
	public, _ := url.Parse(cfg.PublicURL) // the configuration has checked it
	mux := http.NewServeMux()
	mux.Handle(webhookPath, all)
	mux.Handle("/", edge.OwnHosts([]string{public.Host}, all))
	return mux
}

func (a *app) addAPI(mux *http.ServeMux, verifier *auth.Verifier, limit *edge.Limit, trusted *graph.TrustedDocuments) {
	resolver := &graph.Resolver{Points: a.points, Shop: shop(a.cfg), Log: a.log, Feed: a.lines, Introspection: a.cfg.Introspection,
		Limits: limits(a.cfg.GraphQL), Draft: a.cfg.HTTPDraft, GatewayLimit: gatewayLimit(a.cfg), Trusted: trusted}
	guarded := func(h http.Handler) http.Handler {
		return edge.CrossOrigin(a.cfg.CORSOrigins, http.HandlerFunc(graph.RefuseOrigin), verifier.Middleware(graph.Limited(limit, h)))
	}
	mux.Handle("/graphql", guarded(graph.Bounded(operationBound(a.cfg), resolver.Handler())))
	mux.Handle("/graphql/stream", guarded(resolver.StreamHandler(graph.Pace{})))
}

func (a *app) addPlayground(mux *http.ServeMux) error {
	if !a.cfg.Playground {
		return nil
	}
	page, err := playground.Handler(playground.Options{Path: "/playground", Endpoint: "/graphql", Token: a.token,
		ProductID: "points-5000", Sandbox: gatewayURL(a.cfg)})
	if err != nil {
		return err
	}
	mux.Handle("/playground", page)
	mux.Handle("/playground/", page)
	return nil
}

// startJobs begins what runs beside the requests.
func (a *app) startJobs(ctx context.Context) (err error) {
	a.schedule, err = schedule.Start(ctx, a.points.DB, jobs(a.cfg, a.points, a.log), a.log)
	return err
}

// close ends what runs beside the requests, once there are none any more.
func (a *app) close() {
	if a.schedule != nil {
		if err := a.schedule.Close(); err != nil {
			a.log.Error("jobs did not end", "err", err)
		}
	}
	a.lines.Close()
	a.routes.Wait()
	a.hangUp()
	a.pretend()
}

// webhookPath is where internal/web takes Iamport's notices.
const webhookPath = "/webhooks/iamport"

const (
	// gatewayCalls is how many calls to Iamport are under way at most; the others wait.
	gatewayCalls = 64
	// noticeCalls is how many of them may be look-ups that a webhook or a landing asked for.
	noticeCalls = gatewayCalls / 4
	// gatewayCrowd is how many users of one address may ask the gateway as often as one of them may: phones share
	// the addresses of their carrier.
	gatewayCrowd = 10
	// operationsOfUser and operationsOfAddress are how many may be under way at a time, answers that are not yet read
	// included. A browser has six connections to a server.
	operationsOfUser    = 16
	operationsOfAddress = operationsOfUser * gatewayCrowd
)

// requestLimit is for every request to the API, and, where addresses are known, to the webhook and the other routes.
func requestLimit(cfg config.Config) *edge.Limit {
	return newLimit(cfg, edge.Rate(cfg.RateLimitUser), edge.Rate(cfg.RateLimitAddress))
}

// gatewayLimit is for the mutations that may ask Iamport. Where requests are not counted by address, nor are these.
func gatewayLimit(cfg config.Config) *edge.Limit {
	user := edge.Rate(cfg.RateLimitGateway)
	crowd := edge.Rate{Limit: user.Limit * gatewayCrowd, Burst: user.Burst * gatewayCrowd}
	if user.Limit == rate.Inf || cfg.RateLimitAddress.Limit == rate.Inf {
		crowd.Limit = rate.Inf
	}
	return newLimit(cfg, user, crowd)
}

// operationBound keeps answers that nobody reads from filling the memory. The sandbox has no limits.
func operationBound(cfg config.Config) *edge.AtOnce {
	if cfg.Mode != config.Live {
		return nil
	}
	return &edge.AtOnce{User: operationsOfUser, Address: operationsOfAddress, Shared: len(cfg.TrustedProxies) == 0}
}

// newLimit is for a server that may stand behind a proxy without having been told of it.
func newLimit(cfg config.Config, user, address edge.Rate) *edge.Limit {
	limit := edge.NewLimit(user, address)
	limit.Shared = len(cfg.TrustedProxies) == 0
	return limit
}

// newService is the domain with Iamport behind it. hangUp closes the connections that wait for the next call.
func newService(cfg config.Config, db *gorm.DB, log *slog.Logger) (points *point.Service, hangUp func()) {
	transport := iamport.NewTransport(gatewayCalls)
	gateway := iamport.New(iamport.Config{
		URL:            gatewayURL(cfg),
		Key:            cfg.IamportKey.Reveal(),
		Secret:         cfg.IamportSecret.Reveal(),
		ChannelKey:     cfg.IamportChannelKey,
		PGAPIKey:       cfg.IamportPGAPIKey.Reveal(),
		NoticeURL:      cfg.PublicURL + webhookPath,
		IncludeSandbox: cfg.Mode == config.Sandbox,
		MaxInFlight:    gatewayCalls,
		Transport:      transport,
		Log:            log,
	})
	const day = 24 * time.Hour
	lifetimes := point.Lifetimes{Paid: time.Duration(cfg.PaidPointsDays) * day, Bonus: time.Duration(cfg.BonusPointsDays) * day}
	points = &point.Service{DB: db, Gateway: gateway, Live: cfg.Mode == config.Live, Lifetimes: lifetimes,
		Grace: cfg.SweepGrace}
	return points, transport.CloseIdleConnections
}

func newVerifier(ctx context.Context, cfg config.Config, log *slog.Logger) (*auth.Verifier, error) {
	if cfg.AuthJWKSURL != "" {
		verifier, err := auth.NewJWKS(ctx, cfg.AuthJWKSURL, cfg.AuthIssuer, cfg.AuthAudience, log)
		if err != nil {
			return nil, err
		}
		verifier.RolesClaim = cfg.AuthRolesClaim
		return verifier, nil
	}
	verifier := auth.NewHS256([]byte(cfg.AuthHS256Secret.Reveal()), cfg.AuthIssuer, cfg.AuthAudience)
	verifier.RolesClaim, verifier.Log = cfg.AuthRolesClaim, log
	return verifier, nil
}

// gatewayURL is Iamport's address; in sandbox mode by default our own, where the pretend one is mounted.
func gatewayURL(cfg config.Config) string {
	if cfg.IamportURL != "" {
		return cfg.IamportURL
	}
	return localURL(cfg) + sandboxPath
}

// localURL is where this process itself is reached, whatever the outside calls it.
func localURL(cfg config.Config) string {
	host, port, _ := net.SplitHostPort(cfg.Addr)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// shop is what every checkout has in common.
func shop(cfg config.Config) graph.Checkout {
	return graph.Checkout{
		SDKURL:      sdkURL(cfg),
		UserCode:    cfg.IamportUserCode,
		ChannelKey:  cfg.IamportChannelKey,
		RedirectURL: cfg.PublicURL + "/payments/return",
		NoticeURL:   cfg.PublicURL + webhookPath,
	}
}

// limits are the settings as the API takes them.
func limits(s config.GraphQL) graph.Limits {
	return graph.Limits{Body: s.MaxBody, Tokens: s.MaxTokens, Name: s.MaxName, Depth: s.MaxDepth, Aliases: s.MaxAliases, Directives: s.MaxDirectives,
		RootFields: s.MaxRootFields, MutationFields: s.MaxMutationFields, Fields: s.MaxFields, Cost: s.MaxCost,
		EventCost: s.MaxEventCost, Introspection: s.MaxIntrospection, Errors: s.MaxErrors, Time: s.Timeout}
}

// trustedDocuments reads them before anything is opened: a file that is wrong is a mistake of whoever starts the server.
func trustedDocuments(s config.GraphQL) (*graph.TrustedDocuments, error) {
	if s.TrustedDocuments == "" {
		return nil, nil
	}
	trusted, err := graph.ReadTrustedDocuments(s.TrustedDocuments, limits(s), s.TrustedDocumentsMode == config.Report)
	if err != nil {
		return nil, usageError{fmt.Errorf("the environment is not right:\nTRUSTED_DOCUMENTS is wrong: %w", err)}
	}
	return trusted, nil
}

const iamportSDK = "https://cdn.iamport.kr/v1/iamport.js"

// sdkURL is the script that the browser loads: Iamport's own (contract §4), or the pretend one.
func sdkURL(cfg config.Config) string {
	switch gateway, _ := url.Parse(cfg.IamportURL); {
	case cfg.Mode == config.Live: // IAMPORT_URL may be a proxy with a fixed address; browsers need none
		return iamportSDK
	case cfg.IamportURL == "":
		return cfg.PublicURL + sandboxPath + "/iamport.js"
	case strings.HasSuffix(gateway.Hostname(), ".iamport.kr"):
		return iamportSDK
	}
	return cfg.IamportURL + "/iamport.js"
}
