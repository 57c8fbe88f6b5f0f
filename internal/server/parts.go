package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"pointcharge/internal/auth"
	"pointcharge/internal/config"
	"pointcharge/internal/database"
	"pointcharge/internal/feed"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/ratelimit"
	"pointcharge/internal/schedule"
	"pointcharge/internal/web"
)

// parts are the parts of a running server.
type parts struct {
	cfg         config.Config
	log         *slog.Logger
	db          *gorm.DB
	services    Services
	web         *web.Server
	feed        *feed.Feed
	registry    *prometheus.Registry
	handler     http.Handler
	token       string // a development token, in sandbox mode
	stopSandbox func() // ends the pretend Iamport, if there is one

	schedule *schedule.Schedule // nil until startJobs
}

// assembleParts makes the parts and the handler in front of them. The caller must close the parts.
func assembleParts(ctx context.Context, cfg config.Config, db *gorm.DB, clock func() time.Time, trusted *gqlguard.TrustedDocuments,
	log *slog.Logger,
) (*parts, error) {
	verifier, err := NewVerifier(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	frontend, err := url.Parse(cfg.FrontendURL)
	if err != nil {
		return nil, err
	}
	p := &parts{cfg: cfg, log: log, db: db, registry: prometheus.NewRegistry(), stopSandbox: func() {}}
	p.services = NewServices(cfg, db, clock, log)
	p.feed = feed.New(feed.Config{Points: p.services.Points, Log: log, Poll: cfg.StreamPoll, PerUser: cfg.StreamsPerUser, Total: cfg.Streams,
		Rate: ratelimit.Rate(cfg.StreamRate)})
	limit := newRequestLimit(cfg)
	p.web = p.newWeb(frontend, limit)
	mux := http.NewServeMux()
	p.web.Register(mux)
	p.addAPI(mux, verifier, limit, trusted)
	if cfg.Mode == config.Sandbox {
		if err := p.addSandbox(ctx, mux); err != nil {
			return nil, err
		}
	}
	if err := p.addPlayground(mux); err != nil {
		return nil, err
	}
	if cfg.Mode == config.Live && len(cfg.TrustedProxies) == 0 {
		log.Warn("TRUSTED_PROXIES is not set: callers who are not signed in are limited as if they were one (RATE_LIMIT_ADDRESS)")
	}
	p.handler = wrapInChain(mux, p.middlewareChain(mux))
	return p, nil
}

// newWeb makes the plain HTTP routes. Callers are not signed in, so the routes are limited only
// where the proxies are known: otherwise a flood from behind a proxy would keep Iamport's webhooks
// out.
func (p *parts) newWeb(frontend *url.URL, limit *ratelimit.Limit) *web.Server {
	if isAddressShared(p.cfg) {
		limit = nil
	}
	ready := func(ctx context.Context) error { return database.Ready(ctx, p.db) }
	return web.New(web.Config{Charges: p.services.Charges, Ready: ready, FrontendURL: frontend, Log: p.log,
		WebhookSenders: p.cfg.WebhookAllow, Limit: limit, MaxLookups: noticeCalls})
}

// NewVerifier returns the verifier of users' tokens, by the key set or the secret that is
// configured.
func NewVerifier(ctx context.Context, cfg config.Config, log *slog.Logger) (*auth.Verifier, error) {
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

// startJobs starts the jobs beside the requests.
func (p *parts) startJobs(ctx context.Context) (err error) {
	p.schedule, err = schedule.Start(ctx, p.db, scheduledJobs(p.cfg, p.services, p.log), p.services.Points.CurrentTime, p.log)
	return err
}

// close ends the jobs, streams and look-ups. The caller must wait for the last request to end.
func (p *parts) close() {
	if p.schedule != nil {
		if err := p.schedule.Close(); err != nil {
			p.log.Error("cannot end the jobs", "err", err)
		}
	}
	p.feed.Close()
	p.web.Wait()
	p.services.CloseIdleConnections()
	p.stopSandbox()
}
