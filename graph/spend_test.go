package graph_test

import (
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/point"
)

func TestASpendAnswersWithItsLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charged("minji")
	r := w.spend("minji", 1_200, "order-1")
	for field, want := range map[string]any{
		"kind": "SPEND", "amount": -1200.0, "balanceAfter": 3800.0, "impUid": nil, "order": nil, "reverses": nil, "description": "커피",
	} {
		w.want(r, want, "spendPoints", field)
	}
	w.wantWallet("minji", 3_800, 3_800, 0)
	w.wantAudited()
}

// The test follows a line to its lots, their lines and the payments that paid for them.
func TestASpendIsExplainedDownToItsCharges(t *testing.T) {
	t.Parallel()
	w := newBonusWorld(t, point.Days(10))
	_, first := w.chargedBy("minji")
	_, second := w.chargedBy("minji")
	sources := w.spend("minji", 6_500, "order-1").at("spendPoints", "sources")
	w.wantSet(pluck(sources, "amount"), 500.0, 500.0, 5000.0, 500.0) // each bonus first, then the older charge
	w.wantSet(pluck(sources, "reason"), "USE", "USE", "USE", "USE")
	w.wantSet(pluck(sources, "lot", "kind"), "BONUS", "BONUS", "PAID", "PAID")
	w.wantSet(pluck(sources, "lot", "remaining"), 0.0, 0.0, 0.0, 4500.0)
	w.wantSet(pluck(sources, "lot", "transaction", "kind"), "BONUS", "BONUS", "CHARGE", "CHARGE")
	w.wantSet(pluck(sources, "lot", "transaction", "impUid"), first, first, second, second)
}

// wantSet compares two lists in any order.
func (w *world) wantSet(got []any, want ...any) {
	w.Helper()
	count := map[any]int{}
	for _, v := range got {
		count[v]++
	}
	for _, v := range want {
		count[v]--
	}
	for _, n := range count {
		if n != 0 {
			w.Errorf("got %v, want %v in any order", got, want)
			return
		}
	}
}

func TestTooFewPointsNameThoseThereAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charged("minji")
	before := w.countRows()
	for _, r := range []reply{w.spend("minji", 5_001, "order-1"), w.adjust("minji", -5_001, "a1")} {
		w.wantCode(r, apierror.InsufficientPoints)
		if b := r.Errors[0].Extensions.Balance; b == nil || *b != 5_000 {
			t.Errorf("extensions.balance is not 5000: %s", r.text)
		}
	}
	if w.countRows() != before {
		t.Error("something was written")
	}
	r := w.spend("nobody-yet", 1, "order-1")
	if b := r.Errors[0].Extensions.Balance; b == nil || *b != 0 {
		t.Errorf("a new user's balance is not 0: %s", r.text)
	}
}

func TestOnlyTooFewPointsNameABalance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range []reply{w.spend("minji", 0, "r"), w.ask("minji", quoteRefund, "t", "none")} {
		if r.code() == "" || r.Errors[0].Extensions.Balance != nil {
			t.Errorf("got %s", r.text)
		}
	}
}

func TestTheSameReferenceSpendsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charged("minji")
	first := w.spend("minji", 1_000, "order-1")
	again := w.spend("minji", 1_000, "order-1")
	w.want(again, first.at("spendPoints", "id"), "spendPoints", "id")
	w.wantCode(w.spend("minji", 1_001, "order-1"), apierror.InvalidArgument)
	w.wantWallet("minji", 4_000, 4_000, 0)
}

func TestACancelledSpendGoesBackToItsLots(t *testing.T) {
	t.Parallel()
	w := newBonusWorld(t, point.Days(365))
	w.charged("minji")
	spend := w.spend("minji", 1_000, "order-1").at("spendPoints", "id")
	r := w.unspend("minji", 700, "order-1", "return-1")
	for field, want := range map[string]any{"kind": "SPEND_CANCEL", "amount": 700.0, "balanceAfter": 5200.0, "description": "반품"} {
		w.want(r, want, "cancelSpend", field)
	}
	w.want(r, spend, "cancelSpend", "reverses", "id")
	sources := r.at("cancelSpend", "sources")
	w.wantSet(pluck(sources, "reason"), "RETURN", "RETURN")
	w.wantSet(pluck(sources, "amount"), -500.0, -200.0)
	w.wantSet(pluck(sources, "lot", "kind"), "PAID", "BONUS") // what was used last comes back first
	w.want(w.unspend("minji", 700, "order-1", "return-1"), r.at("cancelSpend", "id"), "cancelSpend", "id")
	w.wantWallet("minji", 5_200, 5_200, 0)
	w.wantAudited()
}

