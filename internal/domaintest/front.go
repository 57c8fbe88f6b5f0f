package domaintest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/sandbox"
)

// Front stands between the client and the sandbox; answer, when set, decides about payments and
// virtual accounts.
type Front struct {
	Sandbox *sandbox.Sandbox
	answer  atomic.Pointer[http.HandlerFunc]
}

func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if answer := f.answer.Load(); answer != nil && r.URL.Path != "/users/getToken" {
		(*answer)(w, r)
		return
	}
	f.Sandbox.ServeHTTP(w, r)
}

func (f *Front) Say(answer http.HandlerFunc) { f.answer.Store(&answer) }

// OnCancel lets answer decide about cancellations only.
func (f *Front) OnCancel(answer http.HandlerFunc) {
	f.Say(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/payments/cancel" {
			f.Sandbox.ServeHTTP(w, r)
			return
		}
		answer(w, r)
	})
}

// OnList lets change alter the answers of the lists of paid and cancelled payments.
func (f *Front) OnList(change func(answer *httptest.ResponseRecorder, r *http.Request)) {
	f.Say(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/payments/status/") {
			f.Sandbox.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		f.Sandbox.ServeHTTP(answer, r)
		change(answer, r)
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w)
	})
}

func EachBehindFront(t *testing.T, test func(w *World, f *Front)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		gateway := sandbox.New(sandbox.Config{})
		t.Cleanup(gateway.Close)
		f := &Front{Sandbox: gateway}
		test(NewWorldBehind(t, db, "sandbox", gateway, f), f)
	})
}

// SetTrap makes the client panic on the way to the given path.
func (w *World) SetTrap(path string) {
	server := httptest.NewServer(w.Sandbox)
	w.Cleanup(server.Close)
	w.Gateway = iamport.New(iamport.Config{URL: server.URL, Key: "k", Secret: "s", IncludeSandbox: true,
		Transport: trap{iamport.NewTransport(8), path}})
}

// WantTrapped fails unless err is the trap's panic, with its stack.
func (w *World) WantTrapped(err error) {
	w.Helper()
	if err == nil || !strings.Contains(err.Error(), "panic: trapped") || !strings.Contains(err.Error(), "front.go") {
		w.Fatalf("the panic and its stack are not in: %v", err)
	}
}

// HideAnswer has the gateway give no answer about one payment.
func (f *Front) HideAnswer(impUID string) {
	f.Say(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/payments/"+impUID {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		f.Sandbox.ServeHTTP(w, r)
	})
}

// OnPage calls do after a page of the list of paid payments was answered.
func (f *Front) OnPage(number string, do func()) {
	f.Say(func(w http.ResponseWriter, r *http.Request) {
		f.Sandbox.ServeHTTP(w, r)
		if r.URL.Path == "/payments/status/paid" && r.URL.Query().Get("page") == number {
			do()
		}
	})
}

// FailFromList makes the gateway fail from the n-th list on.
func (f *Front) FailFromList(n int) {
	f.Say(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/payments/status/paid" || r.URL.Path == "/payments/status/cancelled" {
			if n--; n <= 0 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
		}
		f.Sandbox.ServeHTTP(w, r)
	})
}

// trap is an HTTP transport that panics for one path.
type trap struct {
	http.RoundTripper

	path string
}

func (t trap) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == t.path {
		panic("trapped")
	}
	return t.RoundTripper.RoundTrip(r)
}
