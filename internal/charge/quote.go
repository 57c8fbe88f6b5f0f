package charge

import (
	"context"
	"sort"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

const (
	// windowDays is how many days after the day of a charge its owner may take it back alone (청약철회,
	// 전자상거래법 제17조). The day of the charge does not count, and the last day counts to its end (민법
	// 제157조, 제159조).
	windowDays = 7
	// minOwnerRefund is the least refund for owners, in won, unless less is left. Each refund costs
	// the shop a request at the provider and lines in the books, and no payment method takes less.
	minOwnerRefund = 100
	// maxOwnerRefunds is in how many parts owners may take back one charge. Few people need two; a
	// thousand would be an attack. Operators go on where owners may not.
	maxOwnerRefunds = 10
)

// seoul is the time zone of the law's days. Korea has no summer time.
func seoul() *time.Location { return time.FixedZone("KST", 9*60*60) }

// windowEnd returns the end of the owner's refund window for a charge made at the given time.
func windowEnd(charged time.Time) time.Time {
	year, month, today := charged.In(seoul()).Date()
	return time.Date(year, month, today+windowDays+1, 0, 0, 0, 0, seoul())
}

// RefundQuote is the possible refund of a charge.
type RefundQuote struct {
	Amount int64 // won: the most that can be refunded; 0 for no refund
	// Won: the least refund, unless less is left; 0 for no refund.
	Minimum      int64
	Points       int64  // taken back with Amount, share of the bonus included
	NeedsAccount bool   // the refund must name a bank account for the money
	Reason       string // why not more, for people; empty when all of the payment can be refunded
	ReasonCode   string // the same as one of the reasons of RefundNotPossible
}

const refundUnderWay = "A refund of this charge is under way."

// RefundQuote returns how much of a charge the actor may refund now, and the limiting reason.
// Errors: InvalidArgument and NotFound.
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
	b := paymentState{order: order, payment: payment, line: &charge}
	tx := s.db.WithContext(ctx)
	if err := b.readBookings(tx); err != nil {
		return RefundQuote{}, err
	}
	stock, err := b.readStock(tx)
	if err != nil {
		return RefundQuote{}, err
	}
	earlier, err := readRefunds(tx, payment.ImpUID)
	return b.quote(stock, earlier, s.points.CurrentTime(), actor), err
}

// quote is the rule of refunds: the money goes back with the share of each kind of points, and the
// charge's own lots must have the points. For owners two more conditions hold: the window is open,
// and no points were used.
func (b *paymentState) quote(stock stock, earlier []Refund, now time.Time, actor point.Actor) RefundQuote {
	q := RefundQuote{NeedsAccount: b.payment.needsAccount()}
	q.ReasonCode, q.Reason = b.refundObstacle(earlier, now, actor)
	if q.Reason != "" {
		return q
	}
	rest := int(b.payment.Amount - b.bookings.total())
	fits := func(won int) bool {
		_, ok := stock.reserve(b.shareOf(int64(won)), now, actor.IsOperator())
		return ok
	}
	most := sort.Search(rest, func(won int) bool { return !fits(won + 1) })
	least := b.leastRefund(int64(rest), actor)
	switch {
	case most < rest && !actor.IsOperator():
		q.ReasonCode, q.Reason = ReasonPointsUsed, "Some of its points are used, held or expired. Ask the shop."
		return q
	case most < rest:
		q.ReasonCode, q.Reason = ReasonPointsUsed, "The rest of its points are used or held."
	}
	if int64(most) < least {
		return q
	}
	held, _ := stock.reserve(b.shareOf(int64(most)), now, actor.IsOperator())
	q.Amount, q.Minimum, q.Points = int64(most), least, held.Total()
	return q
}

