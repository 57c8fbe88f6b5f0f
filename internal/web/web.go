// Package web is the plain HTTP around the domain: Iamport's webhook, the place where a phone's browser
// lands after paying, and the health checks. It maps requests to point.Service and answers; it decides
// nothing about money.
package web

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"pointcharge/internal/edge"
	"pointcharge/internal/point"
)

// Server serves the plain HTTP routes. Its fields are set once, before it is used.
type Server struct {
	Points *point.Service
	// FrontendURL is the only place where a payer is ever sent back to. Its own path and query are kept.
	FrontendURL *url.URL
	Log         *slog.Logger
	// Senders are who may send webhooks, by what edge.Proxies.Identify found; everybody, if there are none. Iamport's
	// addresses have changed before (contract §2.3), and being one of them proves nothing: every payment is looked up.
	Senders []netip.Prefix
	// Limit is how often an address may come; Senders as often as they like. It is nil where addresses may be a proxy's:
	// whoever floods us from behind it would keep Iamport's notices out. Who comes too often gets 503 and may try again.
	Limit *edge.Limit
	// LookUps is how many look-ups webhooks and landings may have under way at a time; default 16. The rest of the
	// gateway is for those who wait at a screen.
	LookUps int64
	// Patience is how long a webhook or a landing may take; default 25 s, shorter than the 30 that Iamport waits for
	// an answer (contract §2.3).
	Patience time.Duration

	bounds    bounds
	news      news // of strangers
	faults    news // of ours
	notices   singleflight.Group
	readiness singleflight.Group
	abandoned sync.WaitGroup // look-ups whose callers hung up
}

// Wait returns when no look-up is under way any more. Call it after the HTTP server has shut down and before the
// database closes; it takes no longer than Iamport waits for an answer.
func (s *Server) Wait() { s.abandoned.Wait() }

// Register adds the routes to mux: POST /webhooks/iamport, GET /payments/return, GET /healthz and
// GET /readyz. Call it once.
func (s *Server) Register(mux *http.ServeMux) {
	s.bounds, s.news, s.faults = newBounds(s.LookUps), newNews(), newNews()
	s.Patience = cmp.Or(s.Patience, patience)
	mux.HandleFunc("POST /webhooks/iamport", s.limited(s.webhook))
	mux.HandleFunc("GET /payments/return", s.landing)
	mux.HandleFunc("GET /healthz", s.healthy)
	mux.HandleFunc("GET /readyz", s.limited(s.ready))
}

// landing is the m_redirect_url: Iamport sends the payer's browser here when its window was a page of its
// own (contract §4). What the address claims is looked up, never believed, and it never says where to
// go next. The front end learns merchantUid and one of these statuses:
// paid, ready, failed, cancelled (Iamport's words), mismatch, unknown, unavailable.
func (s *Server) landing(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	n := notice{ImpUID: query.Get("imp_uid"), MerchantUID: query.Get("merchant_uid"), Status: "landing", landed: true}
	target := *s.FrontendURL
	answer := target.Query()
	if strings.HasPrefix(target.Fragment, "/") {
		answer = url.Values{} // the page's own query stays before the fragment
	}
	status := "unavailable"
	if s.wait(r) == 0 {
		status = s.land(r.Context(), n)
	}
	answer.Set("status", status)
	answer.Del("merchantUid")
	if point.ValidID(n.MerchantUID) {
		answer.Set("merchantUid", n.MerchantUID)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, withQuery(target, answer), http.StatusSeeOther)
}

// withQuery adds the answer where the front end's router looks for it: behind a hash route
// (https://shop.example/#/wallet) it belongs to the fragment.
func withQuery(target url.URL, answer url.Values) string {
	if !strings.HasPrefix(target.Fragment, "/") {
		target.RawQuery = answer.Encode()
		return target.String()
	}
	route := target.EscapedFragment()
	target.Fragment, target.RawFragment = "", ""
	separator := "?"
	if strings.Contains(route, "?") {
		separator = "&"
	}
	return target.String() + "#" + route + separator + answer.Encode()
}

func (s *Server) land(ctx context.Context, n notice) string {
	if !point.ValidID(n.MerchantUID) {
		return "unknown"
	}
	if !point.ValidID(n.ImpUID) { // refused before the window opened: nothing was paid
		return "failed"
	}
	payment, err := s.sync(ctx, n)
	switch code := point.CodeOf(err); {
	case code == point.NotFound || code == point.PaymentNotFound:
		return "unknown"
	case code == point.RateLimited:
		s.news.to(s.Log).Warn("landing: not synced", "imp_uid", n.ImpUID, "merchant_uid", n.MerchantUID, "err", err)
		return "unavailable"
	case err != nil:
		s.faults.to(s.Log).Error("landing: not synced", "imp_uid", n.ImpUID, "merchant_uid", n.MerchantUID, "err", err)
		return "unavailable"
	case payment.MerchantUID != n.MerchantUID: // two halves of two payments
		return "unknown"
	case payment.Problem != point.NoProblem:
		return "mismatch"
	}
	return string(payment.Status)
}

// healthy says that the process runs.
func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
}

// ready says that the database answers, and no more: anybody may ask, and all who ask at once share an answer. How the
// jobs are doing is in the metrics; a job that lags makes no server less ready, since to take it out of service would not
// bring Iamport back.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	shared := context.WithoutCancel(r.Context())
	_, err, _ := s.readiness.Do("", func() (any, error) { return nil, s.ping(shared) })
	if err != nil {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

func (s *Server) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var one int
	err := s.Points.DB.WithContext(ctx).Raw("SELECT 1").Scan(&one).Error
	if err != nil {
		s.faults.to(s.Log).Error("not ready", "err", err)
	}
	return err
}
