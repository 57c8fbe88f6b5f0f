package graph_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/page"
)

// fuzzTarget is the real handler on a real database, with an admin as the caller and a gateway that
// does not run.
type fuzzTarget struct {
	handler http.Handler
	points  *domaintest.Services
	log     *logRecorder
	minji   context.Context //nolint:containedctx // of a request with her token
}

func newFuzzTarget(f *testing.F) *fuzzTarget {
	f.Helper()
	points := domaintest.NewServices(databasetest.New(f, databasetest.SQLite), unreachableGateway())
	log := new(logRecorder)
	resolver := &graph.Resolver{Points: points.Ledger, Charges: points.Charges, Log: slog.New(slog.NewJSONHandler(log, nil)), Introspection: true}
	if _, err := points.UpsertProduct(f.Context(), charge.Product{ID: "p1", Name: "n", Price: 5000, Points: 5000, Active: true}); err != nil {
		f.Fatal(err)
	}
	return &fuzzTarget{handler: resolver.Handler(), points: points, log: log,
		minji: contextOfMinji(f, auth.RoleUser, auth.RoleService, auth.RoleAdmin)}
}

// send fails unless the response is a well-formed one of ours, for any request.
func (x *fuzzTarget) send(t *testing.T, r *http.Request) (*httptest.ResponseRecorder, reply) {
	t.Helper()
	w := httptest.NewRecorder()
	x.handler.ServeHTTP(w, r.WithContext(x.minji))
	var got reply
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if lines := x.log.errors(); len(lines) > 0 || w.Code >= 500 {
		t.Fatalf("our fault: %d %s\n%s", w.Code, w.Body, lines)
	}
	if media, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type")); !strings.HasSuffix(media, "json") || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("headers: %v", w.Header())
	}
	if w.Code >= 400 && (got.Data != nil || len(got.Errors) == 0) {
		t.Fatalf("%d with data or without errors: %s", w.Code, w.Body)
	}
	for _, e := range got.Errors {
		if e.Message == "" || e.Extensions.Code == string(apierror.Internal) || !isOneOf(e.Extensions.Code, errorCodes(t)) {
			t.Fatalf("the error %+v: %s", e, w.Body)
		}
	}
	return w, got
}

func FuzzPOST(f *testing.F) {
	x := newFuzzTarget(f)
	for _, body := range []string{
		`{"query":"{ viewer { id balance } }"}`,
		`{"query":"query A($n: Int!) { viewer { chargeOrders(first: $n) { edges { node { status } } } } }","operationName":"A","variables":{"n":3},"extensions":{}}`,
		`{"query":"mutation { createChargeOrder(productId: \"p1\", payMethod: CARD) { merchantUid checkout { amount } } }"}`,
		`{"query":"mutation($i: SpendPointsInput!) { spendPoints(input: $i) { id } }","variables":{"i":{"userId":"u","amount":1,"reference":"r","description":"d"}}}`,
		`{"query":"{ __schema { types { name fields { name } } } }"}`,
		`{"query":"{ ...A } fragment A on Query { viewer { ...B } } fragment B on User { id @include(if: true) }"}`,
		`{"query":"query($x: Boolean = true) { viewer { id @include(if: $x) } }","variables":{"x":null}}`,
		`{"documentId":"sha256:00"}`, `{"query":"{"}`, `[]`, `null`, `{"query":1}`,
	} {
		f.Add([]byte(body), "application/json", "application/json")
	}
	f.Add([]byte(`{"query":"{ viewer { id } }"}`), "application/json; charset=UTF-8", modern+", */*;q=0.1")
	f.Fuzz(func(t *testing.T, body []byte, contentType, accept string) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(string(body)))
		r.Header = http.Header{"Content-Type": {contentType}, "Accept": {accept}}
		w, got := x.send(t, r)
		if !slices.Contains([]int{200, 400, 406, 413, 415}, w.Code) {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if got.Data != nil && !json.Valid(body) {
			t.Fatalf("%s came of what is not JSON: %q", w.Body, body)
		}
	})
}

func FuzzGET(f *testing.F) {
	x := newFuzzTarget(f)
	for _, query := range []string{
		"query=%7Bviewer%7Bid%7D%7D", "query={chargeProducts{id}}&operationName=&variables={}&extensions={}", "", "query=%zz", "query=a;b",
		"query=" + url.QueryEscape(`mutation { createChargeOrder(productId: "p1") { merchantUid } }`),
		"query=" + url.QueryEscape(`query A { viewer { id } } mutation B { createChargeOrder(productId: "p1") { merchantUid } }`) + "&operationName=B",
		"query=" + url.QueryEscape("query($a: ID!) { chargeOrder(merchantUid: $a) { status } }") + "&variables=" + url.QueryEscape(`{"a":"x"}`),
		"documentId=sha256:00", "query={viewer{id}}&variables=[]",
	} {
		f.Add(query, "application/json")
	}
	f.Fuzz(func(t *testing.T, query, accept string) {
		w, _ := x.send(t, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/graphql", RawQuery: query}, Header: http.Header{"Accept": {accept}}})
		if !slices.Contains([]int{200, 400, 405, 406, 414}, w.Code) {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		orders, err := x.points.Orders(t.Context(), "minji", page.Request{First: 1})
		if err != nil || len(orders.Edges) > 0 {
			t.Fatalf("a GET opened an order: %q, %v", query, err)
		}
	})
}

// contextOfMinji is the context of a request with minji's token, so that its verification is not
// measured. Her name, email and phone are the longest that are shown.
func contextOfMinji(t testing.TB, roles ...auth.Role) (ctx context.Context) {
	t.Helper()
	buyer := strings.Repeat("가", 85)
	token, err := auth.Sign([]byte(authSecret), auth.Identity{UserID: "minji", Roles: roles, Name: buyer, Email: buyer, Phone: buyer,
		ExpiresAt: time.Now().Add(time.Hour)}, issuer, audience)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", http.NoBody).WithContext(t.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	keep := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })
	auth.NewHS256([]byte(authSecret), issuer, audience).Middleware(keep).ServeHTTP(httptest.NewRecorder(), r)
	return ctx
}
