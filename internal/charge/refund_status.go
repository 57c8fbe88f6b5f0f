package charge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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

// setStatus writes the status of a refund, if it is open still, and why the gateway refused it. One that ends lets go of
// what it held. The caller holds the wallet's lock.
func (r Refund) setStatus(tx *gorm.DB, status RefundStatus, now time.Time) error {
	var ended *time.Time
	if status != RefundAccepted {
		ended = &now
	}
	done := tx.Exec("UPDATE refunds SET status = ?, ended_at = ?, refusal = ?, never_sent = ? WHERE id = ? AND status IN ('HELD', 'ACCEPTED')",
		status, ended, r.Refusal, r.NeverSent, r.ID)
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
		return r.isOpen() || r.NeverSent || r.Amount != c.Amount || r.Reason != c.Reason || r.CancelledBefore != before
	})
	happened := slices.ContainsFunc(refunds, func(r Refund) bool { return r.Status == RefundDone })
	if err != nil || happened || len(refunds) == 0 {
		return err
	}
	return tx.Exec("UPDATE refunds SET status = ?, ended_at = ? WHERE id = ? AND status = ?",
		RefundDone, now, refunds[0].ID, RefundReleased).Error
}

// OpenRefunds returns the refunds under way, the oldest first. A sync of their payments ends those whose time has come.
func (s *Service) OpenRefunds(ctx context.Context) ([]Refund, error) {
	return gorm.G[Refund](s.db).Where("status IN ('HELD', 'ACCEPTED')").Order("id").Find(ctx)
}

// OldestOpenRefund returns when the oldest refund under way was asked for, and the zero time when there is none.
func (s *Service) OldestOpenRefund(ctx context.Context) (time.Time, error) {
	oldest, err := gorm.G[Refund](s.db).Where("status IN ('HELD', 'ACCEPTED')").Order("id").Limit(1).Find(ctx)
	if err != nil || len(oldest) == 0 {
		return time.Time{}, err
	}
	return oldest[0].CreatedAt, nil
}

// RefundReport says how far a round of SyncRefunds came.
type RefundReport struct {
	Checked int
	Failed  int   // of them
	Err     error // one of the failures, for the log; nil when nothing failed
}

// SyncRefunds (환불 확인) asks the gateway what became of every refund under way, and lets the books follow. The one whose
// payment was looked up longest ago comes first: so none waits for ever, should there be more than ctx has time for.
//
// A refund that fails is counted in the report, and OldestOpenRefund tells of it. The round fails only if nothing at all
// could be asked: when every look-up failed, and at least one for another cause than its own payment.
func (s *Service) SyncRefunds(ctx context.Context) (RefundReport, error) {
	var impUIDs []string
	err := s.db.WithContext(ctx).Raw(`SELECT r.imp_uid FROM refunds r JOIN payments p ON p.imp_uid = r.imp_uid
		WHERE r.status IN ('HELD', 'ACCEPTED') ORDER BY p.synced_at, r.id`).Scan(&impUIDs).Error
	if err != nil {
		return RefundReport{}, fmt.Errorf("read open refunds: %w", err)
	}
	var mu sync.Mutex
	var failures []error
	_ = forEach("refunds", impUIDs, func(impUID string) error { // what fails is in failures
		err := apierror.RecoverPanic(func() error {
			_, err := s.Sync(ctx, point.Actor{Kind: point.ActorJob, ID: "refunds"}, impUID)
			return err
		})
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			failures = append(failures, fmt.Errorf("refund of payment %s: %w", impUID, err))
		}
		return nil
	})
	report := RefundReport{Checked: len(impUIDs), Failed: len(failures), Err: apierror.Summarize("refunds", failures)}
	if report.Failed == report.Checked && slices.ContainsFunc(failures, isNotOfItsPayment) {
		return report, report.Err
	}
	return report, nil
}

// isNotOfItsPayment tells whether a look-up failed for a cause that other payments share: the gateway is down, or our
// own database or code is at fault.
func isNotOfItsPayment(err error) bool {
	return apierror.CodeOf(err) != apierror.PaymentNotFound && !errors.Is(err, ErrUntrustworthy)
}
