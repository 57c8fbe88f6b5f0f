package charge

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// booking is the row of a cancellation of a credited payment. Most cancellations are the gateway's.
// An operator's decision about a refund makes a booking ahead of the gateway. The gateway may
// confirm the booking later with its own cancellations.
type booking struct {
	Cancellation `gorm:"embedded"`

	ImpUID     string
	DecisionID *string // of an operator's booking
	// Won confirmed by the gateway, and counted with the gateway's own cancellations.
	ConfirmedAmount int64

	// The points of each kind taken back, and how many of the points had expired before.
	Points, BonusPoints               int64
	ExpiredPoints, ExpiredBonusPoints int64
}

// TableName is the table's name in SQL.
func (booking) TableName() string { return "payment_cancellations" }

// bookings are all bookings of one payment.
type bookings []booking

// readBookings reads the payment's bookings. Most payments have none, and Sync reads often.
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

// ofGateway returns the gateway's cancellations.
func (all bookings) ofGateway() (told []Cancellation) {
	for _, one := range all {
		if one.DecisionID == nil {
			told = append(told, one.Cancellation)
		}
	}
	return told
}

// total returns the booked cancelled won.
func (all bookings) total() (sum int64) {
	for _, one := range all {
		sum += one.Amount - one.ConfirmedAmount
	}
	return sum
}

// taken returns the points taken back, points expired before included.
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

// confirm records that the gateway has cancelled so many won of the operators' bookings.
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

// checkForcedBookings makes the payment a problem while the gateway says something else than what
// an operator booked, and no problem once both agree. A problem that is worse stays (see
// Problem).
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

// cancelledInAll returns the gateway's cancelled total, or the booked total if larger.
func (b *paymentState) cancelledInAll() int64 {
	return max(b.payment.CancelledAmount, b.bookings.total())
}
