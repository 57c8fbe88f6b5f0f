package point_test

import (
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

func byService(sub string) point.Actor { return point.Actor{Kind: point.ActorService, ID: sub} }

func (w *world) spendAs(actor point.Actor, points int64, reference string) point.Transaction {
	w.Helper()
	line, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: points, Reference: reference, Actor: actor})
	w.Must(err)
	return line
}

func TestD12TwoServicesUseTheSameReference(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		shop, game := byService("shop"), byService("game")
		first, other := w.spendAs(shop, 100, "1001"), w.spendAs(game, 100, "1001")
		if first.ID == other.ID || first.Service != "shop" || w.spendAs(shop, 100, "1001").ID != first.ID {
			w.Fatalf("one line for two services: %+v, %+v", first, other)
		}
		w.WantBalance("minji", domaintest.Full-200)
		cancel := point.CancelSpendInput{UserID: "minji", Reference: "1001", Amount: 10, Cancellation: "c", Actor: game}
		line, err := w.CancelSpend(w.Context(), cancel)
		w.Must(err)
		if *line.ReversesID != other.ID {
			w.Fatalf("the other service's spend was cancelled")
		}
		cancel.Actor = domaintest.Sora()
		_, err = w.CancelSpend(w.Context(), cancel)
		w.WantCode(err, apierror.InvalidArgument)
		cancel.Service = "shop"
		line, err = w.CancelSpend(w.Context(), cancel)
		w.Must(err)
		if *line.ReversesID != first.ID {
			w.Fatalf("the wrong spend was cancelled")
		}
		cancel.Actor = game
		_, err = w.CancelSpend(w.Context(), cancel)
		w.WantCode(err, apierror.Forbidden)
		cancel = point.CancelSpendInput{UserID: "minji", Reference: "1001", Amount: 1, Cancellation: "d", Actor: byService("third")}
		_, err = w.CancelSpend(w.Context(), cancel)
		w.WantCode(err, apierror.NotFound)
	})
}

func TestD12ReferencesFromBeforeCountForEveryService(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.Must(w.DB.Exec("UPDATE wallets SET balance = balance - 100, seq = seq + 1").Error)
		w.Must(w.DB.Exec(`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, reference, description, created_at)
			SELECT 'old', user_id, 3, 'SPEND', -100, 5400, '1001', '', created_at FROM point_transactions WHERE kind = 'CHARGE'`).Error)
		w.Must(w.DB.Exec("UPDATE point_lots SET remaining = remaining - 100 WHERE kind = 'BONUS'").Error)
		w.Must(w.DB.Exec("INSERT INTO lot_uses SELECT 'old', id, 'USE', 100 FROM point_lots WHERE kind = 'BONUS'").Error)
		if line := w.spendAs(byService("shop"), 100, "1001"); line.ID != "old" {
			w.Fatalf("spent again: %+v", line)
		}
		_, err := w.CancelSpend(w.Context(), point.CancelSpendInput{UserID: "minji", Reference: "1001", Amount: 100, Cancellation: "c",
			Actor: byService("shop")})
		w.Must(err)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestD13AClawbackByHandMayLeaveDebt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		other := w.Charged()
		w.MustSpend(5000, "order-1")
		in := point.ClawbackInput{UserID: "minji", Amount: 5500, TransactionID: other.ID, Reference: "t-1", Reason: "PG사에서 환불", Actor: domaintest.Sora()}
		line, err := w.RecordClawback(w.Context(), in)
		w.Must(err)
		again, err := w.RecordClawback(w.Context(), in)
		w.Must(err)
		if line.ID != again.ID || line.Kind != point.KindClawback || *line.ReversesID != other.ID || line.Actor != domaintest.Sora() {
			w.Fatalf("unexpected line %+v", line)
		}
		domaintest.WantPoints(w.T, "the charge's own lot", w.LotRemaining(other), 0)
		w.WantBalance("minji", 500)
		in.TransactionID, in.Reference, in.Amount = "", "t-2", 1000
		_, err = w.RecordClawback(w.Context(), in)
		w.Must(err)
		w.WantBalance("minji", -500)
		in.Actor = domaintest.Minji()
		_, err = w.RecordClawback(w.Context(), in)
		w.WantCode(err, apierror.Forbidden)
		in.Actor, in.TransactionID, in.UserID, in.Reference = domaintest.Sora(), credited.ID, "junho", "t-3"
		_, err = w.RecordClawback(w.Context(), in)
		w.WantCode(err, apierror.NotFound)
	})
}

func (w *world) reverse(line point.Transaction, allowDebt bool) (point.Transaction, error) {
	return w.ReverseAdjustment(w.Context(), point.ReverseAdjustmentInput{TransactionID: line.ID, AllowDebt: allowDebt, Reason: "착오", Actor: domaintest.Sora()})
}

func TestD13WhatAnAdjustmentTookGoesBackToItsLots(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		taken := w.Give(-domaintest.Full, "ticket-1")
		undone, err := w.reverse(taken, false)
		w.Must(err)
		again, err := w.reverse(taken, false)
		w.Must(err)
		if undone.ID != again.ID || undone.Amount != domaintest.Full {
			w.Fatalf("unexpected line %+v", undone)
		}
		domaintest.WantPoints(w.T, "paid points", w.LotRemaining(credited), 5000)
		domaintest.WantPoints(w.T, "bonus points", w.BonusLot(credited).Remaining, 500)
		w.MustRefund(domaintest.RefundOf(credited, 5000, "r-1")) // as if nothing had happened
		_, err = w.reverse(undone, false)
		w.WantCode(err, apierror.NotFound)
	})
}

