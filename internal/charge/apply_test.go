package charge_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
)

// told is a gateway that answers what it is told to: apply must cope with answers in any order,
// which the sandbox, having only one present, cannot give.
type told struct{ answers []charge.Payment }

func (g *told) Payment(context.Context, string) (charge.Payment, error) {
	answer := g.answers[0]
	g.answers = g.answers[1:]
	return answer, nil
}
func (g *told) Payments(context.Context, string) ([]charge.Payment, error) { return g.answers, nil }
func (g *told) PaymentList(context.Context, charge.Listing) (charge.PaymentPage, error) {
	return charge.PaymentPage{}, nil
}
func (g *told) Prepare(context.Context, string, int64, string) error { return nil }
func (g *told) Cancel(context.Context, charge.Cancel) (charge.Payment, error) {
	return g.Payment(context.Background(), "")
}
func (g *told) IssueVirtualAccount(context.Context, charge.AccountOrder) (charge.Payment, error) {
	return g.Payment(context.Background(), "")
}
func (g *told) RevokeVirtualAccount(context.Context, string) (charge.Payment, error) {
	return g.Payment(context.Background(), "")
}

// TestApplyConverges feeds the answers in random orders with repeats. Once "paid" was seen before
// any cancellation, the books are the same whatever else came and when.
func TestApplyConverges(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		random := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, db, "sandbox")
		gateway := &told{}
		w.Gateway = gateway
		for round := range 30 {
			user := fmt.Sprintf("user-%d", round)
			order := w.OpenOrder(user)
			steps := domaintest.PaymentHistory(order)
			for i := range steps {
				steps[i].ImpUID = fmt.Sprintf("imp_%d", round)
			}
			rest := append(append([]charge.Payment{}, steps...), steps...)
			random.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
			gateway.answers = append([]charge.Payment{steps[2]}, rest...)
			for len(gateway.answers) > 0 {
				_, err := w.Sync(t.Context(), domaintest.Webhook(), steps[0].ImpUID)
				w.Must(err)
			}
			w.WantBalance(user, 0)
			w.WantProblem(steps[0].ImpUID, charge.NoProblem)
			got, err := w.Order(t.Context(), user, order.MerchantUID)
			w.Must(err)
			if got.Status != charge.OrderCancelled {
				t.Fatalf("round %d: order is %s", round, got.Status)
			}
		}
	})
}

func TestAStaleAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		steps := domaintest.PaymentHistory(w.OpenOrder("minji"))
		w.Gateway = &told{answers: []charge.Payment{steps[2], steps[4], steps[2], steps[0]}}
		for range 4 {
			_, err := w.Sync(w.Context(), domaintest.Webhook(), "imp_1")
			w.Must(err)
		}
		var p charge.Payment
		w.Must(w.DB.Where("imp_uid = ?", "imp_1").Take(&p).Error)
		if p.Status != charge.Cancelled || p.CancelledAmount != 5000 {
			w.Fatalf("a stale answer was written: %+v", p)
		}
	})
}

func TestAPaymentIsOfOneOrderForLife(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		first, second := domaintest.PaymentHistory(w.OpenOrder("minji")), domaintest.PaymentHistory(w.OpenOrder("minji"))
		w.Gateway = &told{answers: []charge.Payment{first[2], second[2]}}
		_, err := w.Charge(w.Context(), "minji", "imp_1")
		w.Must(err)
		_, err = w.Charge(w.Context(), "minji", "imp_1")
		w.WantCode(err, apierror.GatewayUnavailable)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestAnAnswerAboutAnotherPaymentIsNotBelieved(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		steps := domaintest.PaymentHistory(w.OpenOrder("minji"))
		w.Gateway = &told{answers: []charge.Payment{steps[2]}}
		_, err := w.Charge(w.Context(), "minji", "imp_2")
		w.WantCode(err, apierror.GatewayUnavailable)
		w.WantBalance("minji", 0)
	})
}

// TestCancelsAreBookedInAnyOrder tells of two cancellations, then of the earlier one alone, then
// of three.
func TestCancelsAreBookedInAnyOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		paid := domaintest.PaymentHistory(w.OpenOrder("minji"))[2]
		answer := func(ids ...string) charge.Payment {
			p := paid
			for _, id := range ids {
				p.Status, p.CancelledAmount = charge.Cancelled, p.CancelledAmount+1000
				p.Cancellations = append(p.Cancellations, charge.Cancellation{ID: id, Amount: 1000})
			}
			return p
		}
		w.Gateway = &told{answers: []charge.Payment{paid, answer("b", "a"), answer("b"), answer("a", "c", "b"), paid}}
		for range 5 {
			w.MustSync("imp_1")
		}
		w.WantBalance("minji", domaintest.Full-3300)
	})
}

// TestACancelHistoryThatDoesNotAddUpIsKeptAsAProblem books what is beyond doubt and nothing else,
// and everything once the answers are right again.
func TestACancelHistoryThatDoesNotAddUpIsKeptAsAProblem(t *testing.T) {
	t.Parallel()
	one := func(id string, amount int64) charge.Cancellation { return charge.Cancellation{ID: id, Amount: amount} }
	for name, c := range map[string]struct {
		history []charge.Cancellation
		booked  int64
	}{
		"none yet":        {nil, 0},
		"one is missing":  {[]charge.Cancellation{one("a", 1000)}, 1000},
		"more than said":  {[]charge.Cancellation{one("a", 1000), one("b", 1001)}, 0},
		"without an id":   {[]charge.Cancellation{one("", 2000)}, 0},
		"the same twice":  {[]charge.Cancellation{one("a", 1000), one("a", 1000)}, 0},
		"one of nothing":  {[]charge.Cancellation{one("a", 2000), one("b", 0)}, 0},
		"one that repays": {[]charge.Cancellation{one("a", 3000), one("b", -1000)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				paid := domaintest.PaymentHistory(w.OpenOrder("minji"))[2]
				wrong := paid
				wrong.Status, wrong.CancelledAmount, wrong.Cancellations = charge.Cancelled, 2000, c.history
				right := wrong
				right.Cancellations = []charge.Cancellation{one("a", 1000), one("z", 1000)}
				w.Gateway = &told{answers: []charge.Payment{paid, wrong, wrong, right}}
				for range 3 {
					w.MustSync("imp_1")
				}
				w.WantProblem("imp_1", charge.WrongCancellations)
				w.WantBalance("minji", domaintest.Full-c.booked*11/10)
				w.MustSync("imp_1")
				w.WantProblem("imp_1", charge.NoProblem)
				w.WantBalance("minji", domaintest.Full-2200)
			})
		})
	}
}

func TestACancellationThatTakesAnothersPlaceIsNotBooked(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorld(t, db, "sandbox")
		first := domaintest.PaymentHistory(w.OpenOrder("minji"))[3]
		changed := first
		changed.Cancellations = []charge.Cancellation{{ID: "another", Amount: 1000}}
		w.Gateway = &told{answers: []charge.Payment{first, changed}}
		w.MustSync("imp_1")
		w.MustSync("imp_1")
		w.WantBalance("minji", domaintest.Full-1100)
	})
}
