package charge

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// releaseAfter is longer than the longest way of a refund's request: submitTimeout, and then the
// gateway's own timeout.
const releaseAfter = time.Minute

// RefundOutcome is an operator's decision about a refund without an end.
type RefundOutcome string

// The outcomes.
const (
	ReleaseIt RefundOutcome = "RELEASE" // the money stays: the points are the user's again
	// The money went back: an amount counts as cancelled, and takes its points.
	BookIt RefundOutcome = "BOOK"
)

// RefundDecision (환불 처리) is an operator's decision about a refund, and a row of the database. The
// row never changes.
type RefundDecision struct {
	ID        string `gorm:"primaryKey"`
	RefundID  string
	Outcome   RefundOutcome
	Amount    int64 // cancelled by BOOK, in the payment's currency and unit
	Reason    string
	Actor     point.Actor `gorm:"embedded;embeddedPrefix:actor_"` // an operator
	CreatedAt time.Time
}

// TableName is the table's name in SQL.
func (RefundDecision) TableName() string { return "refund_decisions" }

// RefundDecisions returns the operators' decisions about a refund, oldest first.
func (s *Service) RefundDecisions(ctx context.Context, refundID string) ([]RefundDecision, error) {
	return gorm.G[RefundDecision](s.db).Where("refund_id = ?", refundID).Order("id").Find(ctx)
}

// ForceRefundInput is an operator's decision about a refund under way.
type ForceRefundInput struct {
	RefundID string
	Outcome  RefundOutcome
	Amount   int64       // with BOOK: how much of the refund's amount went back
	Reason   string      // for people, 1 to 200 characters
	Actor    point.Actor // an operator
}

// ForceRefund ends a refund by an operator's decision, without the gateway, and keeps the decision.
// The purpose is a refund with a fate that the gateway does not tell: the gateway contradicts
// itself, cannot be read, or knows the shop no more.
//
// Later answers of the gateway are merged as always. A cancellation booked by force takes no points
// a second time; only the excess takes points. While the gateway's answer differs from the booking,
// the payment is a problem. The problem of a payment without points is decided once all its money
// is booked. Errors: InvalidArgument; NotFound; Forbidden unless the actor is an operator;
// RefundNotPossible for an ended refund (ENDED), or within a minute of the request
// (MAY_BE_ON_ITS_WAY).
func (s *Service) ForceRefund(ctx context.Context, in ForceRefundInput) (Refund, error) {
	if err := in.validate(); err != nil {
		return Refund{}, err
	}
	r, err := database.FindOne[Refund](ctx, s.db, "refund", "id = ?", in.RefundID)
	if err != nil {
		return Refund{}, err
	}
	id, err := database.NewID()
	if err != nil {
		return Refund{}, err
	}
	rules := s.applyRules(in.Actor, "")
	decided := RefundDecision{ID: id, RefundID: r.ID, Outcome: in.Outcome, Amount: in.Amount, Reason: in.Reason,
		Actor: in.Actor, CreatedAt: rules.now}
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if done, err := rowExists(tx, "refund_decisions", id); err != nil || done {
			return err // a COMMIT whose answer was lost
		}
		return decided.apply(tx, r.ImpUID, rules)
	})
	if err != nil {
		return Refund{}, err
	}
	return database.FindOne[Refund](ctx, s.db, "refund", "id = ?", r.ID)
}

func (in ForceRefundInput) validate() error {
	if err := apierror.CheckID("refundId", in.RefundID); err != nil {
		return err
	}
	if err := in.Actor.Validate(); err != nil {
		return err
	}
	if !in.Actor.IsOperator() {
		return apierror.New(apierror.Forbidden, "Only an operator decides about a refund.")
	}
	if err := checkReason(in.Reason); err != nil {
		return err
	}
	switch {
	case in.Outcome == BookIt:
		return apierror.CheckAmount("amount", in.Amount, 1, point.MaxAmount, "won")
	case in.Outcome != ReleaseIt:
		return apierror.Invalid("outcome", "outcome must be RELEASE or BOOK.")
	case in.Amount != 0:
		return apierror.Invalid("amount", "Only what is booked has an amount.")
	}
	return nil
}

// apply locks the payment and the wallet, ends the refund and writes the decision.
func (d RefundDecision) apply(tx *gorm.DB, impUID string, r applyRules) error {
	b, err := lockPayment(tx, impUID)
	if err != nil {
		return err
	}
	credited := b.order.isPaidBy(b.payment)
	if credited {
		if err := b.lockBooks(tx, r); err != nil {
			return err
		}
	}
	var refund Refund
	if err := tx.Where("id = ?", d.RefundID).Take(&refund).Error; err != nil {
		return err
	}
	if err := d.refuse(refund, r.now); err != nil {
		return err
	}
	if err := tx.Create(&d).Error; err != nil {
		return fmt.Errorf("write decision: %w", err)
	}
	status := RefundReleased
	if d.Outcome == BookIt {
		status = RefundDone
	}
	if err := refund.setStatus(tx, status, r.now); err != nil {
		return err
	}
	if !credited { // has no points to take, and books no cancellations
		return b.endReturnedProblem(tx)
	}
	if d.Outcome == BookIt {
		if err := b.bookDecision(tx, d, r); err != nil {
			return err
		}
	}
	return r.points.ExpireDue(tx, r.actor, b.order.UserID, r.now)
}

