package point_test

import (
	"encoding/json"
	"strconv"
	"sync"
	"testing"
	"time"

	"pointcharge/internal/point"
)

const day = 24 * time.Hour

// clock is a time that only moves when a test says so.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// stopClock gives the domain a clock that stands still.
func (w *world) stopClock() *clock {
	c := &clock{at: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	w.Now = c.now
	return c
}

// spend takes points of minji's.
func (w *world) spend(points int64, reference string) point.Transaction {
	w.Helper()
	line, err := w.Spend(w.Context(), point.SpendInput{UserID: "minji", Amount: points, Reference: reference})
	w.must(err)
	return line
}

func (w *world) cancelSpend(reference string, points int64, cancellation string) (point.Transaction, error) {
	return w.CancelSpend(w.Context(), point.CancelSpendInput{UserID: "minji", Reference: reference, Amount: points, Cancellation: cancellation})
}

// give adjusts minji's points by an operator's hand.
func (w *world) give(points int64, reference string) point.Transaction {
	w.Helper()
	line, err := w.Adjust(w.Context(), adjustment(points, reference))
	w.must(err)
	return line
}

func adjustment(points int64, reference string) point.AdjustInput {
	return point.AdjustInput{UserID: "minji", Amount: points, Reference: reference, Reason: "사과", Operator: "sora"}
}

// consoleCancel takes back won at Iamport's console and lets the books follow.
func (w *world) consoleCancel(impUID string, won int64) {
	w.Helper()
	w.must(w.gateway.Cancel(impUID, json.Number(strconv.FormatInt(won, 10))))
	w.sync(impUID)
}

func (w *world) sync(impUID string) point.Payment {
	w.Helper()
	p, err := w.Sync(w.Context(), impUID)
	w.must(err)
	return p
}

func (w *world) wallet() point.Wallet {
	w.Helper()
	wallet, err := w.Wallet(w.Context(), "minji")
	w.must(err)
	return wallet
}

func (w *world) wantSpendable(points int64) {
	w.Helper()
	if got := w.wallet().Spendable; got != points {
		w.Fatalf("%d points can be spent, want %d", got, points)
	}
}

// left is what remains in the lot that a line made.
func (w *world) left(line point.Transaction) int64 {
	w.Helper()
	return w.lot("transaction_id = ?", line.ID).Remaining
}

// bonusLot is the bonus lot of a charge.
func (w *world) bonusLot(charge point.Transaction) point.Lot {
	w.Helper()
	return w.lot("transaction_id = (SELECT id FROM point_transactions WHERE kind = 'BONUS' AND imp_uid = ?)", charge.ImpUID)
}

func (w *world) lot(where string, args ...any) point.Lot {
	w.Helper()
	var lot point.Lot
	w.must(w.DB.Where(where, args...).Take(&lot).Error)
	return lot
}

// wantUses fails unless the line touched lots of those kinds by those amounts, in that order of amounts.
func (w *world) wantUses(line point.Transaction, want map[string]int64) {
	w.Helper()
	var uses []point.LotUse
	w.must(w.DB.Where("transaction_id = ?", line.ID).Find(&uses).Error)
	got := map[string]int64{}
	for _, use := range uses {
		got[use.LotID+" "+string(use.Reason)] += use.Amount
	}
	if len(got) != len(want) {
		w.Fatalf("the line touched %v, want %v", got, want)
	}
	for key, amount := range want {
		if got[key] != amount {
			w.Fatalf("the line touched %v, want %v", got, want)
		}
	}
}

// wantHistory fails unless minji's lines, oldest first, are these.
func (w *world) wantHistory(want ...string) {
	w.Helper()
	var lines []point.Transaction
	w.must(w.DB.Where("user_id = ?", "minji").Order("seq").Find(&lines).Error)
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

// chargeBuying charges an order of minji's for a product of that price, points and bonus.
func chargeBuying(w *world, price, points, bonus int64) point.Transaction {
	w.Helper()
	p := point.Product{ID: "odd", Name: "포인트", Price: price, Points: points, BonusPoints: bonus, Active: true}
	_, err := w.UpsertProduct(w.Context(), p)
	w.must(err)
	order, err := w.Open(w.Context(), "minji", p.ID, point.PayByCard)
	w.must(err)
	line, err := w.Charge(w.Context(), "minji", w.pay(order))
	w.must(err)
	return line
}

func wantPoints(t *testing.T, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, want %d", what, got, want)
	}
}