// refundObstacle returns a reason against any refund of the payment, at any state of the lots.
func (b *paymentState) refundObstacle(earlier []Refund, now time.Time, actor point.Actor) (code, reason string) {
	parts := 0
	for _, r := range earlier {
		if r.isOpen() {
			return ReasonUnderWay, refundUnderWay
		}
		if !r.NeverSent {
			parts++
		}
	}
	switch {
	// Other deposits are no part of the payment's amount.
	case b.payment.Problem == WrongDeposit && !actor.IsOperator():
		return ReasonInDoubt, "More than this payment was deposited to its account. Ask the shop."
	case b.payment.Problem != NoProblem && b.payment.Problem != WrongDeposit:
		return ReasonInDoubt, "The gateway's cancellations of this payment do not add up. Ask the shop."
	case b.payment.Amount <= b.bookings.total():
		return ReasonNothingLeft, "The payment is cancelled already."
	case !actor.IsOperator() && !now.Before(windowEnd(b.line.CreatedAt)):
		return ReasonWindowOver, "It was charged more than seven days ago. Ask the shop."
	case !actor.IsOperator() && parts >= maxOwnerRefunds:
		return ReasonTooManyTimes, "It was refunded in too many parts. Ask the shop."
	}
	return "", ""
}

// leastRefund returns the least refund for the actor, in won: the price of a whole point, because a
// smaller refund would only play with rounding. All remaining money is never too little.
func (b *paymentState) leastRefund(rest int64, actor point.Actor) int64 {
	least := (b.order.Price + b.order.Points - 1) / b.order.Points
	if !actor.IsOperator() {
		least = max(least, minOwnerRefund)
	}
	return min(least, rest)
}

// shareOf returns the points of each kind taken back with the next won.
func (b *paymentState) shareOf(won int64) point.Share {
	return b.order.shareOfCancelled(b.bookings.total() + won).Minus(b.bookings.taken())
}

// stock is the points of a charge's own lots, and the points expired from the lots.
type stock struct {
	lots    []point.Lot
	expired point.Share // expired points, less points already counted for a cancellation
}

func (b *paymentState) readStock(tx *gorm.DB) (stock, error) {
	lots, err := point.ChargeLots(tx, b.payment.ImpUID)
	if err != nil {
		return stock{}, err
	}
	expired, err := point.ExpiredPoints(tx, lots)
	return stock{lots, expired.Minus(b.bookings.expired())}, err
}

// reserve returns the points of each kind that a refund of the share holds, and whether the lots
// have as many. Points missing in the bonus lot come from the paid lot, never the reverse: the
// money goes back for paid points only. Expired bonus need not be there, nor, for an operator's
// refund, expired paid points.
func (s stock) reserve(share point.Share, now time.Time, operator bool) (held point.Share, ok bool) {
	live, expired := point.Share{}, s.expired
	for _, lot := range s.lots {
		there, gone := lot.Spendable(now), int64(0)
		if !lot.ExpiresAt.After(now) {
			gone = lot.Remaining - lot.Held // the EXPIRE line is not written yet
		}
		if lot.Kind == point.LotBonus {
			live.Bonus, expired.Bonus = live.Bonus+there, expired.Bonus+gone
		} else {
			live.Paid, expired.Paid = live.Paid+there, expired.Paid+gone
		}
	}
	if !operator {
		expired.Paid = 0
	}
	share = share.Minus(expiredPart(share, live, expired))
	lacking := max(0, share.Bonus-live.Bonus)
	held = point.Share{Paid: share.Paid + lacking, Bonus: share.Bonus - lacking}
	return held, held.Paid <= live.Paid
}

// expiredPartOf returns how many points of the share have expired, and so cannot be taken from the
// lots any more.
func (s stock) expiredPartOf(share point.Share) point.Share {
	var there point.Share
	for _, lot := range s.lots {
		if lot.Kind == point.LotBonus {
			there.Bonus += lot.Remaining
		} else {
			there.Paid += lot.Remaining
		}
	}
	return expiredPart(share, there, s.expired)
}

// expiredPart returns how many expired points of each kind stand for points missing in the lots.
// Expired paid points stand for bonus, too: otherwise paid points would be taken in place of the
// bonus.
func expiredPart(share, there, expired point.Share) point.Share {
	paid := clamp(share.Paid-there.Paid, expired.Paid)
	bonus := clamp(share.Bonus-there.Bonus, expired.Bonus)
	lacking := share.Bonus - there.Bonus - bonus - max(0, there.Paid-share.Paid)
	return point.Share{Paid: paid + clamp(lacking, expired.Paid-paid), Bonus: bonus}
}

// clamp returns n between 0 and most.
func clamp(n, most int64) int64 { return max(0, min(n, most)) }

// needsAccount tells whether no card can take the money back (contract §1.6).
func (p Payment) needsAccount() bool { return p.PayMethod == "vbank" }
