package graph_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"

	"pointcharge/graph"
	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/sandbox"
)

// walletPage is what a typical client asks for on the page of a wallet: everything the schema has,
// a page of each list.
const walletPage = `query Wallet($first: Int!) {
	chargeProducts { id name price points bonusPoints active position }
	viewer {
		id balance spendable debt
		expiringPoints(withinDays: 3650) { id kind initial remaining expiresAt }
		pointTransactions(first: $first) { edges { cursor node { ...Line order { merchantUid status } } } pageInfo { hasNextPage endCursor } }
		chargeOrders(first: $first) { edges { node { ...Order transaction { ...Line } } } pageInfo { hasNextPage endCursor } }
		balanceExplained(first: 3) { edges { cursor node { id kind initial remaining expiresAt transaction { ...Line } }
			uses { amount transaction { ...Line } } } pageInfo { hasNextPage } }
	}
}
fragment Line on PointTransaction { id kind amount balanceAfter impUid description createdAt }
fragment Order on ChargeOrder { merchantUid price points bonusPoints status payMethod expiresAt createdAt product { id name }
	checkout { sdkUrl userCode channelKey payMethod merchantUid name amount currency redirectUrl noticeUrl } virtualAccount { bank number } }`

// BenchmarkBreadth compares our handler, with all its checks, and gqlgen's default server on the
// same resolvers. It also reports cpu-ms/op, the processor time of the whole process.
func BenchmarkBreadth(b *testing.B) {
	resolver := newPopulatedResolver(b, 20)
	b.Run("ours", func(b *testing.B) { benchmarkQuery(b, resolver.Handler()) })
	b.Run("default", func(b *testing.B) {
		benchmarkQuery(b, handler.NewDefaultServer(graph.NewExecutableSchema(graph.Config{Resolvers: resolver})))
	})
}

// newPopulatedResolver returns a resolver whose user minji has a number of charges.
func newPopulatedResolver(b testing.TB, charges int) *graph.Resolver {
	b.Helper()
	pretend := sandbox.New(sandbox.Config{Key: "imp-key", Secret: impSecret})
	b.Cleanup(pretend.Close)
	gateway := httptest.NewServer(pretend)
	b.Cleanup(gateway.Close)
	points := domaintest.NewServices(databasetest.New(b, databasetest.SQLite),
		iamport.New(iamport.Config{URL: gateway.URL, Key: "imp-key", Secret: impSecret, IncludeSandbox: true}))
	_, err := points.UpsertProduct(b.Context(), charge.Product{ID: "p1", Name: "n", Price: 5000, Points: 5000, BonusPoints: 50, Active: true})
	for range charges {
		var order charge.Order
		if err == nil {
			order, err = points.Open(b.Context(), "minji", "p1", charge.PayByCard)
		}
		if err == nil {
			_, err = points.Charge(b.Context(), "minji", pretend.Put(sandbox.Payment{MerchantUID: order.MerchantUID, Amount: "5000", Sandbox: true}).ImpUID)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	return &graph.Resolver{Points: points.Ledger, Charges: points.Charges, Log: slog.New(slog.DiscardHandler)}
}

func benchmarkQuery(b *testing.B, server http.Handler) {
	b.Helper()
	body, err := json.Marshal(map[string]any{"query": walletPage, "variables": map[string]any{"first": 20}})
	if err != nil {
		b.Fatal(err)
	}
	ctx := contextOfMinji(b, auth.RoleUser)
	before := processCPU(b)
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(string(body))).WithContext(ctx)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), `"errors"`) || w.Body.Len() < 20_000 {
			b.Fatalf("%d: %.500s", w.Code, w.Body)
		}
	}
	b.ReportMetric(((processCPU(b)-before)/time.Duration(b.N)).Seconds()*1000, "cpu-ms/op")
}
