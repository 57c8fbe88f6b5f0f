package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/audit"
	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/sandbox"
)

const (
	authSecret = "auth-secret-of-thirty-two-bytes-!"
	impSecret  = "imp-secret-that-nobody-must-see"
	issuer     = "https://issuer.example"
	audience   = "points"
)

// world is the real handler behind the real middleware, on a real database, with the sandbox behind
// the real client.
type world struct {
	*testing.T
	url     string
	limited string // address of a server with limits on requests, if a test has one
	db      *gorm.DB
	gateway *sandbox.Sandbox
	points  *domaintest.Services
	log     *logRecorder
	ruined  bool // a test broke the database on purpose: the books are not audited
}

// setting changes the world before it is served.
type setting func(*world, *graph.Resolver)

func newWorld(t *testing.T, settings ...setting) *world {
	t.Helper()
	return newWorldOn(t, databasetest.New(t, databasetest.SQLite), settings...)
}

func newWorldOn(t *testing.T, db *gorm.DB, settings ...setting) *world {
	t.Helper()
	w := &world{T: t, db: db, gateway: sandbox.New(sandbox.Config{Key: "imp-key", Secret: impSecret}), log: new(logRecorder)}
	t.Cleanup(w.gateway.Close)
	t.Cleanup(w.audit)
	gateway := httptest.NewServer(w.gateway)
	t.Cleanup(gateway.Close)
	w.points = domaintest.NewServices(db, iamport.New(iamport.Config{URL: gateway.URL, Key: "imp-key", Secret: impSecret, ChannelKey: "channel",
		IncludeSandbox: true, RetryDelay: time.Millisecond}))
	resolver := &graph.Resolver{Points: w.points.Ledger, Charges: w.points.Charges, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Shop: graph.Checkout{
		SDKURL: "https://sdk.example", UserCode: "imp1", ChannelKey: "channel", RedirectURL: "https://r.example", NoticeURL: "https://n.example"}}
	for _, set := range settings {
		set(w, resolver)
	}
	server := httptest.NewServer(auth.NewHS256([]byte(authSecret), issuer, audience).Middleware(resolver.Handler()))
	t.Cleanup(server.Close)
	w.url = server.URL
	w.product("p1", 5000, true)
	return w
}

func (w *world) audit() {
	if w.ruined {
		return
	}
	findings, err := audit.Run(context.Background(), w.db, domaintest.Invariants())
	if err != nil || len(findings) > 0 {
		w.Errorf("audit: %v, %v", findings, err)
	}
}

func (w *world) product(id string, price int64, active bool) {
	w.Helper()
	_, err := w.points.UpsertProduct(w.Context(), charge.Product{ID: id, Name: "포인트", Price: price, Points: price, Active: active})
	w.must(err)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// token returns a valid token.
func (w *world) token(user string, roles ...auth.Role) string {
	w.Helper()
	who := auth.Identity{UserID: user, Roles: roles, ExpiresAt: time.Now().Add(time.Hour)}
	token, err := auth.Sign([]byte(authSecret), who, issuer, audience)
	w.must(err)
	return token
}

// reply is a response as a client reads it.
type reply struct {
	Data   map[string]any
	Errors []struct {
		Message    string
		Extensions struct {
			Code, TransactionID string
			Balance             *int64
			RetryAfter          int
		}
	}
	status int
	header http.Header
	text   string
}

// code returns the code of the first error, or an empty one.
func (r reply) code() apierror.Code {
	if len(r.Errors) == 0 {
		return ""
	}
	return apierror.Code(r.Errors[0].Extensions.Code)
}

// extensions returns all extensions of the first error.
func (r reply) extensions() map[string]any {
	var whole struct {
		Errors []struct{ Extensions map[string]any }
	}
	if json.Unmarshal([]byte(r.text), &whole) != nil || len(whole.Errors) == 0 {
		return nil
	}
	return whole.Errors[0].Extensions
}

// at walks down the data: r.at("viewer", "balance").
func (r reply) at(path ...string) any {
	var here any = r.Data
	for _, name := range path {
		fields, _ := here.(map[string]any)
		here = fields[name]
	}
	return here
}

// ask sends a query as a user. The variables are pairs of name and value.
func (w *world) ask(user, query string, variables ...any) reply {
	w.Helper()
	return w.askAs(w.token(user), query, variables...)
}

func (w *world) askAs(token, query string, variables ...any) reply {
	w.Helper()
	given := map[string]any{}
	for i := 0; i < len(variables); i += 2 {
		given[variables[i].(string)] = variables[i+1]
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": given})
	w.must(err)
	return w.post(token, string(body))
}

func (w *world) post(token, body string) reply {
	w.Helper()
	return w.send(http.MethodPost, token, "application/json", body)
}

// send sends every request of these tests, so that every answer is checked.
func (w *world) send(method, token, contentType, body string) reply {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.url, strings.NewReader(body))
	w.must(err)
	request.Header.Set("Content-Type", contentType)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	w.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	w.must(err)
	r := reply{status: response.StatusCode, header: response.Header, text: string(text)}
	if err := json.Unmarshal(text, &r); err != nil {
		w.Fatalf("%d %s: %v", r.status, text, err)
	}
	w.checkAnswer(r, token)
	return r
}

// want fails unless the answer has no error and the value at path, as JSON decodes it.
func (w *world) wantCode(r reply, code apierror.Code) {
	w.Helper()
	if r.code() != code {
		w.Errorf("got code %q, want %q: %d %.500s", r.code(), code, r.status, r.text)
	}
}

// want fails unless the answer has no error and value at path, as JSON decodes it.
func (w *world) want(r reply, value any, path ...string) {
	w.Helper()
	if len(r.Errors) > 0 || r.at(path...) != value {
		w.Errorf("%s is %v, want %v: %.500s", strings.Join(path, "."), r.at(path...), value, r.text)
	}
}

// order opens an order and returns its merchantUid.
func (w *world) order(user string) string {
	w.Helper()
	r := w.ask(user, `mutation { createChargeOrder(productId: "p1") { merchantUid } }`)
	merchantUID, ok := r.at("createChargeOrder", "merchantUid").(string)
	if !ok {
		w.Fatalf("no order: %s", r.text)
	}
	return merchantUID
}

// pay pays an order and returns its imp_uid. Each edit changes the payment first.
func (w *world) pay(merchantUID string, edit ...func(*sandbox.Payment)) string {
	p := sandbox.Payment{MerchantUID: merchantUID, Amount: "5000", Sandbox: true}
	for _, e := range edit {
		e(&p)
	}
	return w.gateway.Put(p).ImpUID
}

const chargeMutation = `mutation($id: ID!) { createPointTransaction(impUid: $id) { id kind amount balanceAfter impUid description createdAt
	order { merchantUid status } } }`

func (w *world) charge(user, impUID string) reply {
	w.Helper()
	return w.ask(user, chargeMutation, "id", impUID)
}

// logRecorder keeps the lines of a log.
type logRecorder struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logRecorder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// errors returns the lines of level ERROR.
func (l *logRecorder) errors() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, `"level":"ERROR"`) {
			found = append(found, line)
		}
	}
	return found
}
