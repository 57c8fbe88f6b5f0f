package point_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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
func (g *told) Prepare(context.Context, string, int64, string) error      { return nil }

// history is the life of one payment, each answer as the gateway would have given it at that moment.
func history(o point.Order) []point.Payment {
	p := point.Payment{ImpUID: "imp_1", MerchantUID: o.MerchantUID, Amount: o.Price, Currency: "KRW", Sandbox: true}
	var out []point.Payment
	for _, step := range []struct {
		status    point.PaymentStatus
		cancelled int64
	}{{point.Ready, 0}, {point.Failed, 0}, {point.Paid, 0}, {point.Cancelled, 1000}, {point.Cancelled, 5000}} {
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
			w.wantBalance(user, full)
			w.wantProblem(steps[0].ImpUID, point.CancelledAfterCharge)
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
