package charge

import (
	"context"
	"sort"
	"time"

	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// RefundQuote says what a refund of a charge would come to.
type RefundQuote struct {
	Amount       int64  // won: the most that can be refunded; 0 when nothing can
	Points       int64  // what that would take back, with its share of the bonus
	NeedsAccount bool   // the money goes to a bank account, which the refund must name
	Reason       string // why not more, for people; empty when all of the payment can be refunded
}

const refundUnderWay = "A refund of this charge is under way."

// RefundQuote says beforehand what by could refund of a charge now, and why not more. It refuses with
// InvalidArgument and NotFound.
func (s *Service) RefundQuote(ctx context.Context, actor point.Actor, transactionID string) (RefundQuote, error) {
	charge, err := s.findCharge(ctx, actor, transactionID)
	if err != nil {
		return RefundQuote{}, err
	}
	order, err := database.FindOne[Order](ctx, s.db, "order", "merchant_uid = ?", charge.Reference)
	if err != nil {
		return RefundQuote{}, err
	}
	payment, err := database.FindOne[Payment](ctx, s.db, "payment", "imp_uid = ?", charge.ImpUID)
	if err != nil {
		return RefundQuote{}, err
	}
	if _, open, err := findOpenRefund(s.db.WithContext(ctx), payment.ImpUID); err != nil {
		return RefundQuote{}, err
	} else if open {
		return RefundQuote{NeedsAccount: payment.needsAccount(), Reason: refundUnderWay}, nil
	}
	own, err := point.ChargeLots(s.db.WithContext(ctx), payment.ImpUID)
	b := paymentState{order: order, payment: payment, line: &charge}
	return b.quote(own, s.points.CurrentTime(), actor), err
}

// quote is the rule of refunds: only points that are still in the charge's own lots can go back, each won with
// its share of the bonus. Owners besides must come within the window and have used nothing.
func (b *paymentState) quote(own []point.Lot, now time.Time, actor point.Actor) RefundQuote {
	left, cancelled := int64(0), b.payment.CancelledAmount
	for _, lot := range own {
		left += lot.Spendable(now)
	}
	points := func(won int) int64 {
		return b.order.pointsForCancelled(cancelled+int64(won)) - b.order.pointsForCancelled(cancelled)
	}
	all := int(b.payment.Amount - cancelled)
	q := RefundQuote{NeedsAccount: b.payment.needsAccount()}
	switch {
	case b.payment.Problem == WrongDeposit && !actor.IsOperator(): // what came besides is no part of the payment's amount
		q.Reason = "More than this payment was deposited to its account. Ask the shop."
	case b.payment.Problem != NoProblem && b.payment.Problem != WrongDeposit:
		q.Reason = "The gateway's cancellations of this payment do not add up. Ask the shop."
	case all == 0:
		q.Reason = "The payment is cancelled already."
	case !actor.IsOperator() && now.Sub(b.line.CreatedAt) > refundWindow:
		q.Reason = "It was charged more than seven days ago. Ask the shop."
	case !actor.IsOperator() && left < points(all):
		q.Reason = "Some of its points are used, held or expired. Ask the shop."
	default:
		most := sort.Search(all, func(won int) bool { return points(won+1) > left })
		q.Amount, q.Points = int64(most), points(most)
		if most < all {
			q.Reason = "The rest of its points are used, held or expired."
		}
	}
	return q
}

// needsAccount tells whether there is no card that the money could go back to (contract §1.6).
func (p Payment) needsAccount() bool { return p.PayMethod == "vbank" }
