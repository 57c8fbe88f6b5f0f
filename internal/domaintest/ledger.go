package domaintest

import (
	"strconv"
	"testing"

	"pointcharge/internal/point"
)

// Full is the number of points of a charge of Product, bonus included.
const Full = 5500

// Expiring charges an order with a bonus of ten days' life.
func (w *World) Expiring() (*Clock, point.Transaction) {
	w.Helper()
	clock := w.StopClock()
	w.Lifetimes = point.Lifetimes{Bonus: point.Days(10)}
	return clock, w.Charged()
}

func (w *World) ExpireDue(limit int) int {
	w.Helper()
	n, err := w.Expire(w.Context(), limit)
	w.Must(err)
	return n
}

// WantOneCharge fails unless the payment is credited, once.
func (w *World) WantOneCharge(impUID string) {
	w.Helper()
	w.WantBalance("minji", Full)
	if n := w.Count("point_transactions", "kind = 'CHARGE' AND imp_uid = ?", impUID); n != 1 {
		w.Fatalf("credited %d times", n)
	}
}

// MustSpend takes points of minji's.
func (w *World) MustSpend(points int64, reference string) point.Transaction {
	w.Helper()
	line, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: points, Reference: reference, Actor: Minji()})
	w.Must(err)
	return line
}

func (w *World) GiveBack(reference string, points int64, cancellation string) (point.Transaction, error) {
	return w.CancelSpend(w.Context(), point.CancelSpendInput{UserID: "minji", Reference: reference, Amount: points, Cancellation: cancellation, Actor: Minji()})
}

// Give adjusts minji's points by an operator's hand.
func (w *World) Give(points int64, reference string) point.Transaction {
	w.Helper()
	line, err := w.Adjust(w.Context(), Adjustment(points, reference))
	w.Must(err)
	return line
}

func Adjustment(points int64, reference string) point.AdjustInput {
	return point.AdjustInput{UserID: "minji", Amount: points, Reference: reference, Reason: "사과", Actor: Sora()}
}

func (w *World) MustWallet() point.Wallet {
	w.Helper()
	wallet, err := w.Wallet(w.Context(), "minji")
	w.Must(err)
	return wallet
}

func (w *World) WantSpendable(points int64) {
	w.Helper()
	if got := w.MustWallet().Spendable; got != points {
		w.Fatalf("%d points can be spent, want %d", got, points)
	}
}

// LotRemaining returns the points that remain in a line's lot.
func (w *World) LotRemaining(line point.Transaction) int64 {
	w.Helper()
	return w.LotWhere("transaction_id = ?", line.ID).Remaining
}

// BonusLot is the bonus lot of a charge.
func (w *World) BonusLot(credited point.Transaction) point.Lot {
	w.Helper()
	return w.LotWhere("transaction_id = (SELECT id FROM point_transactions WHERE kind = 'BONUS' AND imp_uid = ?)", credited.ImpUID)
}

func (w *World) LotWhere(where string, args ...any) point.Lot {
	w.Helper()
	var lot point.Lot
	w.Must(w.DB.Where(where, args...).Take(&lot).Error)
	return lot
}

// WantHistory fails unless minji's lines, oldest first, equal want.
func (w *World) WantHistory(want ...string) {
	w.Helper()
	var lines []point.Transaction
	w.Must(w.DB.Where("user_id = ?", "minji").Order("seq").Find(&lines).Error)
	var got []string
	for _, l := range lines {
		got = append(got, string(l.Kind)+" "+strconv.FormatInt(l.Amount, 10))
	}
	if len(got) != len(want) {
		w.Fatalf("the lines are %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			w.Fatalf("the lines are %v, want %v", got, want)
		}
	}
}

func WantPoints(t *testing.T, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, want %d", what, got, want)
	}
}
