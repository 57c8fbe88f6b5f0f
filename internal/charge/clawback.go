package charge

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/point"
)

// clawBack (회수) books the cancellations that are new in the gateway's answer, whoever made them and however
// often they are reported: each takes its points back once. Points go from the charge's bonus, then from
// its paid points, then from the user's other lots; the rest becomes debt. A refund under way ends here.
func (b *paymentState) clawBack(tx *gorm.DB, r applyRules) error {
	booked, err := b.bookedCancellations(tx)
	if err != nil {
		return err
	}
	news := b.payment.newCancellations(booked)
	if ended, err := b.endRefund(tx, news, r); err != nil || (len(news) == 0 && !ended) {
		return err
	}
	before := Payment{Cancellations: booked}.sumCancellations()
	for _, c := range sortByTime(news) {
		if err := b.bookCancellation(tx, c, before, r); err != nil {
			return err
		}
		before += c.Amount
	}
	return point.ExpireDue(tx, r.actor, b.order.UserID, r.now) // what the refund held and nobody has taken
}

func sortByTime(cancellations []Cancellation) []Cancellation {
	return slices.SortedFunc(slices.Values(cancellations), func(x, y Cancellation) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID))
	})
}

// bookedCancellations are the payment's cancellations in the books. Most payments have none, and Sync is asked of them often.
func (b *paymentState) bookedCancellations(tx *gorm.DB) (booked []Cancellation, err error) {
	if b.payment.CancelledAmount == 0 {
		return nil, nil
	}
	err = tx.Table("payment_cancellations").Where("imp_uid = ?", b.payment.ImpUID).Find(&booked).Error
	if err != nil {
		return nil, fmt.Errorf("read cancellations: %w", err)
	}
	return booked, nil
}

// newCancellations are the cancellations in the answer that are not booked yet: none if the answer contradicts itself or
// what is booked, which is for the operator to sort out. What an answer leaves out comes with a later one.
func (p Payment) newCancellations(booked []Cancellation) []Cancellation {
	news := slices.DeleteFunc(slices.Clone(p.Cancellations), func(c Cancellation) bool {
		return slices.ContainsFunc(booked, func(old Cancellation) bool { return old.ID == c.ID })
	})
	all := Payment{Cancellations: slices.Concat(booked, news), CancelledAmount: p.CancelledAmount}
	if !p.historyIsSound() || !all.historyIsSound() {
		return nil
	}
	return news
}

// applyUncreditedCancellations ends the refund of a payment that gave no points, once the gateway says what became of it. Such a
// refund is of all that was left, so what was cancelled since counts as one.
func (b *paymentState) applyUncreditedCancellations(tx *gorm.DB, now time.Time) error {
	refund, open, err := findOpenRefund(tx, b.payment.ImpUID)
	if err != nil {
		return err
	}
	if !open {
		return b.completeLateRefunds(tx, now)
	}
	var news []Cancellation
	if since := b.payment.CancelledAmount - refund.CancelledBefore; since > 0 {
		news = []Cancellation{{Amount: since}}
	}
	p := b.payment
	p.Problem = NoProblem // it had one before it was refunded, which says nothing about the refund
	if status := refund.nextStatus(p, news, now); status != refund.Status {
		return refund.setStatus(tx, status, now)
	}
	return nil
}

// completeLateRefunds looks for released refunds among all cancellations: those of such a payment are not booked.
func (b *paymentState) completeLateRefunds(tx *gorm.DB, now time.Time) error {
	if !b.payment.historyIsSound() {
		return nil
	}
	before := int64(0)
	for _, c := range sortByTime(b.payment.Cancellations) {
		if err := b.completeLateRefund(tx, c, before, now); err != nil {
			return err
		}
		before += c.Amount
	}
	return nil
}

// endRefund locks the wallet and expires what is due, unless there is nothing to do, and ends the payment's open
// refund if its time has come. What the refund held is let go after that: its own cancellation takes it, not expiry.
func (b *paymentState) endRefund(tx *gorm.DB, news []Cancellation, r applyRules) (ended bool, err error) {
	refund, open, err := findOpenRefund(tx, b.payment.ImpUID)
	if err != nil {
		return false, err
	}
	var status RefundStatus
	if open {
		status = refund.nextStatus(b.payment, refund.cancelledSince(b.payment, news), r.now)
		ended = status != refund.Status
	}
	if len(news) == 0 && !ended {
		return false, nil
	}
	if err := point.LockWallet(tx, b.order.UserID); err != nil {
		return false, err
	}
	if err := point.ExpireDue(tx, r.actor, b.order.UserID, r.now); err != nil {
		return false, err
	}
	if !ended {
		return false, nil
	}
	return true, refund.setStatus(tx, status, r.now)
}

// bookCancellation writes one cancellation and takes its points, before being what was cancelled until then.
func (b *paymentState) bookCancellation(tx *gorm.DB, c Cancellation, before int64, r applyRules) error {
	err := tx.Exec(`INSERT INTO payment_cancellations (imp_uid, cancellation_id, amount, reason, cancelled_at)
		VALUES (?, ?, ?, ?, ?)`, b.payment.ImpUID, c.ID, c.Amount, c.Reason, c.At).Error
	if err != nil {
		return fmt.Errorf("book cancellation: %w", err)
	}
	if err := b.completeLateRefund(tx, c, before, r.now); err != nil {
		return err
	}
	points := b.order.pointsForCancelled(before+c.Amount) - b.order.pointsForCancelled(before)
	if points == 0 { // a few won may be worth no whole point; the next cancellation makes up for it
		return nil
	}
	line := point.Transaction{UserID: b.order.UserID, Kind: point.KindChargeCancel, Amount: -points, ImpUID: &b.payment.ImpUID,
		CancellationID: &c.ID, ReversesID: &b.line.ID, Actor: r.actor,
		Description: b.order.Name, CreatedAt: r.now}
	return point.ClawBack(tx, &line)
}

// pointsForCancelled is what a charge of the order takes back once cancelled won of it are cancelled in all: the same
// share of its points and of its bonus, rounded down. Differences of it never drift, and the whole price
// takes back everything.
func (o Order) pointsForCancelled(cancelled int64) int64 {
	return o.Points*cancelled/o.Price + o.BonusPoints*cancelled/o.Price
}
