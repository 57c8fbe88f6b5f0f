package point_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// front stands between the client and the sandbox; answer, when set, decides about payments and virtual accounts.
type front struct {
	gateway *sandbox.Sandbox
	answer  atomic.Pointer[http.HandlerFunc]
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if answer := f.answer.Load(); answer != nil && r.URL.Path != "/users/getToken" {
		(*answer)(w, r)
		return
	}
	f.gateway.ServeHTTP(w, r)
}

func (f *front) say(answer http.HandlerFunc) { f.answer.Store(&answer) }

// onCancel lets answer decide about cancellations only.
func (f *front) onCancel(answer http.HandlerFunc) {
	f.say(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/payments/cancel" {
			f.gateway.ServeHTTP(w, r)
			return
		}
		answer(w, r)
	})
}

// onList lets change alter what the lists of paid and cancelled payments answer.
func (f *front) onList(change func(answer *httptest.ResponseRecorder, r *http.Request)) {
	f.say(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/payments/status/") {
			f.gateway.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		f.gateway.ServeHTTP(answer, r)
		change(answer, r)
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w)
	})
}

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

func eachBehindFront(t *testing.T, test func(w *world, f *front)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		gateway := sandbox.New(sandbox.Config{})
		t.Cleanup(gateway.Close)
		f := &front{gateway: gateway}
		test(newWorldBehind(t, db, "sandbox", gateway, f), f)
	})
}

func TestF1ImpossibleIDsNeverReachTheGateway(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for _, id := range []string{"", strings.Repeat("a", 10_000), "imp_결제", "imp_1\x00", "imp_1?include_sandbox=true",
			"find/imp_1", "..", "imp_1%2f", "imp_1#", " imp_1", "imp_1\n"} {
			_, err := w.Charge(w.Context(), "minji", id)
			w.wantCode(err, point.InvalidArgument)
			_, err = w.Sync(w.Context(), id)
			w.wantCode(err, point.InvalidArgument)
			_, err = w.SyncOrder(w.Context(), id)
			w.wantCode(err, point.InvalidArgument)
		}
		if asked := w.gateway.Requests(); len(asked) != 0 {
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
			eachBehindFront(t, func(w *world, f *front) {
				impUID := w.pay(w.order("minji"))
				f.say(answer)
				_, err := w.Charge(w.Context(), "minji", impUID)
				w.wantCode(err, point.GatewayUnavailable)
				if n := w.count("payments", "imp_uid = ?", impUID); n != 0 {
					w.Fatal("something was written")
				}
				f.say(f.gateway.ServeHTTP)
				_, err = w.Charge(w.Context(), "minji", impUID)
				w.must(err)
				w.wantBalance("minji", full)
			})
		})
	}
}

func TestOpenWritesNothingWhenTheGatewayIsDown(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		f.say(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		_, err := w.Open(w.Context(), "minji", product.ID, point.PayByCard)
		w.wantCode(err, point.GatewayUnavailable)
		if n := w.count("charge_orders", "1 = 1"); n != 0 {
			w.Fatal("an order was written")
		}
		f.say(f.gateway.ServeHTTP)
		w.order("minji")
	})
}

// TestF34ASlowGatewayHoldsNoConnection stops the gateway in the middle of a charge. With one connection in
// the pool, reads would hang if the charge held it.
func TestF34ASlowGatewayHoldsNoConnection(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		pool, err := w.DB.DB()
		w.must(err)
		pool.SetMaxOpenConns(1)
		impUID := w.pay(w.order("minji"))
		asked, answer := make(chan struct{}), make(chan struct{})
		f.say(func(rw http.ResponseWriter, r *http.Request) {
			close(asked)
			<-answer
			f.gateway.ServeHTTP(rw, r)
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
			w.wantBalance("minji", 0)
		}
		close(answer)
		w.must(<-charged)
		w.wantBalance("minji", full)
	})
}

func TestOpenRegistersTheAmountAtTheGateway(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.order("minji")
		if len(order.MerchantUID) > 40 || order.Price != product.Price || order.Status != point.OrderPending {
			w.Fatalf("unexpected order %+v", order)
		}
		if n := w.gateway.Requests()["POST /payments/prepare"]; n != 1 {
			w.Fatalf("prepared %d times, want 1", n)
		}
	})
}

func TestOpenRefusesWhatIsNotOnOffer(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		gone := product
		gone.ID, gone.Active = "gone", false
		_, err := w.UpsertProduct(w.Context(), gone)
		w.must(err)
		for _, id := range []string{"gone", "never-was"} {
			_, err := w.Open(w.Context(), "minji", id, point.PayByCard)
			w.wantCode(err, point.ProductUnavailable)
		}
		_, err = w.Open(w.Context(), "minji", product.ID, "card")
		w.wantCode(err, point.InvalidArgument)
		_, err = w.Open(w.Context(), "minji", "no/such id", point.PayByCard)
		w.wantCode(err, point.InvalidArgument)
	})
}
