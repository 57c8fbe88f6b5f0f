package point_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/iamport"
)

// trap is a way to the gateway that panics for one path.
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

// setTrap makes the client panic on its way to that path.
func (w *world) setTrap(path string) {
	server := httptest.NewServer(w.gateway)
	w.Cleanup(server.Close)
	w.Gateway = iamport.New(iamport.Config{URL: server.URL, Key: "k", Secret: "s", IncludeSandbox: true,
		Transport: trap{iamport.NewTransport(8), path}})
}

// wantTrapped fails unless err is the trap's panic, with its stack.
func (w *world) wantTrapped(err error) {
	w.Helper()
	if err == nil || !strings.Contains(err.Error(), "panic: trapped") || !strings.Contains(err.Error(), "panic_test.go") {
		w.Fatalf("the panic and its stack are not in: %v", err)
	}
}

func TestAPanicAboutOneOrderIsThatOrdersError(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		trapped := w.order("junho")
		w.pay(w.order("minji"))
		w.setTrap("/payments/findAll/" + trapped.MerchantUID)
		for _, due := range []int{2, 1} { // it is due again soon
			clock.pass(15 * time.Minute)
			n, err := w.Sweep(w.Context(), 100)
			w.wantTrapped(err)
			if n != due {
				w.Errorf("%d orders were due, want %d", n, due)
			}
		}
		w.wantBalance("minji", full)
	})
}

func TestAPanicAboutOneRefundIsThatRefundsError(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		trapped, good := charged(w), charged(w)
		f.onCancel(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		w.refund(asks(trapped, 5000, "r-1"))
		w.refund(asks(good, 5000, "r-2"))
		w.must(w.gateway.Cancel(*good.ImpUID, ""))
		w.setTrap("/payments/" + *trapped.ImpUID)
		w.wantTrapped(w.SyncRefunds(w.Context()))
		open, err := w.OpenRefunds(w.Context())
		w.must(err)
		if len(open) != 1 || open[0].ImpUID != *trapped.ImpUID {
			w.Errorf("unexpected open refunds %+v", open)
		}
	})
}