// endReturnedProblem takes a payment without points off the list of problems once all its money
// went back, as far as the operators know: the gateway may never tell.
func (b *paymentState) endReturnedProblem(tx *gorm.DB) error {
	returned, err := b.readReturned(tx)
	if err != nil || returned == 0 || returned < b.payment.Amount || b.payment.Problem == NoProblem {
		return err
	}
	return database.ExactlyOne(tx.Exec("UPDATE payments SET problem_state = 'DECIDED' WHERE imp_uid = ?", b.payment.ImpUID))
}

// lockBooks locks the wallet of a credited payment, expires due points, and reads the bookings.
func (b *paymentState) lockBooks(tx *gorm.DB, r applyRules) error {
	if err := point.LockWallet(tx, b.order.UserID); err != nil {
		return err
	}
	if err := r.points.ExpireDue(tx, r.actor, b.order.UserID, r.now); err != nil {
		return err
	}
	if err := b.readLine(tx); err != nil {
		return err
	}
	return b.readBookings(tx)
}

func (d RefundDecision) refuse(r Refund, now time.Time) error {
	switch {
	case !r.isOpen():
		return apierror.Refuse(apierror.RefundNotPossible, ReasonEnded, "This refund is %s.", r.Status)
	case r.Status == RefundHeld && now.Sub(r.CreatedAt) < releaseAfter:
		return apierror.Refuse(apierror.RefundNotPossible, ReasonOnItsWay, "This refund may be on its way to the gateway still. Decide after %s.",
			r.CreatedAt.Add(releaseAfter).UTC().Format(time.RFC3339))
	case d.Amount > r.Amount:
		return &apierror.Error{Code: apierror.InvalidArgument, Argument: "amount", Params: map[string]any{apierror.ParamLimit: r.Amount},
			Message: fmt.Sprintf("This refund is of %d.", r.Amount)}
	}
	return nil
}

// bookDecision books money that an operator knows to have gone back, ahead of the gateway.
func (b *paymentState) bookDecision(tx *gorm.DB, d RefundDecision, r applyRules) error {
	left := b.payment.Amount - b.bookings.total()
	if d.Amount > left {
		return &apierror.Error{Code: apierror.RefundNotPossible, Reason: ReasonTooMuch, Argument: "amount",
			Params: map[string]any{apierror.ParamLimit: left}, Message: fmt.Sprintf("Only %d won are not booked as cancelled yet.", left)}
	}
	entry := booking{Cancellation: Cancellation{ID: "decision-" + d.ID, Amount: d.Amount, At: r.now, Reason: d.Reason},
		ImpUID: b.payment.ImpUID, DecisionID: &d.ID}
	if err := b.book(tx, entry, r); err != nil {
		return err
	}
	if err := b.checkForcedBookings(tx, r.now); err != nil {
		return err
	}
	return b.setStatus(tx, b.order.statusAfter(b.cancelledInAll()))
}

// ReleaseRefund releases the points held by a refund, on an operator's word that the money will
// never come: the provider dropped the refund, or does not know the refund. A sync comes first, so
// the gateway has the last word; ForceRefund has no sync. Errors are those of ForceRefund, and
// RefundNotPossible (IN_DOUBT) for a cancellation of a charge missing in the books, and
// GatewayUnavailable.
func (s *Service) ReleaseRefund(ctx context.Context, actor point.Actor, id, reason string) (Refund, error) {
	in := ForceRefundInput{RefundID: id, Outcome: ReleaseIt, Reason: reason, Actor: actor}
	if err := in.validate(); err != nil {
		return Refund{}, err
	}
	r, err := database.FindOne[Refund](ctx, s.db, "refund", "id = ?", id)
	if err != nil {
		return Refund{}, err
	}
	payment, err := s.Sync(ctx, actor, r.ImpUID)
	if apierror.CodeOf(err) == apierror.PaymentNotFound { // the gateway will never report the refund
		payment, err = database.FindOne[Payment](ctx, s.db, "payment", "imp_uid = ?", r.ImpUID)
	}
	if err != nil {
		return Refund{}, err
	}
	credited, err := s.isCredited(ctx, r.ImpUID)
	if err != nil {
		return Refund{}, err
	}
	if credited && payment.Problem == WrongCancellations {
		return Refund{}, apierror.Refuse(apierror.RefundNotPossible, ReasonInDoubt, "Something of this payment was cancelled that is not in the books.")
	}
	return s.ForceRefund(ctx, in)
}

// isCredited tells whether an order was paid by the payment.
func (s *Service) isCredited(ctx context.Context, impUID string) (bool, error) {
	_, err := database.FindOne[Order](ctx, s.db, "order", "imp_uid = ?", impUID)
	if apierror.CodeOf(err) == apierror.NotFound {
		return false, nil
	}
	return err == nil, err
}
