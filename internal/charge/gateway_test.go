package charge_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
)

// body reads the request's body and leaves it to be read again.
func body(t *testing.T, r *http.Request) string {
	t.Helper()
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	return string(sent)
}

func TestF1ImpossibleIDsNeverReachTheGateway(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for _, id := range []string{"", strings.Repeat("a", 10_000), "imp_결제", "imp_1\x00", "imp_1?include_sandbox=true",
			"find/imp_1", "..", "imp_1%2f", "imp_1#", " imp_1", "imp_1\n"} {
			_, err := w.Charge(w.Context(), "minji", id)
			w.WantCode(err, apierror.InvalidArgument)
			_, err = w.Sync(w.Context(), domaintest.Webhook(), id)
			w.WantCode(err, apierror.InvalidArgument)
			_, err = w.SyncOrder(w.Context(), domaintest.Webhook(), id)
			w.WantCode(err, apierror.InvalidArgument)
		}
		if asked := w.Sandbox.Requests(); len(asked) != 0 {
			w.Fatalf("the gateway was asked %v", asked)
		}
	})
}

func TestF14F26ABadAnswerWritesNothingAndTheNextTryWorks(t *testing.T) {
	t.Parallel()
	answers := map[string]http.HandlerFunc{
		"HTML": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>502 Bad Gateway</html>")
		},
		"down":             func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"truncated":        func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"code":0,"resp`) },
		"an error in 200":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"code":1,"response":null}`) },
		"connection reset": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) {
				impUID := w.Pay(w.OpenOrder("minji"))
				f.Say(answer)
				_, err := w.Charge(w.Context(), "minji", impUID)
				w.WantCode(err, apierror.GatewayUnavailable)
				if n := w.Count("payments", "imp_uid = ?", impUID); n != 0 {
					w.Fatal("something was written")
				}
				f.Say(f.Sandbox.ServeHTTP)
				_, err = w.Charge(w.Context(), "minji", impUID)
				w.Must(err)
				w.WantBalance("minji", domaintest.Full)
			})
		})
	}
}

func TestOpenWritesNothingWhenTheGatewayIsDown(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		f.Say(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		_, err := w.Open(w.Context(), "minji", domaintest.Product().ID, charge.PayByCard)
		w.WantCode(err, apierror.GatewayUnavailable)
		if n := w.Count("charge_orders", "1 = 1"); n != 0 {
			w.Fatal("an order was written")
		}
		f.Say(f.Sandbox.ServeHTTP)
		w.OpenOrder("minji")
	})
}

// TestF34ASlowGatewayHoldsNoConnection stops the gateway in the middle of a charge. With one
// connection in the pool, reads would hang if the charge held it.
func TestF34ASlowGatewayHoldsNoConnection(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		pool, err := w.DB.DB()
		w.Must(err)
		pool.SetMaxOpenConns(1)
		impUID := w.Pay(w.OpenOrder("minji"))
		asked, answer := make(chan struct{}), make(chan struct{})
		f.Say(func(rw http.ResponseWriter, r *http.Request) {
			close(asked)
			<-answer
			f.Sandbox.ServeHTTP(rw, r)
		})
		charged := make(chan error)
		go func() {
			_, err := w.Charge(w.Context(), "minji", impUID)
			charged <- err
		}()
		<-asked
		if n := pool.Stats().InUse; n != 0 {
			w.Errorf("%d connections are in use while the gateway thinks", n)
		}
		for range 100 {
			w.WantBalance("minji", 0)
		}
		close(answer)
		w.Must(<-charged)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestOpenRegistersTheAmountAtTheGateway(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		if len(order.MerchantUID) > 40 || order.Price != domaintest.Product().Price || order.Status != charge.OrderPending {
			w.Fatalf("unexpected order %+v", order)
		}
		if n := w.Sandbox.Requests()["POST /payments/prepare"]; n != 1 {
			w.Fatalf("prepared %d times, want 1", n)
		}
	})
}

func TestOpenRefusesWhatIsNotOnOffer(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		gone := domaintest.Product()
		gone.ID, gone.Active = "gone", false
		_, err := w.UpsertProduct(w.Context(), gone)
		w.Must(err)
		for _, id := range []string{"gone", "never-was"} {
			_, err := w.Open(w.Context(), "minji", id, charge.PayByCard)
			w.WantCode(err, apierror.ProductUnavailable)
		}
		_, err = w.Open(w.Context(), "minji", domaintest.Product().ID, "card")
		w.WantCode(err, apierror.InvalidArgument)
		_, err = w.Open(w.Context(), "minji", "no/such id", charge.PayByCard)
		w.WantCode(err, apierror.InvalidArgument)
	})
}