func TestD13WhatAnAdjustmentGaveIsTaken(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		first, second := w.Give(300, "a"), w.Give(300, "b")
		_, err := w.reverse(second, false)
		w.Must(err)
		domaintest.WantPoints(w.T, "the other gift", w.LotRemaining(first), 300)
		w.MustSpend(200, "order-1")
		_, err = w.reverse(first, false)
		w.WantCode(err, apierror.InsufficientPoints)
		w.WantBalance("minji", 100)
		_, err = w.reverse(first, true)
		w.Must(err)
		w.WantBalance("minji", -200)
		_, err = w.reverse(first, false) // the same line, and no second one
		w.Must(err)
		third, gone := w.Give(500, "c"), w.give("junho", 500) // the third repays the debt
		clock.Pass(366 * domaintest.Day)
		_, err = w.reverse(third, true) // takes what repaid the debt; the rest has expired
		w.Must(err)
		w.WantBalance("minji", -200)
		_, err = w.reverse(gone, true)
		w.WantCode(err, apierror.InvalidArgument)
	})
}

func TestD16ReturnedPointsLiveAsLongAsReturnedPointsDo(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock, _ := w.Expiring()
		w.MustSpend(500, "order-1")
		clock.Pass(10*domaintest.Day - time.Second)
		_, err := w.GiveBack("order-1", 250, "c-1")
		w.Must(err)
		clock.Pass(2 * time.Second)
		w.WantSpendable(5250)
		_, err = w.GiveBack("order-1", 250, "c-2")
		w.Must(err)
		w.WantSpendable(domaintest.Full)
	})
}

func TestD16AdjustSaysItsRange(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for name, in := range map[string]point.AdjustInput{
			"amount must be from -1000000000 to 1000000000 points, and not 0.":      domaintest.Adjustment(0, "r"),
			"amount must be from -1000000000 to 1000000000 points.":                 domaintest.Adjustment(point.MaxAmount+1, "r"),
			"userId must be 1 to 128 characters of printable ASCII without spaces.": {UserID: "민지", Amount: 1, Reference: "r", Reason: "r", Actor: domaintest.Sora()},
			"reason must be 1 to 200 printable characters.":                         {UserID: "minji", Amount: 1, Reference: "r", Actor: domaintest.Sora()},
		} {
			_, err := w.Adjust(w.Context(), in)
			if want := "INVALID_ARGUMENT: " + name; err == nil || err.Error() != want {
				w.Errorf("%v, want %s", err, want)
			}
		}
	})
}

func TestD18LivesAreCalendarYearsInSeoul(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct{ from, until string }{
		"5y":   {"2026-03-01T09:00:00Z", "2031-03-01T15:00:00Z"},
		"1y":   {"2026-12-31T15:30:00Z", "2028-01-01T15:00:00Z"}, // 2027-01-01 in Seoul
		"4y":   {"2024-02-29T00:00:00Z", "2028-02-29T15:00:00Z"},
		"2y":   {"2024-02-29T00:00:00Z", "2026-03-01T15:00:00Z"},
		"365d": {"2026-03-01T09:00:00Z", "2027-03-01T09:00:00Z"},
	} {
		from, _ := time.Parse(time.RFC3339, c.from)
		life, err := point.ParseLifetime(text)
		if got := life.From(from).Format(time.RFC3339); err != nil || got != c.until || life.String() != text {
			t.Errorf("%s from %s is until %s, %v, want %s", text, c.from, got, err, c.until)
		}
	}
	for _, text := range []string{"", "y", "5", "0y", "-1y", "+5y", "101y", "36501d", "5 y", "1.5y", "5h", "5Y"} {
		if life, err := point.ParseLifetime(text); apierror.CodeOf(err) != apierror.InvalidArgument {
			t.Errorf("%q is %v, %v", text, life, err)
		}
	}
}

func TestAReversalWithoutDebtLeavesWhatARefundHolds(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		given := w.Give(300, "a")
		credited := w.Charged()
		w.MustSpend(300, "order-1")
		w.Must(w.DB.Exec("UPDATE point_lots SET held = remaining WHERE transaction_id IN (SELECT id FROM point_transactions WHERE imp_uid = ?)",
			credited.ImpUID).Error)
		defer func() { w.Must(w.DB.Exec("UPDATE point_lots SET held = 0").Error) }()
		_, err := w.reverse(given, false)
		w.WantCode(err, apierror.InsufficientPoints)
		w.WantBalance("minji", domaintest.Full)
		_, err = w.reverse(given, true)
		w.Must(err)
		w.WantBalance("minji", domaintest.Full-300)
	})
}

func TestAClawbackByHandMakesNoDebtorOfAnUnknownUser(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		in := point.ClawbackInput{UserID: "minij", Amount: 100, Reference: "t-1", Reason: "PG사에서 환불", Actor: domaintest.Sora()}
		_, err := w.RecordClawback(w.Context(), in)
		w.WantCode(err, apierror.NotFound)
		domaintest.WantPoints(w.T, "wallets", w.Count("wallets", "user_id = 'minij'"), 0)
	})
}
