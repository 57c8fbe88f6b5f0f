// Package web serves the plain HTTP routes: Iamport's webhook, the payment return that a phone's
// browser visits after paying, and the health checks. The package maps requests to charge.Service
// and decides nothing about money.
package web

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"pointcharge/internal/charge"
	"pointcharge/internal/middleware"
	"pointcharge/internal/ratelimit"
)

const (
	defaultMaxLookups = 16
	// defaultTimeout is shorter than the 30 seconds that Iamport waits for an answer (contract
	// §2.3).
	defaultTimeout = 25 * time.Second
)

// Config holds what a Server needs. Fields with a default may be left zero.
type Config struct {
	Charges *charge.Service
	// Ready returns an error while nothing can be written to the database.
	Ready func(context.Context) error
	// FrontendURL is the only target of redirects for payers. The path and query of the address are
	// kept.
	FrontendURL *url.URL
	Log         *slog.Logger
	// WebhookSenders are the networks of allowed webhook senders, compared with the address from
	// middleware.Identify. An empty list allows every sender. Iamport's addresses have changed
	// before (contract §2.3), and an address proves nothing: every payment is looked up.
	WebhookSenders []netip.Prefix
	// Limit is the rate of an address. An address over the rate gets 503 and may try again.
	// WebhookSenders are exempt. Limit must be nil where addresses may be a proxy's: a flood from
	// behind the proxy would keep Iamport's webhooks out.
	Limit *ratelimit.Limit
	// MaxLookups is how many gateway look-ups webhooks and payment returns may have under way at a
	// time; default 16. The rest of the gateway is for users who wait at a screen.
	MaxLookups int64
	// Timeout is how long a webhook or a payment return may take; default 25 s.
	Timeout time.Duration
}

// Server serves the plain HTTP routes. It is safe for concurrent use.
type Server struct {
	cfg         Config
	lookups     *lookupLimiter
	outsiderLog *ratelimit.SampledLog // lines provoked by callers
	faultLog    *ratelimit.SampledLog // faults of this server
	syncedLog   *ratelimit.SampledLog // synced notices, which any caller can repeat
	syncs       singleflight.Group    // by notice.key
	pings       singleflight.Group
	abandoned   sync.WaitGroup // syncs whose callers hung up
}

// New returns a Server.
func New(cfg Config) *Server {
	cfg.MaxLookups = cmp.Or(cfg.MaxLookups, defaultMaxLookups)
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	return &Server{
		cfg:         cfg,
		lookups:     newLookupLimiter(cfg.Charges, cfg.MaxLookups),
		outsiderLog: ratelimit.NewSampledLog(5, 20),
		faultLog:    ratelimit.NewSampledLog(5, 20),
		syncedLog:   ratelimit.NewSampledLog(10, 50),
	}
}

// Register adds the routes to mux: POST /webhooks/iamport, GET /payments/return, GET /healthz and
// GET /readyz. The first two also answer with a slash at the end, because people type the addresses
// into Iamport's console and into front ends.
func (s *Server) Register(mux *http.ServeMux) {
	webhook := s.limitRate(s.handleWebhook)
	mux.HandleFunc("POST /webhooks/iamport", webhook)
	mux.HandleFunc("POST /webhooks/iamport/{$}", webhook)
	mux.HandleFunc("GET /payments/return", s.paymentReturn)
	mux.HandleFunc("GET /payments/return/{$}", s.paymentReturn)
	mux.HandleFunc("GET /healthz", s.serveHealth)
	mux.HandleFunc("GET /readyz", s.limitRate(s.serveReadiness))
}

// Wait returns when no look-up is under way any more. It must be called after the HTTP server has
// shut down and before the database closes. It takes no longer than Timeout.
func (s *Server) Wait() { s.abandoned.Wait() }

// limitRate answers 503 to callers that exceed Limit.
func (s *Server) limitRate(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if wait := s.takeRate(r); wait > 0 {
			address := middleware.ClientAddress(r.Context()).String()
			s.outsiderLog.Sample(s.cfg.Log).Warn("request refused: too many from its address",
				"path", r.URL.Path, "address", address)
			w.Header().Set("Retry-After", strconv.Itoa(ratelimit.RetryAfterSeconds(wait)))
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		next(w, r)
	}
}

// takeRate counts a request and returns 0, or how long its address has to wait.
func (s *Server) takeRate(r *http.Request) time.Duration { return s.cfg.Limit.Take("", s.sourceOf(r)) }

// sourceOf returns the address for rate limits: the zero Addr for WebhookSenders, and where the
// address may be a proxy's.
func (s *Server) sourceOf(r *http.Request) netip.Addr {
	if s.cfg.Limit == nil || len(s.cfg.WebhookSenders) > 0 && s.isAllowedSender(r) {
		return netip.Addr{}
	}
	return middleware.ClientAddress(r.Context())
}

// isAllowedSender reports whether the request's address may send webhooks.
func (s *Server) isAllowedSender(r *http.Request) bool {
	senders := s.cfg.WebhookSenders
	return len(senders) == 0 || middleware.Contains(senders, middleware.ClientAddress(r.Context()))
}
