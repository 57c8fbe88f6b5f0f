package charge

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// transition moves an open refund on, on the gateway's word.
func (s *Service) transition(ctx context.Context, r Refund, status RefundStatus) error {
	now := s.points.CurrentTime()
	return database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		b, err := lockPayment(tx, r.ImpUID)
		if err == nil && b.order.isPaidBy(b.payment) {
			err = point.LockWallet(tx, r.UserID)
		}
		if err != nil {
			return err
		}
		return r.setStatus(tx, status, now)
	})
}

// lockPayment reads a payment and its order, if it has one, and locks both. The payment's own row keeps others waiting
// where no order is known.
func lockPayment(tx *gorm.DB, impUID string) (paymentState, error) {
	var found []Payment
	if err := tx.Select("merchant_uid").Where("imp_uid = ?", impUID).Limit(1).Find(&found).Error; err != nil {
		return paymentState{}, err
	}
	if len(found) == 0 {
		return paymentState{}, UnknownPayment(nil)
	}
	order, err := lockOrder(tx, found[0].MerchantUID) // which a payment keeps for life
	if err != nil {
		return paymentState{}, err
	}
	var payment Payment
	lock := clause.Locking{Strength: clause.LockingStrengthUpdate}
	err = tx.Clauses(lock).Where("imp_uid = ?", impUID).Take(&payment).Error
	return paymentState{order: order, payment: payment}, err
}

// nextStatus is what the gateway's answer means for an open refund. It is done when there is a new cancellation of just
// its amount, or nothing is left to cancel. One that the gateway has not answered is released when something else was
// cancelled, because then the checksum of our request is wrong and it cannot succeed any more, or when the gateway
// knows of nothing long after it was asked. One that it has accepted stays open until it is done.
func (r Refund) nextStatus(p Payment, news []Cancellation, now time.Time) RefundStatus {
	ours := slices.ContainsFunc(news, func(c Cancellation) bool { return c.Amount == r.Amount })
	untouched := p.CancelledAmount == r.CancelledBefore && p.Problem != WrongCancellations
	switch {
	case ours || (len(news) > 0 && p.CancelledAmount == p.Amount):
		return RefundDone
	case r.Status == RefundHeld && len(news) > 0:
		return RefundReleased
	case r.Status == RefundHeld && untouched && now.Sub(r.CreatedAt) > p.refundTimeout():
		return RefundReleased
	}
	return r.Status
}

// cancelledSince is what was cancelled after the refund was asked for. News are usually that; but a history that was incomplete
// then may tell later of what was cancelled before.
func (r Refund) cancelledSince(p Payment, news []Cancellation) []Cancellation {
	after := p.CancelledAmount - r.CancelledBefore
	switch {
	case (Payment{Cancellations: news}).sumCancellations() <= after:
		return news
	case after > 0:
		return []Cancellation{{Amount: after}}
	}
	return nil
}

// refundTimeout is longer than any call to the gateway takes. A refund that is HELD still and of which the gateway
// knows nothing was never made: its process died, or its request got lost. Only cards and transfers are cancelled at
// once, though; others may be pending for days and not show it (contract §1.6).
func (p Payment) refundTimeout() time.Duration {
	if p.PayMethod == "card" || p.PayMethod == "trans" {
		return 2 * time.Minute
	}
	return 3 * day
}

// setStatus writes the status of a refund that is open still. One that ends lets go of what it held. The caller holds
// the wallet's lock.
func (r Refund) setStatus(tx *gorm.DB, status RefundStatus, now time.Time) error {
	var ended *time.Time
	if status != RefundAccepted {
		ended = &now
	}
	done := tx.Exec("UPDATE refunds SET status = ?, ended_at = ? WHERE id = ? AND status IN ('HELD', 'ACCEPTED')",
		status, ended, r.ID)
	if done.Error != nil || done.RowsAffected == 0 || ended == nil {
		return done.Error
	}
	return point.ReleaseHold(tx, r.ImpUID)
}

// completeLateRefund makes the refund DONE that was released and has happened all the same as c, because the gateway took
// longer than we believed. It is known by its amount, its reason, and what was cancelled before: with another checksum the
// gateway would have refused it. Of those alike one can have happened.
func (b *paymentState) completeLateRefund(tx *gorm.DB, c Cancellation, before int64, now time.Time) error {
	refunds, err := readRefunds(tx, b.payment.ImpUID)
	refunds = slices.DeleteFunc(refunds, func(r Refund) bool {
		return r.isOpen() || r.Amount != c.Amount || r.Reason != c.Reason || r.CancelledBefore != before
	})
	happened := slices.ContainsFunc(refunds, func(r Refund) bool { return r.Status == RefundDone })
	if err != nil || happened || len(refunds) == 0 {
		return err
	}
	return tx.Exec("UPDATE refunds SET status = ?, ended_at = ? WHERE id = ? AND status = ?",
		RefundDone, now, refunds[0].ID, RefundReleased).Error
}

// OpenRefunds are those under way, the oldest first. Whoever syncs their payments ends those whose time has come.
func (s *Service) OpenRefunds(ctx context.Context) ([]Refund, error) {
	return gorm.G[Refund](s.db).Where("status IN ('HELD', 'ACCEPTED')").Order("id").Find(ctx)
}

// releaseAfter is longer than a refund's request may be on its way: askWithin, and then the gateway's timeout.
const releaseAfter = time.Minute

// ReleaseRefund lets go of what a refund holds, on an operator's word that it will never come: the provider dropped
// it, or nobody knows of it. It syncs first, and refuses with RefundNotPossible if the refund has ended by then, was
// asked for less than a minute ago, or something of a charge was cancelled that is not in the books.
func (s *Service) ReleaseRefund(ctx context.Context, actor point.Actor, id string) (Refund, error) {
	r, err := database.FindOne[Refund](ctx, s.db, "refund", "id = ?", id)
	if err != nil {
		return Refund{}, err
	}
	payment, err := s.Sync(ctx, actor, r.ImpUID)
	if apierror.CodeOf(err) == apierror.PaymentNotFound { // then nobody will ever hear of it again
		payment, err = database.FindOne[Payment](ctx, s.db, "payment", "imp_uid = ?", r.ImpUID)
	}
	if err != nil {
		return Refund{}, err
	}
	if r, err = database.FindOne[Refund](ctx, s.db, "refund", "id = ?", id); err != nil {
		return Refund{}, err
	}
	credited, err := s.isCredited(ctx, r.ImpUID)
	if err != nil {
		return Refund{}, err
	}
	if !r.isOpen() || credited && payment.Problem == WrongCancellations {
		return Refund{}, apierror.New(apierror.RefundNotPossible, "This refund is %s, its payment's problem %q.", r.Status, payment.Problem)
	}
	if r.Status == RefundHeld && s.points.CurrentTime().Sub(r.CreatedAt) < releaseAfter {
		return Refund{}, apierror.New(apierror.RefundNotPossible, "This refund may be on its way to the gateway still.")
	}
	if err := s.transition(ctx, r, RefundReleased); err != nil {
		return Refund{}, err
	}
	return database.FindOne[Refund](ctx, s.db, "refund", "id = ?", id)
}

// isCredited tells whether an order was paid by the payment.
func (s *Service) isCredited(ctx context.Context, impUID string) (bool, error) {
	_, err := database.FindOne[Order](ctx, s.db, "order", "imp_uid = ?", impUID)
	if apierror.CodeOf(err) == apierror.NotFound {
		return false, nil
	}
	return err == nil, err
}
