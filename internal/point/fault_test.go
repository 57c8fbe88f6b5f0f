package point_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

// suffer lets the gateway go wrong as the plan says; an empty one mends it.
func (w *world) suffer(plan string) {
	w.Helper()
	p, err := fault.Parse(plan)
	w.must(err)
	w.must(w.gateway.SetFaults(p))
}

func (w *world) wantInjected(name string) {
	w.Helper()
	if injected := w.gateway.Faults().Injected; injected[name] == 0 {
		w.Fatalf("%s never happened: %v", name, injected)
	}
}

// wantOneCharge fails unless the payment is credited, once.
func (w *world) wantOneCharge(impUID string) {
	w.Helper()
	w.wantBalance("minji", full)
	if n := w.count("point_transactions", "kind = 'CHARGE' AND imp_uid = ?", impUID); n != 1 {
		w.Fatalf("credited %d times", n)
	}
}

// TestAChargeSurvivesEveryFaultOfTheGateway charges while every request meets the fault, and syncs after.
func TestAChargeSurvivesEveryFaultOfTheGateway(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		fault.Latency, fault.Hang, fault.Reset, fault.TooMany, fault.ServerError, fault.HTML,
		fault.Truncated, fault.Unauthorized, fault.Lost, fault.ClockSkew, "down",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.pay(w.order("minji"))
				w.gateway.ExpireToken() // so that the token, too, is asked for
				w.suffer(name + "=1")
				ctx, leave := context.WithTimeout(w.Context(), time.Second)
				defer leave()
				_, err := w.Charge(ctx, "minji", impUID)
				if code := point.CodeOf(err); err != nil && code != point.GatewayUnavailable {
					w.Fatalf("got %v", err)
				}
				w.wantInjected(name)
				w.suffer("")
				for range 2 {
					w.sync(impUID)
				}
				w.wantOneCharge(impUID)
			})
		})
	}
}

// TestAnOrderSurvivesALostRegistration loses the answer to the one call that is not repeated.
func TestAnOrderSurvivesALostRegistration(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.suffer("lost=1@POST /payments/prepare")
		_, err := w.Open(w.Context(), "minji", product.ID, point.PayByCard)
		w.wantCode(err, point.GatewayUnavailable)
		w.wantInjected(fault.Lost)
		w.suffer("")
		impUID := w.pay(w.order("minji"))
		w.sync(impUID)
		w.wantOneCharge(impUID)
	})
}

// pays is a ready payment of a new order that becomes paid while it meets the fault.
func (w *world) pays(name string) (impUID string) {
	w.Helper()
	impUID = w.pay(w.order("minji"), status(sandbox.Ready), func(p *sandbox.Payment) {
		if name == fault.SecondDeposit {
			p.PayMethod = "vbank"
		}
	})
	w.suffer(name)
	w.must(w.gateway.Pay(impUID))
	w.suffer("")
	w.wantInjected(name)
	return impUID
}

func TestAPaymentThatWentWrongIsCreditedOnceOrNever(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		early   point.Problem // before what comes later
		balance int64         // in the end
	}{
		fault.WrongAmount:    {point.WrongAmount, 0},
		fault.WrongCurrency:  {point.WrongCurrency, 0},
		fault.FailedThenPaid: {"", full},
		fault.ConsoleCancel:  {"", 0},
		fault.SecondDeposit:  {"", full},
		fault.ClockSkew:      {"", full},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.pays(name)
				w.sync(impUID)
				w.wantProblem(impUID, want.early)
				w.gateway.Flush()
				for range 2 {
					w.sync(impUID)
				}
				w.wantBalance("minji", want.balance)
			})
		})
	}
}

// listening is a world whose webhooks sync what they name, as the real receiver does.
func listening(t *testing.T, db *gorm.DB) *world {
	t.Helper()
	var w *world
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		var named struct {
			ImpUID string `json:"imp_uid"`
		}
		if form, err := url.ParseQuery(string(text)); err == nil && !strings.HasPrefix(string(text), "{") {
			named.ImpUID = form.Get("imp_uid")
		} else if err := json.Unmarshal(text, &named); err != nil {
			t.Error(err)
		}
		_, err := w.Sync(context.WithoutCancel(r.Context()), named.ImpUID)
		if code := point.CodeOf(err); err != nil && code != point.PaymentNotFound {
			t.Error(err)
		}
	}))
	t.Cleanup(receiver.Close)
	gateway := sandbox.New(sandbox.Config{WebhookURL: receiver.URL})
	t.Cleanup(gateway.Close)
	w = newWorldBehind(t, db, "sandbox", gateway, gateway)
	return w
}

func TestAChargeSurvivesEveryFaultOfAWebhook(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		fault.WebhookNever, fault.WebhookTwice, fault.WebhookLate, fault.WebhookForged, fault.WebhookForm,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
				w := listening(t, db)
				impUID := w.pays(name)
				w.gateway.Wait()
				if held := name == fault.WebhookNever || name == fault.WebhookLate; held {
					w.wantBalance("minji", 0)
				} else {
					w.wantOneCharge(impUID)
				}
				w.gateway.Flush()
				w.gateway.Wait()
				w.sync(impUID)
				w.wantOneCharge(impUID)
			})
		})
	}
}
