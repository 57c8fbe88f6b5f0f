package charge_test

import (
	"encoding/json"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

// withUsage makes a payment one that the browser gave a customer_uid.
func withUsage(usage sandbox.Text) func(*sandbox.Payment) {
	return func(p *sandbox.Payment) { p.CustomerUID, p.CustomerUIDUsage = "card-1", usage }
}

func withDiscount(won json.Number) func(*sandbox.Payment) {
	return func(p *sandbox.Payment) {
		p.Promotion = &sandbox.Promotion{ID: "promotion-id-1", Discount: won}
	}
}

// unpaidClaims are payments that say paid, of exactly the order's amount, without the order's
// money.
func unpaidClaims() map[string]struct {
	edit    func(*sandbox.Payment)
	problem charge.Problem
} {
	return map[string]struct {
		edit    func(*sandbox.Payment)
		problem charge.Problem
	}{
		"a billing key was issued":           {withUsage(sandbox.UsageIssue), charge.KeyIssuing},
		"a key without a usage":              {withUsage(""), charge.KeyIssuing},
		"a usage that nobody knows":          {withUsage("verify"), charge.KeyIssuing},
		"a key was issued with a discount":   {both(withUsage(sandbox.UsageIssue), withDiscount("1")), charge.KeyIssuing},
		"a promotion paid nearly all":        {withDiscount("4999"), charge.Discounted},
		"a promotion paid one won":           {withDiscount("1"), charge.Discounted},
		"the money is held in escrow":        {func(p *sandbox.Payment) { p.Escrow = true }, charge.InEscrow},
		"another amount came to the account": {func(p *sandbox.Payment) { p.PayMethod, p.DepositHistory = "vbank", deposits("1") }, charge.WrongDeposit},
	}
}

func both(edits ...func(*sandbox.Payment)) func(*sandbox.Payment) {
	return func(p *sandbox.Payment) {
		for _, edit := range edits {
			edit(p)
		}
	}
}

// reporters are the callers that report a payment to the domain.
func reporters() map[string]func(w *world, order charge.Order, impUID string) {
	return map[string]func(w *world, order charge.Order, impUID string){
		"createPointTransaction": func(w *world, _ charge.Order, impUID string) {
			_, err := w.Charge(w.Context(), "minji", impUID)
			w.WantCode(err, apierror.PaymentMismatch)
		},
		"webhook":   func(w *world, _ charge.Order, impUID string) { w.MustSync(impUID) },
		"sweep":     func(w *world, o charge.Order, _ string) { w.mustSyncOrder(o) },
		"reconcile": func(w *world, _ charge.Order, impUID string) { w.mustApply(impUID) },
	}
}

func TestD0WhatSaysPaidWithoutTheOrdersMoneyIsNeverCredited(t *testing.T) {
	t.Parallel()
	for claim, paid := range unpaidClaims() {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				for _, report := range reporters() {
					order := w.OpenOrder("minji")
					impUID := w.Pay(order, paid.edit)
					report(w, order, impUID)
					report(w, order, impUID)
					w.WantProblem(impUID, paid.problem)
				}
				w.WantBalance("minji", 0)
			})
		})
	}
}

// TestD0ANoticeRacesAMutationForAKeyIssuingPayment has the owner and the webhook meet.
func TestD0ANoticeRacesAMutationForAKeyIssuingPayment(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"), withUsage(sandbox.UsageIssue))
		domaintest.Together(append(domaintest.Repeat(4, func() { w.SyncInRace(impUID) }),
			domaintest.Repeat(4, func() {
				if _, err := w.Charge(w.Context(), "minji", impUID); apierror.CodeOf(err) != apierror.PaymentMismatch {
					w.Errorf("got %v", err)
				}
			})...)...)
		w.WantBalance("minji", 0)
	})
}

// TestD0APaymentWithAKeyIsCredited: a recurring charge takes the money.
func TestD0APaymentWithAKeyIsCredited(t *testing.T) {
	t.Parallel()
	for _, usage := range []sandbox.Text{sandbox.UsagePayment, sandbox.UsageScheduled} {
		each(t, func(w *world) {
			w.MustSync(w.Pay(w.OpenOrder("minji"), withUsage(usage)))
			w.WantBalance("minji", domaintest.Full)
		})
	}
}

func TestD0AnOrderCanStillBePaidAfterAKeyWasIssued(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		w.MustSync(w.Pay(order, withUsage(sandbox.UsageIssue)))
		w.MustSync(w.Pay(order))
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestD0ACreditedPaymentThatTurnsOutToIssueAKeyIsListed, and its points stay: what became of the
// money is an operator's question.
func TestD0ACreditedPaymentThatTurnsOutToIssueAKeyIsListed(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.EditPayment(*credited.ImpUID, withUsage(sandbox.UsageIssue))
		w.MustSync(*credited.ImpUID)
		w.WantProblems(map[string]charge.Problem{*credited.ImpUID: charge.KeyIssuing})
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestS7ADiscountIsCreditedOnlyIfTheShopSaysSo(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.AcceptDiscounts = true
		w.MustSync(w.Pay(w.OpenOrder("minji"), withDiscount("4999")))
		w.WantBalance("minji", domaintest.Full)
		w.AcceptDiscounts = false
		w.MustSync(w.Pay(w.OpenOrder("minji"), withDiscount("4999")))
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestD0AKeyIssuingPaymentIsDecidedByAnOperator: on some providers its money was taken.
func TestD0AKeyIssuingPaymentIsDecidedByAnOperator(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		back, kept := w.Pay(w.OpenOrder("minji"), withUsage(sandbox.UsageIssue)), w.Pay(w.OpenOrder("minji"), withUsage(sandbox.UsageIssue))
		w.MustSync(back)
		w.MustSync(kept)
		w.MustResolve(domaintest.Decision(back, charge.RefundIt))
		w.MustResolve(domaintest.Decision(kept, charge.Ignore))
		w.WantProblems(nil)
		w.WantBalance("minji", 0)
	})
}

func deposits(won ...json.Number) (history []sandbox.Deposit) {
	for _, amount := range won {
		history = append(history, sandbox.Deposit{PGTID: "T", Amount: amount, DepositedAt: 1})
	}
	return history
}

func (w *world) mustSyncOrder(o charge.Order) {
	w.Helper()
	_, err := w.SyncOrder(w.Context(), domaintest.Webhook(), o.MerchantUID)
	w.Must(err)
}

// mustApply does what a reconciliation does with a payment.
func (w *world) mustApply(impUID string) {
	w.Helper()
	answer, err := w.FetchPayment(w.Context(), impUID)
	w.Must(err)
	_, err = w.ApplyPayment(w.Context(), domaintest.Webhook(), answer)
	w.Must(err)
}

// paidAt makes a payment one of that time, by the gateway's clock.
func paidAt(at time.Time) func(*sandbox.Payment) {
	return func(p *sandbox.Payment) { p.StartedAt, p.PaidAt = at.Unix(), at.Unix() }
}
