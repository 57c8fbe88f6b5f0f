package charge

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// booking is our row of a cancellation of a credited payment. Most are the gateway's. An operator's decision about a
// refund books one ahead of the gateway, which may confirm it later with cancellations of its own.
type booking struct {
	Cancellation `gorm:"embedded"`

	ImpUID          string
	DecisionID      *string // of what an operator booked
	ConfirmedAmount int64   // won of that, which the gateway has confirmed: they count with its own cancellations

	// The points of each kind that it took back, and how many of those had expired before.
	Points, BonusPoints               int64
	ExpiredPoints, ExpiredBonusPoints int64
}

// TableName is the table's name in SQL.
func (booking) TableName() string { return "payment_cancellations" }

// bookings are all those of one payment.
type bookings []booking

// readBookings reads what is booked of the payment. Most payments have nothing, and Sync is asked of them often.
func (b *paymentState) readBookings(tx *gorm.DB) error {
	b.bookings = nil
	if b.payment.CancelledAmount == 0 && b.order.Status == OrderPaid {
		return nil
	}
	if err := tx.Where("imp_uid = ?", b.payment.ImpUID).Order("cancelled_at, cancellation_id").Find(&b.bookings).Error; err != nil {
		return fmt.Errorf("read cancellations: %w", err)
	}
	return nil
}

// ofGateway returns the cancellations that the gateway told of.
func (all bookings) ofGateway() (told []Cancellation) {
	for _, one := range all {
		if one.DecisionID == nil {
			told = append(told, one.Cancellation)
		}
	}
	return told
}

// total returns the won that are booked as cancelled.
func (all bookings) total() (sum int64) {
	for _, one := range all {
		sum += one.Amount - one.ConfirmedAmount
	}
	return sum
}

// taken returns the points that were taken back, those that had expired included.
func (all bookings) taken() (sum point.Share) {
	for _, one := range all {
		sum.Paid, sum.Bonus = sum.Paid+one.Points, sum.Bonus+one.BonusPoints
	}
	return sum
}

// expired returns how many of the points taken back had expired.
func (all bookings) expired() (sum point.Share) {
	for _, one := range all {
		sum.Paid, sum.Bonus = sum.Paid+one.ExpiredPoints, sum.Bonus+one.ExpiredBonusPoints
	}
	return sum
}

// confirm notes that the gateway has cancelled so many won of what operators booked ahead of it.
func (all bookings) confirm(tx *gorm.DB, won int64) error {
	for i := range all {
		part := int64(0)
		if all[i].DecisionID != nil {
			part = min(won, all[i].Amount-all[i].ConfirmedAmount)
		}
		if part == 0 {
			continue
		}
		won, all[i].ConfirmedAmount = won-part, all[i].ConfirmedAmount+part
		err := database.ExactlyOne(tx.Exec("UPDATE payment_cancellations SET confirmed_amount = ? WHERE imp_uid = ? AND cancellation_id = ?",
			all[i].ConfirmedAmount, all[i].ImpUID, all[i].ID))
		if err != nil {
			return fmt.Errorf("confirm booking: %w", err)
		}
	}
	return nil
}

// checkForcedBookings makes the payment a problem while the gateway says something else than what an operator booked,
// and no problem once both agree. A problem that is worse stays (see Problem).
func (b *paymentState) checkForcedBookings(tx *gorm.DB, now time.Time) error {
	forced := len(b.bookings) > len(b.bookings.ofGateway())
	agrees := b.bookings.total() == b.payment.CancelledAmount && b.payment.historyIsSound()
	problem := b.payment.Problem
	switch {
	case !forced:
		return nil
	case !agrees && (problem == NoProblem || problem == WrongDeposit || problem == NotAtGateway):
		problem = WrongCancellations
	case agrees && problem == WrongCancellations && b.payment.depositsAreWrong():
		problem = WrongDeposit
	case agrees && problem == WrongCancellations:
		problem = NoProblem
	default:
		return nil
	}
	b.payment.Problem = problem
	state, err := b.order.findState(tx, b.payment)
	if err != nil {
		return err
	}
	return b.payment.setProblem(tx, problem, state, now)
}

// cancelledInAll is what the gateway says was cancelled, or what is booked if that is more.
func (b *paymentState) cancelledInAll() int64 {
	return max(b.payment.CancelledAmount, b.bookings.total())
}
