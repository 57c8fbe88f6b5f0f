package graph_test

import (
	"strings"
	"sync"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// The test is the whole way of an owner who wants the money back.
func TestARefundFromTheQuoteToTheBalance(t *testing.T) {
	t.Parallel()
	w := newBonusWorld(t, point.Days(10))
	line, impUID := w.chargedBy("minji")
	quote := w.ask("minji", quoteRefund, "t", line)
	for field, want := range map[string]any{"amount": 5000.0, "points": 5500.0, "needsAccount": false, "reason": ""} {
		w.want(quote, want, "refundQuote", field)
	}
	r := w.refund(w.token("minji"), line, 5_000, "refund-1")
	for field, want := range map[string]any{"reference": "refund-1", "amount": 5000.0, "status": "DONE"} {
		w.want(r, want, "cancelPointTransaction", field)
	}
	w.wantWallet("minji", 0, 0, 0)
	if p, _ := w.gateway.Payment(impUID); p.CancelAmount != "5000" || p.CancelReason != "변심" {
		t.Errorf("at the gateway %s is cancelled for %q", p.CancelAmount, p.CancelReason)
	}
	w.wantAudited()
}

func TestTheLineOfARefundNamesItsCharge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line, impUID := w.chargedBy("minji")
	w.wantCode(w.refund(w.adminToken(), line, 2_000, "refund-1"), "")
	r := w.ask("minji", `{ viewer { pointTransactions(first: 5, kinds: CHARGE_CANCEL) { edges { node { `+lineFields+` } } } } }`)
	edges, _ := r.at("viewer", "pointTransactions", "edges").([]any)
	if len(edges) != 1 {
		t.Fatalf("got %s", r.text)
	}
	for field, want := range map[string]any{"amount": -2000.0, "balanceAfter": 3000.0, "impUid": impUID} {
		w.wantList(pluck(edges, "node", field), want)
	}
	w.wantList(pluck(edges, "node", "reverses", "id"), line)
	w.wantList(pluck(edges, "node", "order", "status"), "PARTIALLY_CANCELLED")
	quote := w.askAs(w.adminToken(), quoteRefund, "t", line)
	w.want(quote, 3000.0, "refundQuote", "amount")
	w.wantAudited()
}

func TestADoubleClickRefundsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	first := w.refund(w.token("minji"), line, 5_000, "refund-1")
	again := w.refund(w.token("minji"), line, 5_000, "refund-1")
	w.want(first, "DONE", "cancelPointTransaction", "status")
	if first.text != again.text {
		t.Errorf("the second click got another answer:\n%s\n%s", first.text, again.text)
	}
	if asked := w.cancelRequests(); asked != 1 {
		t.Errorf("the gateway was asked %d times", asked)
	}
	w.wantWallet("minji", 0, 0, 0)
}

func TestManyClicksAtOnceRefundOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	replies := make([]reply, 8)
	var clicking sync.WaitGroup
	for i := range replies {
		clicking.Go(func() { replies[i] = w.refund(w.token("minji"), line, 5_000, "refund-1") })
	}
	clicking.Wait()
	for _, r := range replies {
		w.want(r, replies[0].at("cancelPointTransaction", "id"), "cancelPointTransaction", "id")
	}
	if asked := w.cancelRequests(); asked != 1 {
		t.Errorf("the gateway was asked %d times", asked)
	}
	w.wantWallet("minji", 0, 0, 0)
	w.wantAudited()
}

func TestARefundsReferenceMeansOneInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	w.wantCode(w.refund(w.adminToken(), line, 1_000, "refund-1"), "")
	w.wantCode(w.refund(w.adminToken(), line, 1_001, "refund-1"), apierror.InvalidArgument)
	w.wantWallet("minji", 4_000, 4_000, 0)
}