// The bonus would have died in ten days: what comes back of it is a lot of its own, which lives
// thirty.
func TestACancelledSpendGivesPointsBackForThirtyDaysAtLeast(t *testing.T) {
	t.Parallel()
	w := newBonusWorld(t, point.Days(10))
	w.charged("minji")
	w.wantCode(w.spend("minji", 1_000, "order-1"), "")
	sources := w.unspend("minji", 700, "order-1", "return-1").at("cancelSpend", "sources")
	w.wantList(pluck(sources, "reason"), "RETURN")
	w.wantList(pluck(sources, "amount"), -500.0)
	w.wantList(pluck(sources, "lot", "kind"), "PAID")
	for days, want := range map[int][]any{29: {}, 30: {200.0}} {
		r := w.ask("minji", `query($d: Int!) { viewer { expiringPoints(withinDays: $d) { kind remaining } } }`, "d", days)
		w.wantList(pluck(r.at("viewer", "expiringPoints"), "remaining"), want...)
	}
	w.wantWallet("minji", 5_200, 5_200, 0)
	w.wantAudited()
}

func TestASpendIsNotCancelledBeyondItsAmount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charged("minji")
	w.wantCode(w.spend("minji", 1_000, "order-1"), "")
	w.wantCode(w.unspend("minji", 1_001, "order-1", "c1"), apierror.InvalidArgument)
	w.wantCode(w.unspend("minji", 600, "order-1", "c1"), "")
	w.wantCode(w.unspend("minji", 401, "order-1", "c2"), apierror.InvalidArgument)
	w.wantCode(w.unspend("minji", 400, "order-1", "c3"), "")
	w.wantWallet("minji", 5_000, 5_000, 0)
}

func TestASpendOfSomebodyElseIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charged("minji")
	w.wantCode(w.spend("minji", 1_000, "order-1"), "")
	w.wantCode(w.unspend("junho", 1_000, "order-1", "c1"), apierror.NotFound)
	w.wantCode(w.unspend("minji", 1_000, "order-2", "c1"), apierror.NotFound)
}

func TestPointsOfAnExpiredLotComeBackForThirtyDays(t *testing.T) {
	t.Parallel()
	clock := new(movableClock)
	w := newWorld(t, clock.set)
	w.wantCode(w.adjust("minji", 100, "a1"), "") // a bonus, which lives a year
	w.wantCode(w.spend("minji", 100, "order-1"), "")
	clock.pass(366 * day)
	w.want(w.unspend("minji", 100, "order-1", "c1"), 100.0, "cancelSpend", "balanceAfter")
	const within = `query($d: Int!) { viewer { expiringPoints(withinDays: $d) { initial remaining kind transaction { kind } } } }`
	w.wantList(pluck(w.ask("minji", within, "d", 29).at("viewer", "expiringPoints"), "remaining"))
	lots := w.ask("minji", within, "d", 30).at("viewer", "expiringPoints")
	w.wantList(pluck(lots, "remaining"), 100.0)
	w.wantList(pluck(lots, "transaction", "kind"), "SPEND_CANCEL")
	clock.pass(30*day + time.Second)
	w.wantWallet("minji", 0, 0, 0)
	w.wantAudited()
}

func TestAnAdjustmentGivesAndTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.adjust("minji", 300, "a1")
	for field, want := range map[string]any{"kind": "ADJUST", "amount": 300.0, "balanceAfter": 300.0, "description": "사과"} {
		w.want(r, want, "adjustPoints", field)
	}
	r = w.adjust("minji", -200, "a2")
	w.want(r, -200.0, "adjustPoints", "amount")
	w.wantList(pluck(r.at("adjustPoints", "sources"), "lot", "kind"), "BONUS")
	w.want(w.adjust("minji", -200, "a2"), r.at("adjustPoints", "id"), "adjustPoints", "id")
	w.wantCode(w.adjust("minji", 200, "a2"), apierror.InvalidArgument)
	w.wantWallet("minji", 100, 100, 0)
	w.wantAudited()
}
