package charge

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/point"
)

// clawBack (회수) books the cancellations that are new in the gateway's answer: each takes its points back once, whoever
// made it and however often it is reported. A refund under way ends here.
func (b *paymentState) clawBack(tx *gorm.DB, r applyRules) error {
	if err := b.readBookings(tx); err != nil {
		return err
	}
	booked := b.bookings.ofGateway()
	news := b.payment.newCancellations(booked)
	ended, err := b.endRefund(tx, news, r)
	if err != nil {
		return err
	}
	before := Payment{Cancellations: booked}.sumCancellations()
	for _, c := range sortByTime(news) {
		if err := b.bookCancellation(tx, c, before, r); err != nil {
			return err
		}
		before += c.Amount
	}
	if len(news) > 0 || ended { // what the refund held and its cancellation has not taken
		if err := r.points.ExpireDue(tx, r.actor, b.order.UserID, r.now); err != nil {
			return err
		}
	}
	return b.checkForcedBookings(tx, r.now)
}

func sortByTime(cancellations []Cancellation) []Cancellation {
	return slices.SortedFunc(slices.Values(cancellations), func(x, y Cancellation) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID))
	})
}

// newCancellations returns the cancellations in the answer that are not booked yet: none if the answer contradicts itself
// or what is booked, which is for the operator to sort out. What an answer leaves out comes with a later one.
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
	if err := r.points.ExpireDue(tx, r.actor, b.order.UserID, r.now); err != nil {
		return false, err
	}
	if !ended {
		return false, nil
	}
	return true, refund.setStatus(tx, status, r.now)
}

// bookCancellation records one cancellation of the gateway and takes its points. before is the total that the gateway
// cancelled earlier. What an operator booked ahead of the gateway is confirmed by it, and takes nothing again.
func (b *paymentState) bookCancellation(tx *gorm.DB, c Cancellation, before int64, r applyRules) error {
	if err := b.bookings.confirm(tx, c.Amount); err != nil {
		return err
	}
	if err := b.completeLateRefund(tx, c, before, r.now); err != nil {
		return err
	}
	return b.book(tx, booking{Cancellation: c, ImpUID: b.payment.ImpUID}, r)
}

// book writes an entry and takes the points that the charge owes with it. Points that expired are not taken again: they
// stand for as many of the share. The caller holds the wallet's lock and has expired what was due.
func (b *paymentState) book(tx *gorm.DB, entry booking, r applyRules) error {
	stock, err := b.readStock(tx)
	if err != nil {
		return err
	}
	taken := b.bookings.taken()
	b.bookings = append(b.bookings, entry)
	due := b.order.shareOfCancelled(b.bookings.total()).Minus(taken)
	expired := stock.expiredPartOf(due)
	last := &b.bookings[len(b.bookings)-1]
	last.Points, last.BonusPoints = due.Paid, due.Bonus
	last.ExpiredPoints, last.ExpiredBonusPoints = expired.Paid, expired.Bonus
	if err := tx.Create(last).Error; err != nil {
		return fmt.Errorf("book cancellation: %w", err)
	}
	share := due.Minus(expired)
	if share.Total() == 0 { // the money before it has taken the point that it is a part of
		return nil
	}
	line := point.Transaction{UserID: b.order.UserID, Kind: point.KindChargeCancel, Amount: -share.Total(), ImpUID: &b.payment.ImpUID,
		CancellationID: &last.ID, ReversesID: &b.line.ID, Actor: r.actor,
		Description: b.order.Name, CreatedAt: r.now}
	return r.points.ClawBack(tx, &line, share)
}

// shareOfCancelled returns the points of each kind that a charge of the order gives back once cancelled won of it are
// cancelled in all. The money that is kept buys whole points only, so parts of a point go back: else somebody would
// keep a point for a won. The whole price gives back everything.
func (o Order) shareOfCancelled(cancelled int64) point.Share {
	kept := max(0, o.Price-cancelled)
	return point.Share{Paid: o.Points - o.Points*kept/o.Price, Bonus: o.BonusPoints - o.BonusPoints*kept/o.Price}
}
