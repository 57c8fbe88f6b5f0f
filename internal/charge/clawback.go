package charge

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/point"
)

// clawBack (회수) books the new cancellations of the gateway's answer. Each cancellation takes points
// back once, by any cause and after any number of reports. A refund under way ends here.
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
	if len(news) > 0 || ended { // held points not taken by the refund's cancellation
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

// newCancellations returns the answer's cancellations that are not booked yet. The result is empty
// if the answer contradicts itself or the bookings, a case for the operator. Cancellations missing
// in one answer come with a later one.
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

// applyUncreditedCancellations ends the refund of a payment without points, once the gateway
// reports the outcome. Such a refund is of all remaining money, so all later cancellations count as
// one.
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
	p.Problem = NoProblem // the problem before the refund says nothing about the refund
	if status := refund.nextStatus(p, news, now); status != refund.Status {
		return refund.setStatus(tx, status, now)
	}
	return nil
}

// completeLateRefunds looks for released refunds among all cancellations, because cancellations of
// a payment without points are not booked.
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

// endRefund ends the payment's open refund in due time. If there are news or an end, endRefund
// first locks the wallet and expires due points. The held points are released after that: the
// refund's cancellation takes the points, not the expiry.
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

// bookCancellation records one cancellation and claws back its points. before is the total
// cancelled earlier at the gateway. A cancellation confirms an operator's earlier booking, and
// takes no points for the confirmed amount.
func (b *paymentState) bookCancellation(tx *gorm.DB, c Cancellation, before int64, r applyRules) error {
	if err := b.bookings.confirm(tx, c.Amount); err != nil {
		return err
	}
	if err := b.completeLateRefund(tx, c, before, r.now); err != nil {
		return err
	}
	return b.book(tx, booking{Cancellation: c, ImpUID: b.payment.ImpUID}, r)
}

// book writes an entry and takes the points owed by the charge. Expired points are not taken again,
// and count as part of the share. The caller holds the wallet's lock and has expired due points.
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
	if share.Total() == 0 { // an earlier cancellation has taken the point of this part
		return nil
	}
	line := point.Transaction{UserID: b.order.UserID, Kind: point.KindChargeCancel, Amount: -share.Total(), ImpUID: &b.payment.ImpUID,
		CancellationID: &last.ID, ReversesID: &b.line.ID, Actor: r.actor,
		Description: b.order.Name, CreatedAt: r.now}
	return r.points.ClawBack(tx, &line, share)
}

// shareOfCancelled returns the points of each kind that a charge gives back after cancellations of
// cancelled won in total. The kept money buys whole points only, so a part of a point goes back:
// otherwise a user would keep a point for a won. The whole price gives back all points.
func (o Order) shareOfCancelled(cancelled int64) point.Share {
	kept := max(0, o.Price-cancelled)
	return point.Share{Paid: o.Points - o.Points*kept/o.Price, Bonus: o.BonusPoints - o.BonusPoints*kept/o.Price}
}
