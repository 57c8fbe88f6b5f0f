package graph_test

import (
	"encoding/json"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

// cancelAtConsole cancels won of a payment as an operator does at Iamport's console, and syncs the
// payment.
func (w *world) cancelAtConsole(impUID string, won json.Number) {
	w.Helper()
	w.must(w.gateway.Cancel(impUID, won))
	_, err := w.points.Sync(w.Context(), domaintest.Webhook(), impUID) // as the webhook does
	w.must(err)
}

func TestWhatACancelledPaymentCannotTakeBackIsDebt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, impUID := w.chargedBy("minji")
	w.wantCode(w.spend("minji", 3_000, "order-1"), "")
	w.cancelAtConsole(impUID, "")
	w.wantWallet("minji", -3_000, 0, 3_000)
	r := w.askAs(w.serviceToken(), `{ user(id: "minji") { balance spendable debt } }`)
	w.want(r, -3000.0, "user", "balance")
	w.want(r, 3000.0, "user", "debt")
	w.wantAudited()
}

func TestNothingIsSpentInDebt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, impUID := w.chargedBy("minji")
	w.wantCode(w.spend("minji", 3_000, "order-1"), "")
	w.cancelAtConsole(impUID, "")
	for _, r := range []reply{w.spend("minji", 1, "order-2"), w.adjust("minji", -1, "a1")} {
		w.wantCode(r, apierror.InsufficientPoints)
		if b := r.Errors[0].Extensions.Balance; b == nil || *b != 0 {
			t.Errorf("extensions.balance is not 0: %s", r.text)
		}
	}
}

func TestTheNextChargeRepaysTheDebtFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, impUID := w.chargedBy("minji")
	w.wantCode(w.spend("minji", 3_000, "order-1"), "")
	w.cancelAtConsole(impUID, "")
	line := w.charged("minji")
	w.wantWallet("minji", 2_000, 2_000, 0)
	r := w.ask("minji", `query($id: ID!) { pointTransaction(id: $id) { amount balanceAfter sources { reason amount } } }`, "id", line)
	w.want(r, 5000.0, "pointTransaction", "amount")
	w.want(r, 2000.0, "pointTransaction", "balanceAfter")
	w.wantList(pluck(r.at("pointTransaction", "sources"), "reason"), "DEBT")
	w.wantList(pluck(r.at("pointTransaction", "sources"), "amount"), 3000.0)
	w.wantAudited()
}

func TestADebtIsRepaidByACancelledSpendToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, impUID := w.chargedBy("minji")
	w.wantCode(w.spend("minji", 3_000, "order-1"), "")
	w.cancelAtConsole(impUID, "")
	w.want(w.unspend("minji", 2_000, "order-1", "c1"), -1000.0, "cancelSpend", "balanceAfter")
	w.wantWallet("minji", -1_000, 0, 1_000)
	w.wantAudited()
}

func TestPartsOfAPaymentAreTakenBackOnce(t *testing.T) {
	t.Parallel()
	w := newBonusWorld(t, point.Days(10))
	line, impUID := w.chargedBy("minji")
	w.cancelAtConsole(impUID, "1000")
	w.cancelAtConsole(impUID, "1500")
	_, err := w.points.Sync(t.Context(), domaintest.Webhook(), impUID) // as a repeated webhook does
	w.must(err)
	w.wantWallet("minji", 2_750, 2_750, 0)
	w.want(w.ask("minji", quoteRefund, "t", line), 2500.0, "refundQuote", "amount")
	w.wantList(w.list("pointTransactions", "amount", 2), -1650.0, -1100.0, 500.0, 5000.0)
	w.wantAudited()
}
