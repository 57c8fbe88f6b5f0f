package graph_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/middleware"
	"pointcharge/internal/ratelimit"
)

// burstOf is a rate of n calls, and the next one after an hour.
func burstOf(n int) ratelimit.Rate { return ratelimit.Rate{Limit: rate.Every(time.Hour), Burst: n} }

func unlimited() ratelimit.Rate { return ratelimit.Rate{Limit: rate.Inf} }

// limitGateway lets each user call n mutations that may call the gateway.
func limitGateway(n int) setting {
	return func(_ *world, r *graph.Resolver) { r.GatewayLimit = ratelimit.NewLimit(burstOf(n), unlimited()) }
}

// chargeOverLimit returns the reply to a charge that came too soon after another.
func chargeOverLimit(t *testing.T) reply {
	t.Helper()
	w := newWorld(t, limitGateway(1))
	w.charge("minji", "imp_1")
	return w.charge("minji", "imp_1")
}

// mutations returns a call of every field of Mutation, from privateOperations, so that a new field
// cannot be left out.
func mutations(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, field := range schema(t).Mutation.Fields {
		for _, query := range privateOperations() {
			if strings.HasPrefix(query, "mutation { "+field.Name+"(") {
				found[field.Name] = query
			}
		}
		if found[field.Name] == "" {
			t.Fatalf("private() has no call of the mutation %s", field.Name)
		}
	}
	return found
}

// gatewayFree lists the mutations that never call the gateway, in an order in which they succeed
// the second time.
func gatewayFree() []string {
	return []string{"upsertChargeProduct", "adjustPoints", "spendPoints", "cancelSpend"}
}

// A new mutation that does not call the gateway must be added here and to gatewayFreeMutations.
func TestEveryMutationThatMayAskTheGatewayIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limitGateway(1))
	for name, query := range mutations(t) {
		user := "user-of-" + name
		if first := w.ask(user, query); first.code() == apierror.RateLimited {
			t.Errorf("%s: the first was refused", name)
		}
		second := w.ask(user, query)
		if limited := second.code() == apierror.RateLimited; limited == isOneOf(name, gatewayFree()) {
			t.Errorf("%s: limited is %t: %s", name, limited, second.text)
		}
	}
}

func TestMutationsWithoutALimitAskNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := mutations(t)
	for round := range 2 {
		for _, name := range gatewayFree() {
			if r := w.askAs(w.token("boss", auth.RoleAdmin), all[name]); round == 1 && len(r.Errors) > 0 {
				t.Errorf("%s: %s", name, r.text)
			}
		}
	}
	if asked := w.gateway.Requests(); len(asked) != 0 {
		t.Errorf("the gateway was asked %v", asked)
	}
}

func TestOnlyTheFieldThatIsOneTooManyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limitGateway(2))
	const open = `createChargeOrder(productId: "p1") { merchantUid }`
	r := w.ask("minji", `mutation { a: `+open+` b: `+open+` c: `+open+` }`)
	w.wantCode(r, apierror.RateLimited)
	if e := r.Errors[0].Extensions; r.status != http.StatusOK || len(r.Errors) != 1 || e.RetryAfter < 3590 || e.RetryAfter > 3600 ||
		!strings.Contains(r.text, `"path":["c"]`) {
		t.Errorf("%d %s", r.status, r.text)
	}
	orders := w.ask("minji", `{ viewer { chargeOrders { edges { cursor } } } }`) // reads are not counted
	if edges, _ := orders.at("viewer", "chargeOrders", "edges").([]any); len(edges) != 2 {
		t.Errorf("there are %d orders", len(edges))
	}
	w.wantCode(w.ask("junho", `mutation { `+open+` }`), "")
}

func TestTrustedBackendsAndOperatorsAreNotLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limitGateway(1))
	for _, role := range []auth.Role{auth.RoleService, auth.RoleAdmin} {
		for range 3 {
			w.wantCode(w.askAs(w.token("shop", role), chargeMutation, "id", "imp_1"), apierror.PaymentNotFound)
		}
	}
}

// limitRequests serves the world's resolver with a limit on requests, to clients with known
// addresses.
func limitRequests(limit *ratelimit.Limit) setting {
	return func(w *world, r *graph.Resolver) {
		r.RequestLimit = limit
		verifier := auth.NewHS256([]byte(authSecret), issuer, audience)
		handler := verifier.Middleware(graph.LimitRate(limit, r.Handler()))
		server := httptest.NewServer(middleware.Proxies{netip.MustParsePrefix("127.0.0.0/8")}.Identify(handler))
		w.Cleanup(server.Close)
		w.limited = server.URL
	}
}

