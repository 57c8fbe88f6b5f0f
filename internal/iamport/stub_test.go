package iamport_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/iamport"
)

// stub is the smallest Iamport under a test's control, with a new token for every getToken.
type stub struct {
	grant     http.HandlerFunc // answers getToken
	answer    http.HandlerFunc // answers everything else
	getTokens atomic.Int64     // requests to getToken so far
	requests  atomic.Int64     // all other requests so far
}

func newStub(answer http.HandlerFunc) *stub {
	s := &stub{answer: answer}
	s.grant = func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, grant(fmt.Sprintf("token-%d", s.getTokens.Load()), 1000, 2800))
	}
	return s
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/users/getToken" {
		s.getTokens.Add(1)
		s.grant(w, r)
		return
	}
	s.requests.Add(1)
	s.answer(w, r)
}

// client asks the stub over a real connection.
func (s *stub) client(t testing.TB, cfg iamport.Config) *iamport.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return newClient(server.URL, cfg)
}

// timeless calls the stub without a network, as a synctest bubble needs: in a bubble, time passes
// only while all goroutines wait for time.
func (s *stub) timeless(cfg iamport.Config) *iamport.Client {
	cfg.Transport = inMemory{s}
	return newClient("http://iamport.test", cfg)
}

func newClient(url string, cfg iamport.Config) *iamport.Client {
	cfg.URL = url
	cfg.Key = cmp.Or(cfg.Key, "key")
	cfg.Secret = cmp.Or(cfg.Secret, "secret")
	cfg.RetryDelay = cmp.Or(cfg.RetryDelay, time.Millisecond)
	return iamport.New(cfg)
}

type inMemory struct{ handler http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	answer := make(chan *http.Response, 1)
	go func() {
		w := httptest.NewRecorder()
		m.handler.ServeHTTP(w, r)
		answer <- w.Result()
	}()
	select {
	case a := <-answer:
		return a, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

func grant(token string, now, expiredAt int64) string {
	return okEnvelope(fmt.Sprintf(`{"access_token":%q,"now":%d,"expired_at":%d}`, token, now, expiredAt))
}

func okEnvelope(response string) string {
	return `{"code":0,"message":null,"response":` + response + `}`
}

// minimalPayment is a paid payment of 5,000 won without any optional field; edits replace parts of
// it.
func minimalPayment(impUID string, edits ...string) string {
	return strings.NewReplacer(edits...).Replace(`{"imp_uid":"` + impUID + `","merchant_uid":"order-1",` +
		`"amount":5000,"cancel_amount":0,"currency":"KRW","status":"paid","sandbox":false}`)
}

// respond answers every request with one status and body.
func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// respondPaid knows every payment it is asked for.
func respondPaid(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, okEnvelope(minimalPayment(strings.TrimPrefix(r.URL.Path, "/payments/"))))
}

// wait waits in a synctest bubble, where that takes no time.
func wait(d time.Duration) { <-time.After(d) }

func waitForCaller(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

const unauthorized = `{"code":-1,"message":"Unauthorized","response":null}`

func wantCode(t testing.TB, err error, code apierror.Code) {
	t.Helper()
	if e, ok := errors.AsType[*apierror.Error](err); !ok || e.Code != code || e.Message == "" {
		t.Fatalf("error is %v, want a *apierror.Error with code %s and a message", err, code)
	}
}

func wantCount(t testing.TB, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %d, want %d", what, got, want)
	}
}

func mustPay(t testing.TB, c *iamport.Client) {
	t.Helper()
	if _, err := c.Payment(t.Context(), "imp_1"); err != nil {
		t.Fatalf("Payment: %v", err)
	}
}
