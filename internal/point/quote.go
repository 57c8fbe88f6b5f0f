package point

import (
	"context"
	"sort"
	"time"
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
func (s *Service) RefundQuote(ctx context.Context, transactionID, by string, admin bool) (RefundQuote, error) {
	charge, err := s.charge(ctx, transactionID, by, admin)
	if err != nil {
		return RefundQuote{}, err
	}
	order, err := one[Order](ctx, s.DB, "order", "merchant_uid = ?", charge.Reference)
	if err != nil {
		return RefundQuote{}, err
	}
	payment, err := one[Payment](ctx, s.DB, "payment", "imp_uid = ?", charge.ImpUID)
	if err != nil {
		return RefundQuote{}, err
	}
	if _, open, err := openRefund(s.DB.WithContext(ctx), payment.ImpUID); err != nil {
		return RefundQuote{}, err
	} else if open {
		return RefundQuote{NeedsAccount: payment.needsAccount(), Reason: refundUnderWay}, nil
	}
	own, err := chargeLots(s.DB.WithContext(ctx), charge)
	b := books{order: order, payment: payment, line: &charge}
	return b.quote(own, s.now(), admin), err
}

// quote is the rule of refunds: only points that are still in the charge's own lots can go back, each won with
// its share of the bonus. Owners besides must come within the window and have used nothing.
func (b *books) quote(own []Lot, now time.Time, admin bool) RefundQuote {
	left, cancelled := int64(0), b.payment.CancelledAmount
	for _, lot := range own {
		left += lot.spendable(now)
	}
	points := func(won int) int64 { return b.order.pointsOf(cancelled+int64(won)) - b.order.pointsOf(cancelled) }
	all := int(b.payment.Amount - cancelled)
	q := RefundQuote{NeedsAccount: b.payment.needsAccount()}
	switch {
	case b.payment.Problem == WrongDeposit && !admin: // what came besides is no part of the payment's amount
		q.Reason = "More than this payment was deposited to its account. Ask the shop."
	case b.payment.Problem != NoProblem && b.payment.Problem != WrongDeposit:
		q.Reason = "The gateway's cancellations of this payment do not add up. Ask the shop."
	case all == 0:
		q.Reason = "The payment is cancelled already."
	case !admin && now.Sub(b.line.CreatedAt) > refundWindow:
		q.Reason = "It was charged more than seven days ago. Ask the shop."
	case !admin && left < points(all):
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