// forbiddenRefunds are refunds that the rules forbid: what happened before, how much is asked, and
// why not.
func forbiddenRefunds() map[string]struct {
	happen func(w *world, c *movableClock, line string)
	won    int64
	why    string
} {
	return map[string]struct {
		happen func(w *world, c *movableClock, line string)
		won    int64
		why    string
	}{
		"more than was paid":  {func(*world, *movableClock, string) {}, 5_001, "Only 5000 won"},
		"a point of it spent": {func(w *world, _ *movableClock, _ string) { w.spend("minji", 1, "order-1") }, 5_000, "used"},
		"after seven days":    {func(_ *world, c *movableClock, _ string) { c.pass(8 * day) }, 5_000, "seven days"}, // and the rest of the day of the charge
		"less than 100 won":   {func(*world, *movableClock, string) {}, 99, "At least 100 won"},
		"refunded already": {func(w *world, _ *movableClock, line string) { w.refund(w.token("minji"), line, 5_000, "r0") }, 1,
			"cancelled already"},
	}
}

func TestRefundsThatTheRulesForbid(t *testing.T) {
	t.Parallel()
	for name, i := range forbiddenRefunds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := new(movableClock)
			w := newWorld(t, clock.set)
			line := w.charged("minji")
			i.happen(w, clock, line)
			before, asked := w.countRows(), w.cancelRequests()
			r := w.refund(w.token("minji"), line, i.won, "refund-1")
			if w.wantCode(r, apierror.RefundNotPossible); !strings.Contains(r.Errors[0].Message, i.why) {
				t.Errorf("it does not say why (%s): %s", i.why, r.text)
			}
			if w.countRows() != before || w.cancelRequests() != asked {
				t.Error("something was written, or the gateway asked")
			}
			w.wantAudited()
		})
	}
}

func TestAdminsRefundWhatOwnersCannot(t *testing.T) {
	t.Parallel()
	clock := new(movableClock)
	w := newWorld(t, clock.set)
	line := w.charged("minji")
	w.wantCode(w.spend("minji", 1_000, "order-1"), "")
	clock.pass(30 * day)
	own := w.ask("minji", quoteRefund, "t", line)
	w.want(own, 0.0, "refundQuote", "amount")
	if reason, _ := own.at("refundQuote", "reason").(string); !strings.Contains(reason, "seven days") {
		t.Errorf("it does not say why: %s", own.text)
	}
	w.want(w.askAs(w.adminToken(), quoteRefund, "t", line), 4000.0, "refundQuote", "amount")
	w.wantCode(w.refund(w.adminToken(), line, 4_001, "refund-1"), apierror.RefundNotPossible)
	w.want(w.refund(w.adminToken(), line, 4_000, "refund-2"), "DONE", "cancelPointTransaction", "status")
	w.wantWallet("minji", 0, 0, 0)
	w.wantAudited()
}

func TestOnlyChargesCanBeRefunded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charged("minji")
	spend, _ := w.spend("minji", 10, "order-1").at("spendPoints", "id").(string)
	w.wantCode(w.refund(w.adminToken(), spend, 10, "r"), apierror.NotFound)
	w.wantCode(w.askAs(w.adminToken(), quoteRefund, "t", spend), apierror.NotFound)
}

const toAccount = `mutation($t: ID!, $a: RefundAccountInput) { cancelPointTransaction(input:
	{transactionId: $t, amount: 5000, reference: "r", reason: "x", account: $a}) { status } }`

func TestAVirtualAccountsRefundNeedsAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	impUID := w.pay(w.order("minji"), func(p *sandbox.Payment) { p.PayMethod, p.VbankNum = "vbank", "110-123" })
	line := w.charge("minji", impUID).at("createPointTransaction", "id")
	w.want(w.ask("minji", quoteRefund, "t", line), true, "refundQuote", "needsAccount")
	w.wantCode(w.ask("minji", toAccount, "t", line), apierror.InvalidArgument)
	account := map[string]string{"holder": "김민지", "bank": "004", "number": "110123456789", "phone": "01012345678"}
	w.want(w.ask("minji", toAccount, "t", line, "a", account), "DONE", "cancelPointTransaction", "status")
}

func TestARefundWhileTheGatewayIsDownHoldsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	w.points.Gateway = unreachableGateway()
	w.wantCode(w.refund(w.token("minji"), line, 5_000, "refund-1"), apierror.GatewayUnavailable)
	w.wantWallet("minji", 5_000, 5_000, 0)
	w.wantAudited()
}
