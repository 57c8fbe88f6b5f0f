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

// lockPayment reads and locks a payment and its order, if known. Without an order the payment's own
// row is the lock.
func lockPayment(tx *gorm.DB, impUID string) (paymentState, error) {
	var found []Payment
	if err := tx.Select("merchant_uid").Where("imp_uid = ?", impUID).Limit(1).Find(&found).Error; err != nil {
		return paymentState{}, err
	}
	if len(found) == 0 {
		return paymentState{}, UnknownPayment(nil)
	}
	order, err := lockOrder(tx, found[0].MerchantUID) // a payment's order never changes
	if err != nil {
		return paymentState{}, err
	}
	var payment Payment
	lock := clause.Locking{Strength: clause.LockingStrengthUpdate}
	err = tx.Clauses(lock).Where("imp_uid = ?", impUID).Take(&payment).Error
	return paymentState{order: order, payment: payment}, err
}

// nextStatus returns the status of an open refund after the gateway's answer. news are the
// cancellations since the request.
//
// A new cancellation of exactly the refund's amount, or no money left to cancel, means DONE. A HELD
// refund is RELEASED in two cases: after another cancellation, because the request's checksum is
// now wrong and the request must fail; and when the gateway knows of no cancellation long after the
// request. An ACCEPTED refund stays open until DONE.
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

// cancelledSince returns the cancellations after the refund's request. Usually all news are; but a
// history that was incomplete at the request may later show earlier cancellations.
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

// refundTimeout is longer than any call to the gateway. A refund still HELD after that, without a
// cancellation at the gateway, was never made: the process died, or the request got lost. Only
// cards and transfers are cancelled at once; other payments may be pending for days without a sign
// (contract §1.6).
func (p Payment) refundTimeout() time.Duration {
	if p.PayMethod == "card" || p.PayMethod == "trans" {
		return 2 * time.Minute
	}
	return 3 * day
}

// setStatus writes the status of an open refund, and the gateway's refusal. The end of a refund
// releases the held points. The caller holds the wallet's lock.
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

// completeLateRefund makes a RELEASED refund DONE whose cancellation c came later than
// refundTimeout. The refund is identified by amount, reason and the total cancelled before c: with
// another checksum the gateway would have refused the request. Of several equal refunds only one
// can have happened.
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

// OpenRefunds returns the refunds under way, oldest first. A sync of the payment ends a refund in
// due time.
func (s *Service) OpenRefunds(ctx context.Context) ([]Refund, error) {
	return gorm.G[Refund](s.db).Where("status IN ('HELD', 'ACCEPTED')").Order("id").Find(ctx)
}

// OldestOpenRefund returns when the oldest refund under way was requested, or the zero time.
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
	Failed  int   // failed syncs
	Err     error // one of the failures, for the log; nil without a failure
}

// SyncRefunds (환불 확인) asks the gateway about every refund under way, and syncs the books. The
// payment looked up longest ago comes first: so no refund waits for ever, even if ctx ends before
// the last.
//
// A failed sync is counted in the report, and OldestOpenRefund shows the delay. The round fails
// only when every look-up failed, and at least one for a cause shared by other payments.
func (s *Service) SyncRefunds(ctx context.Context) (RefundReport, error) {
	var impUIDs []string
	err := s.db.WithContext(ctx).Raw(`SELECT r.imp_uid FROM refunds r JOIN payments p ON p.imp_uid = r.imp_uid
		WHERE r.status IN ('HELD', 'ACCEPTED') ORDER BY p.synced_at, r.id`).Scan(&impUIDs).Error
	if err != nil {
		return RefundReport{}, fmt.Errorf("read open refunds: %w", err)
	}
	var mu sync.Mutex
	var failures []error
	_ = forEach("refunds", impUIDs, func(impUID string) error { // failures has all errors
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

// isNotOfItsPayment tells whether a look-up failed for a cause shared by other payments: the
// gateway is down, or the database or this code is at fault.
func isNotOfItsPayment(err error) bool {
	return apierror.CodeOf(err) != apierror.PaymentNotFound && !errors.Is(err, ErrUntrustworthy)
}
