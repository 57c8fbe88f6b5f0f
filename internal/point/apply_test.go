package point_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/point"
)

// told is a gateway that answers what it is told to: apply must cope with answers in any order, which
// the sandbox, having only one present, cannot give.
type told struct{ answers []point.Payment }

func (g *told) Payment(context.Context, string) (point.Payment, error) {
	answer := g.answers[0]
	g.answers = g.answers[1:]
	return answer, nil
}
func (g *told) Payments(context.Context, string) ([]point.Payment, error) { return g.answers, nil }
func (g *told) PaymentList(context.Context, point.Listing) (point.PaymentPage, error) {
	return point.PaymentPage{}, nil
}
func (g *told) Prepare(context.Context, string, int64, string) error { return nil }
func (g *told) Cancel(context.Context, point.Cancel) (point.Payment, error) {
	return g.Payment(context.Background(), "")
}
func (g *told) IssueVirtualAccount(context.Context, point.AccountOrder) (point.Payment, error) {
	return g.Payment(context.Background(), "")
}
func (g *told) RevokeVirtualAccount(context.Context, string) (point.Payment, error) {
	return g.Payment(context.Background(), "")
}

// history is the life of one payment, each answer as the gateway would have given it at that moment.
func history(o point.Order) []point.Payment {
	p := point.Payment{ImpUID: "imp_1", MerchantUID: o.MerchantUID, Amount: o.Price, Currency: "KRW", Sandbox: true}
	var out []point.Payment
	for _, step := range []struct {
		status    point.PaymentStatus
		cancelled int64
	}{{point.Ready, 0}, {point.Failed, 0}, {point.Paid, 0}, {point.Cancelled, 1000}, {point.Cancelled, 5000}} {
		if more := step.cancelled - p.CancelledAmount; more > 0 {
			p.Cancellations = append(slices.Clone(p.Cancellations), point.Cancellation{ID: fmt.Sprint("can_", step.cancelled), Amount: more})
		}
		p.Status, p.CancelledAmount = step.status, step.cancelled
		out = append(out, p)
	}
	return out
}

// TestApplyConverges feeds the answers in random orders with repeats. Once "paid" was seen before any
// cancellation, the books are the same whatever else came and when.
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
			order := w.order(user)
			steps := history(order)
			for i := range steps {
				steps[i].ImpUID = fmt.Sprintf("imp_%d", round)
			}
			rest := append(append([]point.Payment{}, steps...), steps...)
			random.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
			gateway.answers = append([]point.Payment{steps[2]}, rest...)
			for len(gateway.answers) > 0 {
				_, err := w.Sync(t.Context(), steps[0].ImpUID)
				w.must(err)
			}
			w.wantBalance(user, 0)
			w.wantProblem(steps[0].ImpUID, point.NoProblem)
			got, err := w.Order(t.Context(), user, order.MerchantUID)
			w.must(err)
			if got.Status != point.OrderCancelled {
				t.Fatalf("round %d: order is %s", round, got.Status)
			}
		}
	})
}

func TestAStaleAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		steps := history(w.order("minji"))
		w.Gateway = &told{answers: []point.Payment{steps[2], steps[4], steps[2], steps[0]}}
		for range 4 {
			_, err := w.Sync(w.Context(), "imp_1")
			w.must(err)
		}
		var p point.Payment
		w.must(w.DB.Where("imp_uid = ?", "imp_1").Take(&p).Error)
		if p.Status != point.Cancelled || p.CancelledAmount != 5000 {
			w.Fatalf("a stale answer was written: %+v", p)
		}
	})
}

func TestAPaymentIsOfOneOrderForLife(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		first, second := history(w.order("minji")), history(w.order("minji"))
		w.Gateway = &told{answers: []point.Payment{first[2], second[2]}}
		_, err := w.Charge(w.Context(), "minji", "imp_1")
		w.must(err)
		_, err = w.Charge(w.Context(), "minji", "imp_1")
		w.wantCode(err, point.GatewayUnavailable)
		w.wantBalance("minji", full)
	})
}

func TestAnAnswerAboutAnotherPaymentIsNotBelieved(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		steps := history(w.order("minji"))
		w.Gateway = &told{answers: []point.Payment{steps[2]}}
		_, err := w.Charge(w.Context(), "minji", "imp_2")
		w.wantCode(err, point.GatewayUnavailable)
		w.wantBalance("minji", 0)
	})
}

// TestCancelsAreBookedInAnyOrder tells of two cancellations, then of the earlier one alone, then of three.
func TestCancelsAreBookedInAnyOrder(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		paid := history(w.order("minji"))[2]
		answer := func(ids ...string) point.Payment {
			p := paid
			for _, id := range ids {
				p.Status, p.CancelledAmount = point.Cancelled, p.CancelledAmount+1000
				p.Cancellations = append(p.Cancellations, point.Cancellation{ID: id, Amount: 1000})
			}
			return p
		}
		w.Gateway = &told{answers: []point.Payment{paid, answer("b", "a"), answer("b"), answer("a", "c", "b"), paid}}
		for range 5 {
			w.sync("imp_1")
		}
		w.wantBalance("minji", full-3300)
	})
}

// TestACancelHistoryThatDoesNotAddUpIsKeptAsAProblem books what is beyond doubt and nothing else, and everything
// once the answers are right again.
func TestACancelHistoryThatDoesNotAddUpIsKeptAsAProblem(t *testing.T) {
	t.Parallel()
	one := func(id string, amount int64) point.Cancellation { return point.Cancellation{ID: id, Amount: amount} }
	for name, c := range map[string]struct {
		history []point.Cancellation
		booked  int64
	}{
		"none yet":        {nil, 0},
		"one is missing":  {[]point.Cancellation{one("a", 1000)}, 1000},
		"more than said":  {[]point.Cancellation{one("a", 1000), one("b", 1001)}, 0},
		"without an id":   {[]point.Cancellation{one("", 2000)}, 0},
		"the same twice":  {[]point.Cancellation{one("a", 1000), one("a", 1000)}, 0},
		"one of nothing":  {[]point.Cancellation{one("a", 2000), one("b", 0)}, 0},
		"one that repays": {[]point.Cancellation{one("a", 3000), one("b", -1000)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				paid := history(w.order("minji"))[2]
				wrong := paid
				wrong.Status, wrong.CancelledAmount, wrong.Cancellations = point.Cancelled, 2000, c.history
				right := wrong
				right.Cancellations = []point.Cancellation{one("a", 1000), one("z", 1000)}
				w.Gateway = &told{answers: []point.Payment{paid, wrong, wrong, right}}
				for range 3 {
					w.sync("imp_1")
				}
				w.wantProblem("imp_1", point.WrongCancellations)
				w.wantBalance("minji", full-c.booked*11/10)
				w.sync("imp_1")
				w.wantProblem("imp_1", point.NoProblem)
				w.wantBalance("minji", full-2200)
			})
		})
	}
}

func TestACancellationThatTakesAnothersPlaceIsNotBooked(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorld(t, db, "sandbox")
		first := history(w.order("minji"))[3]
		changed := first
		changed.Cancellations = []point.Cancellation{{ID: "another", Amount: 1000}}
		w.Gateway = &told{answers: []point.Payment{first, changed}}
		w.sync("imp_1")
		w.sync("imp_1")
		w.wantBalance("minji", full-1100)
	})
}
