package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/audit"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/web"
)

// testServer serves the routes on a real database, with the sandbox behind the real client.
type testServer struct {
	*testing.T
	gateway *gatewayProxy
	points  *domaintest.Services
	url     string // of the routes
}

// gatewayProxy stands between the client and the sandbox. It counts look-ups of payments, and
// answers them itself if answer is set.
type gatewayProxy struct {
	*sandbox.Sandbox
	answer  atomic.Pointer[http.HandlerFunc]
	lookups atomic.Int64
}

func (f *gatewayProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/payments/imp_") {
		f.lookups.Add(1)
		if answer := f.answer.Load(); answer != nil {
			(*answer)(w, r)
			return
		}
	}
	f.Sandbox.ServeHTTP(w, r)
}

func (f *gatewayProxy) answerWith(answer http.HandlerFunc) { f.answer.Store(&answer) }

// eachDatabase runs a test on both databases, and audits the books afterwards.
func eachDatabase(t *testing.T, test func(w *testServer)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) { test(newTestServerOn(t, db)) })
}

func newTestServer(t *testing.T) *testServer {
	t.Helper()
	return newTestServerOn(t, databasetest.New(t, databasetest.SQLite))
}

func newTestServerOn(t *testing.T, db *gorm.DB) *testServer {
	t.Helper()
	w := &testServer{T: t, gateway: &gatewayProxy{Sandbox: sandbox.New(sandbox.Config{})}}
	t.Cleanup(w.gateway.Close)
	gateway := httptest.NewServer(w.gateway)
	t.Cleanup(gateway.Close)
	client := iamport.New(iamport.Config{URL: gateway.URL, Key: "k", Secret: "s", IncludeSandbox: true,
		RetryDelay: time.Millisecond, AttemptTimeout: time.Minute, Timeout: time.Minute,
		Transport: new(http.Transport)}) // long timeouts: a held look-up is not repeated
	w.points = domaintest.NewServices(db, client)
	_, err := w.points.UpsertProduct(t.Context(), charge.Product{ID: "p", Name: "n", Price: 5000, Points: 5000, Active: true})
	w.must(err)
	w.url = w.serve(w.points, "https://shop.example/wallet")
	t.Cleanup(w.audit)
	return w
}

// serve starts the routes and returns their address.
func (w *testServer) serve(points *domaintest.Services, frontend string) string {
	w.Helper()
	return w.start(w.routes(points, frontend))
}

func (w *testServer) start(handler http.Handler) string {
	server := httptest.NewServer(handler)
	w.Cleanup(server.Close)
	return server.URL
}

// routes returns the routes of a server whose configuration is changed by the functions in
// configure.
func (w *testServer) routes(points *domaintest.Services, frontend string, configure ...func(*web.Config)) http.Handler {
	w.Helper()
	target, err := url.Parse(frontend)
	w.must(err)
	mux := http.NewServeMux()
	log := slog.New(slog.NewTextHandler(w.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	ping := func(ctx context.Context) error { return points.DB.WithContext(ctx).Exec("SELECT 1").Error }
	cfg := web.Config{Charges: points.Charges, Ready: ping, FrontendURL: target, Log: log}
	for _, change := range configure {
		change(&cfg)
	}
	web.New(cfg).Register(mux)
	return mux
}

func (w *testServer) audit() {
	findings, err := audit.Run(context.Background(), w.points.DB, domaintest.Invariants())
	w.must(err)
	for _, f := range findings {
		w.Errorf("audit: %s", f)
	}
}

func (w *testServer) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// order opens an order and returns its number.
func (w *testServer) order(user string) string {
	w.Helper()
	o, err := w.points.Open(w.Context(), user, "p", charge.PayByCard)
	w.must(err)
	return o.MerchantUID
}

// pay makes a payment of exactly the order's price, changed by edit, and returns its imp_uid.
func (w *testServer) pay(merchantUID string, edit ...func(*sandbox.Payment)) string {
	p := sandbox.Payment{MerchantUID: merchantUID, Amount: "5000", Sandbox: true}
	for _, e := range edit {
		e(&p)
	}
	return w.gateway.Put(p).ImpUID
}

func status(s string) func(*sandbox.Payment) { return func(p *sandbox.Payment) { p.Status = s } }

// answer is what a client receives.
type answer struct {
	status int
	text   string
	header http.Header
}

// do sends a request and checks that the answer shows nothing internal.
func (w *testServer) do(request *http.Request) answer {
	w.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	w.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	w.must(err)
	for _, internal := range []string{"SELECT", "charge_orders", "sql:", "SQLSTATE", "constraint", "goroutine", ".go:", "gorm", "pgx", "sqlite", "dial tcp"} {
		if strings.Contains(string(text), internal) {
			w.Errorf("an answer shows something internal: %s", text)
		}
	}
	return answer{response.StatusCode, string(text), response.Header}
}

func (w *testServer) request(method, path, contentType, body string) *http.Request {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(body))
	w.must(err)
	request.Header.Set("Content-Type", contentType)
	return request
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

func (w *testServer) webhook(contentType, body string) answer {
	w.Helper()
	return w.do(w.request(http.MethodPost, "/webhooks/iamport", contentType, body))
}

func notice(impUID, merchantUID, status string) string {
	return `{"imp_uid":"` + impUID + `","merchant_uid":"` + merchantUID + `","status":"` + status + `"}`
}

func (w *testServer) wantStatus(a answer, status int) {
	w.Helper()
	if a.status != status {
		w.Errorf("status %d, want %d: %s", a.status, status, a.text)
	}
}

func (w *testServer) wantBalance(user string, points int64) {
	w.Helper()
	wallet, err := w.points.Wallet(w.Context(), user)
	w.must(err)
	if wallet.Balance != points {
		w.Errorf("%s has %d points, want %d", user, wallet.Balance, points)
	}
}

func (w *testServer) wantLookups(n int64) {
	w.Helper()
	if got := w.gateway.lookups.Load(); got != n {
		w.Errorf("the gateway was asked %d times, want %d", got, n)
	}
}
