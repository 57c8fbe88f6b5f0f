package point

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// clawBack (회수) books the cancellations that are new in the gateway's answer, whoever made them and however
// often they are reported: each takes its points back once. Points go from the charge's bonus, then from
// its paid points, then from the user's other lots; the rest becomes debt. A refund under way ends here.
func (b *books) clawBack(tx *gorm.DB, now time.Time) error {
	booked, err := b.booked(tx)
	if err != nil {
		return err
	}
	news := b.payment.beyond(booked)
	if ended, err := b.endRefund(tx, news, now); err != nil || (len(news) == 0 && !ended) {
		return err
	}
	before := Payment{Cancellations: booked}.cancelledInHistory()
	for _, c := range inOrder(news) {
		if err := b.book(tx, c, before, now); err != nil {
			return err
		}
		before += c.Amount
	}
	return expireDue(tx, b.order.UserID, now) // what the refund held and nobody has taken
}

func inOrder(cancellations []Cancellation) []Cancellation {
	return slices.SortedFunc(slices.Values(cancellations), func(x, y Cancellation) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID))
	})
}

// booked are the payment's cancellations in the books. Most payments have none, and Sync is asked of them often.
func (b *books) booked(tx *gorm.DB) (booked []Cancellation, err error) {
	if b.payment.CancelledAmount == 0 {
		return nil, nil
	}
	err = tx.Table("payment_cancellations").Where("imp_uid = ?", b.payment.ImpUID).Find(&booked).Error
	if err != nil {
		return nil, fmt.Errorf("read cancellations: %w", err)
	}
	return booked, nil
}

// beyond are the cancellations in the answer that are not booked yet: none if the answer contradicts itself or
// what is booked, which is for the operator to sort out. What an answer leaves out comes with a later one.
func (p Payment) beyond(booked []Cancellation) []Cancellation {
	news := slices.DeleteFunc(slices.Clone(p.Cancellations), func(c Cancellation) bool {
		return slices.ContainsFunc(booked, func(old Cancellation) bool { return old.ID == c.ID })
	})
	all := Payment{Cancellations: slices.Concat(booked, news), CancelledAmount: p.CancelledAmount}
	if !p.soundHistory() || !all.soundHistory() {
		return nil
	}
	return news
}

// followUncredited ends the refund of a payment that gave no points, once the gateway says what became of it. Such a
// refund is of all that was left, so what was cancelled since counts as one.
func (b *books) followUncredited(tx *gorm.DB, now time.Time) error {
	refund, open, err := openRefund(tx, b.payment.ImpUID)
	if err != nil {
		return err
	}
	if !open {
		return b.confirmUncredited(tx, now)
	}
	var news []Cancellation
	if since := b.payment.CancelledAmount - refund.CancelledBefore; since > 0 {
		news = []Cancellation{{Amount: since}}
	}
	p := b.payment
	p.Problem = NoProblem // it had one before it was refunded, which says nothing about the refund
	if status := refund.outcome(p, news, now); status != refund.Status {
		return refund.set(tx, status, now)
	}
	return nil
}

// confirmUncredited looks for released refunds among all cancellations: those of such a payment are not booked.
func (b *books) confirmUncredited(tx *gorm.DB, now time.Time) error {
	if !b.payment.soundHistory() {
		return nil
	}
	before := int64(0)
	for _, c := range inOrder(b.payment.Cancellations) {
		if err := b.confirmReleased(tx, c, before, now); err != nil {
			return err
		}
		before += c.Amount
	}
	return nil
}

// endRefund locks the wallet and expires what is due, unless there is nothing to do, and ends the payment's open
// refund if its time has come. What the refund held is let go after that: its own cancellation takes it, not expiry.
func (b *books) endRefund(tx *gorm.DB, news []Cancellation, now time.Time) (ended bool, err error) {
	refund, open, err := openRefund(tx, b.payment.ImpUID)
	if err != nil {
		return false, err
	}
	var status RefundStatus
	if open {
		status = refund.outcome(b.payment, refund.since(b.payment, news), now)
		ended = status != refund.Status
	}
	if len(news) == 0 && !ended {
		return false, nil
	}
	if err := lockWallet(tx, b.order.UserID); err != nil {
		return false, err
	}
	if err := expireDue(tx, b.order.UserID, now); err != nil {
		return false, err
	}
	if !ended {
		return false, nil
	}
	return true, refund.set(tx, status, now)
}

// book writes one cancellation and takes its points, before being what was cancelled until then.
func (b *books) book(tx *gorm.DB, c Cancellation, before int64, now time.Time) error {
	err := tx.Exec(`INSERT INTO payment_cancellations (imp_uid, cancellation_id, amount, reason, cancelled_at)
		VALUES (?, ?, ?, ?, ?)`, b.payment.ImpUID, c.ID, c.Amount, c.Reason, c.At).Error
	if err != nil {
		return fmt.Errorf("book cancellation: %w", err)
	}
	if err := b.confirmReleased(tx, c, before, now); err != nil {
		return err
	}
	points := b.order.pointsOf(before+c.Amount) - b.order.pointsOf(before)
	if points == 0 { // a few won may be worth no whole point; the next cancellation makes up for it
		return nil
	}
	line := Transaction{UserID: b.order.UserID, Kind: KindChargeCancel, Amount: -points, ImpUID: &b.payment.ImpUID,
		CancellationID: &c.ID, ReversesID: &b.line.ID, Description: b.order.Name, CreatedAt: now}
	if err := enter(tx, &line); err != nil {
		return err
	}
	there, err := b.lotsToClawBack(tx)
	if err != nil {
		return err
	}
	for i, part := range sparing(there, points) {
		if part > 0 {
			if err := use(tx, line, there[i], Used, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// sparing shares n points among the lots in their order: what a refund holds comes last, because that refund's own
// cancellation will want it. What the lots do not have is left out: it becomes debt.
func sparing(lots []Lot, n int64) []int64 {
	parts := make([]int64, len(lots))
	for i, lot := range lots {
		parts[i] = min(lot.Remaining-lot.Held, n)
		n -= parts[i]
	}
	for i, lot := range lots {
		held := min(lot.Held, n)
		parts[i] += held
		n -= held
	}
	return parts
}

// pointsOf is what a charge of the order takes back once cancelled won of it are cancelled in all: the same
// share of its points and of its bonus, rounded down. Differences of it never drift, and the whole price
// takes back everything.
func (o Order) pointsOf(cancelled int64) int64 {
	return o.Points*cancelled/o.Price + o.BonusPoints*cancelled/o.Price
}

// lotsToClawBack are the user's lots in the order in which a clawback takes from them.
func (b *books) lotsToClawBack(tx *gorm.DB) ([]Lot, error) {
	own, err := chargeLots(tx, *b.line)
	if err != nil {
		return nil, err
	}
	others, err := lots(tx, b.order.UserID)
	if err != nil {
		return nil, err
	}
	others = slices.DeleteFunc(others, func(l Lot) bool {
		return slices.ContainsFunc(own, func(mine Lot) bool { return mine.ID == l.ID })
	})
	return append(own, others...), nil
}

// chargeLots are the lots of a charge, the bonus first.
func chargeLots(tx *gorm.DB, charge Transaction) ([]Lot, error) {
	var own []Lot
	err := tx.Where(`transaction_id IN (SELECT id FROM point_transactions
		WHERE imp_uid = ? AND kind IN ('CHARGE', 'BONUS'))`, charge.ImpUID).Order("kind").Find(&own).Error
	if err != nil {
		return nil, fmt.Errorf("read the charge's lots: %w", err)
	}
	return own, nil
}