func TestRequestsOverTheLimitGet429(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]*ratelimit.Limit{"by user": ratelimit.NewLimit(burstOf(2), unlimited()), "by address": ratelimit.NewLimit(unlimited(), burstOf(2))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, limitRequests(limit))
			w.url = w.limited
			for range 2 {
				w.want(w.ask("minji", `{ viewer { balance } }`), 0.0, "viewer", "balance")
			}
			r := w.send(http.MethodPost, w.token("minji"), "text/plain", "not even read")
			if r.status != http.StatusTooManyRequests || r.header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %v %s", r.status, r.header, r.text)
			}
			after := r.header.Get("Retry-After")
			if want := `{"errors":[{"message":"Too many requests.","extensions":{"code":"RATE_LIMITED","retryAfter":` + after + `}}]}` + "\n"; r.text != want {
				t.Errorf("%s, want %s", r.text, want)
			}
			if len(after) != 4 || r.Errors[0].Extensions.RetryAfter < 3590 || r.Errors[0].Extensions.RetryAfter > 3600 {
				t.Errorf("retry after %q", after)
			}
		})
	}
}

func TestBadTokensAreCountedByAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limitRequests(ratelimit.NewLimit(burstOf(100), burstOf(2))))
	w.url = w.limited
	for _, token := range []string{"", "a.b.c"} {
		w.wantCode(w.askAs(token, `{ viewer { balance } }`), apierror.Unauthenticated)
	}
	w.wantCode(w.askAs("d.e.f", `{ viewer { balance } }`), apierror.RateLimited)
	w.wantCode(w.askAs(w.token("shop", auth.RoleService), `{ viewer { balance } }`), "") // not counted
}

func TestSecondsAreRoundedUp(t *testing.T) {
	t.Parallel()
	limit := ratelimit.NewLimit(ratelimit.Rate{Limit: 1, Burst: 1}, unlimited())
	w := newWorld(t, limitRequests(limit))
	w.url = w.limited
	var r reply
	for r.code() != apierror.RateLimited { // the first time, unless the machine is very busy
		r = w.ask("minji", `{ viewer { balance } }`)
	}
	if got := r.Errors[0].Extensions.RetryAfter; got != 1 {
		t.Errorf("retry after %d s", got)
	}
}

func TestOperationsUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	began, end := make(chan struct{}), make(chan struct{})
	hold := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			began <- struct{}{}
			<-end
		}
	})
	verifier := auth.NewHS256([]byte(authSecret), issuer, audience)
	handler := verifier.Middleware(graph.LimitConcurrency(&ratelimit.ConcurrencyLimit{User: 2, Address: 100}, hold))
	call := func(query, user string, roles ...auth.Role) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodPost, "/graphql"+query, nil)
		request.Header.Set("Authorization", "Bearer "+w.token(user, roles...))
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}
	var held sync.WaitGroup
	for range 2 {
		held.Go(func() { call("", "minji") })
		<-began
	}
	refused := call("?x", "minji")
	const want = `{"errors":[{"message":"Too many operations are under way.","extensions":{"code":"RATE_LIMITED","retryAfter":1}}]}` + "\n"
	if refused.Code != http.StatusTooManyRequests || refused.Header().Get("Retry-After") != "1" || refused.Body.String() != want {
		t.Errorf("%d %v %s", refused.Code, refused.Header(), refused.Body)
	}
	for _, other := range []*httptest.ResponseRecorder{call("?x", "junho"), call("?x", "minji", auth.RoleService)} {
		if other.Code != http.StatusOK {
			t.Errorf("another is refused: %d %s", other.Code, other.Body)
		}
	}
	close(end)
	held.Wait()
	if after := call("?x", "minji"); after.Code != http.StatusOK {
		t.Errorf("refused when they had ended: %d %s", after.Code, after.Body)
	}
}

// deadlined is a response writer that keeps its write deadline.
type deadlined struct {
	*httptest.ResponseRecorder

	until time.Time
}

func (d *deadlined) SetWriteDeadline(until time.Time) error {
	d.until = until
	return nil
}

func TestAnAnswerMustBeReadSoon(t *testing.T) {
	t.Parallel()
	resolver := &graph.Resolver{Log: slog.New(slog.DiscardHandler)}
	for _, query := range []string{"query={__typename}", "query={", "nothing"} {
		answer, began := &deadlined{ResponseRecorder: httptest.NewRecorder()}, time.Now()
		resolver.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/graphql?"+query, nil))
		if least, most := began.Add(10*time.Second), time.Now().Add(10*time.Second); answer.until.Before(least) || answer.until.After(most) {
			t.Errorf("%s: it may be written for %s", query, answer.until.Sub(began))
		}
	}
}
