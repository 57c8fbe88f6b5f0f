package charge_test

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

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

// TestAChargeSurvivesEveryFaultOfTheGateway charges while every request meets the fault, and
// syncs after.
func TestAChargeSurvivesEveryFaultOfTheGateway(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		fault.Latency, fault.Hang, fault.Reset, fault.TooMany, fault.ServerError, fault.HTML,
		fault.Truncated, fault.Unauthorized, fault.Lost, fault.ClockSkew, "down",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.Pay(w.OpenOrder("minji"))
				w.Sandbox.ExpireToken() // so that the token, too, is asked for
				w.Suffer(name + "=1")
				ctx, leave := context.WithTimeout(w.Context(), time.Second)
				defer leave()
				_, err := w.Charge(ctx, "minji", impUID)
				if code := apierror.CodeOf(err); err != nil && code != apierror.GatewayUnavailable {
					w.Fatalf("got %v", err)
				}
				w.WantInjected(name)
				w.Suffer("")
				for range 2 {
					w.MustSync(impUID)
				}
				w.WantOneCharge(impUID)
			})
		})
	}
}

// TestAnOrderSurvivesALostRegistration loses the answer to the one call that is not repeated.
func TestAnOrderSurvivesALostRegistration(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Suffer("lost=1@POST /payments/prepare")
		_, err := w.Open(w.Context(), "minji", domaintest.Product().ID, charge.PayByCard)
		w.WantCode(err, apierror.GatewayUnavailable)
		w.WantInjected(fault.Lost)
		w.Suffer("")
		impUID := w.Pay(w.OpenOrder("minji"))
		w.MustSync(impUID)
		w.WantOneCharge(impUID)
	})
}

func TestAPaymentThatWentWrongIsCreditedOnceOrNever(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		early   charge.Problem // before what comes later
		balance int64          // in the end
	}{
		fault.WrongAmount:    {charge.WrongAmount, 0},
		fault.WrongCurrency:  {charge.WrongCurrency, 0},
		fault.FailedThenPaid: {"", domaintest.Full},
		fault.ConsoleCancel:  {"", 0},
		fault.SecondDeposit:  {"", domaintest.Full},
		fault.ClockSkew:      {"", domaintest.Full},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.PayWithFault(name)
				w.MustSync(impUID)
				w.WantProblem(impUID, want.early)
				w.Sandbox.Flush()
				for range 2 {
					w.MustSync(impUID)
				}
				w.WantBalance("minji", want.balance)
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
		_, err := w.Sync(context.WithoutCancel(r.Context()), domaintest.Webhook(), named.ImpUID)
		if code := apierror.CodeOf(err); err != nil && code != apierror.PaymentNotFound {
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
				impUID := w.PayWithFault(name)
				w.Sandbox.Wait()
				if held := name == fault.WebhookNever || name == fault.WebhookLate; held {
					w.WantBalance("minji", 0)
				} else {
					w.WantOneCharge(impUID)
				}
				w.Sandbox.Flush()
				w.Sandbox.Wait()
				w.MustSync(impUID)
				w.WantOneCharge(impUID)
			})
		})
	}
}
