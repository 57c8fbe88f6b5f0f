// Command pointcharge sells points: a person pays through Iamport (아임포트), and the payment becomes points,
// exactly once. Run it without arguments for a sandbox that needs nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/time/rate"
	"gorm.io/gorm"

	"pointcharge/graph"
	"pointcharge/graph/playground"
	"pointcharge/internal/auth"
	"pointcharge/internal/config"
	"pointcharge/internal/database"
	"pointcharge/internal/edge"
	"pointcharge/internal/feed"
	"pointcharge/internal/iamport"
	"pointcharge/internal/point"
	"pointcharge/internal/schedule"
	"pointcharge/internal/web"
)

// shutdownPatience is how long requests in flight may take once the server was asked to stop. It is longer
// than the longest of them: an operation or a webhook ends within 30 seconds.
const shutdownPatience = 35 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "pointcharge:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		os.Exit(2)
	}
	os.Exit(1)
}

// serve is the server: listen, migrate, serve; and when ctx ends, stop accepting, wait for the requests in
// flight, stop what runs beside them, close the database. In sandbox mode the pretend Iamport goes down with the
// listener: a charge that has not asked it by then is told to try again, as with the real one down.
func serve(ctx context.Context, cfg config.Config, stdout io.Writer) error {
	log := newLog(cfg, stdout)
	trusted, err := trustedDocuments(cfg.GraphQL)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	cfg = cfg.Listening(listener.Addr().String())
	db, err := openDatabase(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer database.Close(db)
	app, err := newApp(ctx, cfg, db, trusted, log)
	if err != nil {
		return err
	}
	defer app.close()
	banner(stdout, cfg, app.token)
	defer log.Info("stopped")
	stopMetrics, err := serveMetrics(cfg, app, log)
	if err != nil {
		return err
	}
	defer stopMetrics()
	server := newHTTPServer(app.handler, log)
	// In sandbox mode the gateway is this very server, which would wait five seconds for connections to itself
	// that were opened and never used.
	server.RegisterOnShutdown(app.hangUp)
	server.RegisterOnShutdown(app.endStreams)
	return serveUntil(ctx, server, listener)
}

func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      shutdownPatience,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// openDatabase opens it, brings its schema up to date and makes sure that it is of the server's mode.
func openDatabase(ctx context.Context, cfg config.Config, log *slog.Logger) (*gorm.DB, error) {
	db, err := database.Open(ctx, cfg.DatabaseURL.Reveal(), log)
	if err != nil {
		return nil, err
	}
	if err = database.Migrate(ctx, db); err == nil {
		err = database.Stamp(ctx, db, string(cfg.Mode))
	}
	if err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return db, nil
}

// app is the server's parts, put together.
type app struct {
	points   *point.Service
	schedule *schedule.Schedule
	handler  http.Handler
	token    string // a development token, in sandbox mode
	hangUp   func() // closes the connections to Iamport that are idle
	// endStreams cuts the requests that would not end by themselves; their clients begin again elsewhere.
	endStreams func()
	close      func()
}

func newApp(ctx context.Context, cfg config.Config, db *gorm.DB, trusted *graph.TrustedDocuments, log *slog.Logger) (*app, error) {
	points, hangUp := newService(cfg, db, log)
	verifier, err := newVerifier(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	frontend, err := url.Parse(cfg.FrontendURL)
	if err != nil {
		return nil, err
	}
	running, err := schedule.Start(ctx, db, jobs(cfg, points), log)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	routes := &web.Server{Points: points, Schedule: running, FrontendURL: frontend, Senders: cfg.WebhookAllow, LookUps: noticeCalls,
		Log: log}
	routes.Register(mux)
	lines := feed.New(feed.Config{Points: points, Log: log, Poll: cfg.StreamPoll, PerUser: cfg.StreamsPerUser, Total: cfg.Streams})
	a := &app{points: points, schedule: running, hangUp: hangUp, endStreams: lines.Close}
	a.close = func() {
		if err := running.Close(); err != nil {
			log.Error("jobs did not end", "err", err)
		}
		lines.Close()
		routes.Wait()
		hangUp()
	}
	resolver := &graph.Resolver{Points: points, Shop: shop(cfg), Log: log, Feed: lines, Introspection: cfg.Introspection,
		Limits: limits(cfg.GraphQL), Draft: cfg.HTTPDraft, GatewayLimit: gatewayLimit(cfg), Trusted: trusted}
	limit := requestLimit(cfg)
	guarded := func(h http.Handler) http.Handler {
		return edge.CrossOrigin(cfg.CORSOrigins, verifier.Middleware(graph.Limited(limit, h)))
	}
	mux.Handle("/graphql", guarded(resolver.Handler()))
	mux.Handle("/graphql/stream", guarded(resolver.StreamHandler(graph.Pace{})))
	if cfg.Mode == config.Sandbox {
		if err := a.addSandbox(ctx, cfg, mux, points, log); err != nil {
			return nil, err
		}
	}
	if cfg.Playground {
		page, err := playground.Handler(playground.Options{Path: "/playground", Endpoint: "/graphql", Token: a.token,
			ProductID: "points-5000", Sandbox: gatewayURL(cfg)})
		if err != nil {
			return nil, err
		}
		mux.Handle("/playground", page)
		mux.Handle("/playground/", page)
	}
	secure := strings.HasPrefix(cfg.PublicURL, "https://")
	a.handler = edge.Headers(secure, edge.Proxies(cfg.TrustedProxies).Identify(mux))
	return a, nil
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
)

// requestLimit is for every request to the API.
func requestLimit(cfg config.Config) *edge.Limit {
	return edge.NewLimit(edge.Rate(cfg.RateLimitUser), edge.Rate(cfg.RateLimitAddress))
}

// gatewayLimit is for the mutations that may ask Iamport. Where requests are not counted by address, because every
// address is the proxy's, nor are these.
func gatewayLimit(cfg config.Config) *edge.Limit {
	user := edge.Rate(cfg.RateLimitGateway)
	crowd := edge.Rate{Limit: user.Limit * gatewayCrowd, Burst: user.Burst * gatewayCrowd}
	if user.Limit == rate.Inf || cfg.RateLimitAddress.Limit == rate.Inf {
		crowd.Limit = rate.Inf
	}
	return edge.NewLimit(user, crowd)
}

// newService is the domain with Iamport behind it. hangUp closes the connections that wait for the next call.
func newService(cfg config.Config, db *gorm.DB, log *slog.Logger) (points *point.Service, hangUp func()) {
	transport := iamport.NewTransport(gatewayCalls)
	gateway := iamport.New(iamport.Config{
		URL:            gatewayURL(cfg),
		Key:            cfg.IamportKey.Reveal(),
		Secret:         cfg.IamportSecret.Reveal(),
		ChannelKey:     cfg.IamportChannelKey,
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
		return auth.NewJWKS(ctx, cfg.AuthJWKSURL, cfg.AuthIssuer, cfg.AuthAudience, log)
	}
	return auth.NewHS256([]byte(cfg.AuthHS256Secret.Reveal()), cfg.AuthIssuer, cfg.AuthAudience), nil
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
	return graph.Limits{Body: s.MaxBody, Tokens: s.MaxTokens, Depth: s.MaxDepth, Aliases: s.MaxAliases, Directives: s.MaxDirectives,
		RootFields: s.MaxRootFields, MutationFields: s.MaxMutationFields, Fields: s.MaxFields, Cost: s.MaxCost,
		Introspection: s.MaxIntrospection, Errors: s.MaxErrors, Time: s.Timeout}
}

// trustedDocuments reads them before anything is opened: a file that is wrong is a mistake of whoever starts the server.
func trustedDocuments(s config.GraphQL) (*graph.TrustedDocuments, error) {
	if s.TrustedDocuments == "" {
		return nil, nil
	}
	trusted, err := graph.ReadTrustedDocuments(s.TrustedDocuments, s.TrustedDocumentsMode == config.Report)
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

func newLog(cfg config.Config, w io.Writer) *slog.Logger {
	if cfg.LogFormat == config.JSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
