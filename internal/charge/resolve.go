package charge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// Action is what an operator does about a payment with a problem.
type Action string

// The actions.
const (
	RefundIt Action = "REFUND" // give all its money back at the gateway
	Accept   Action = "ACCEPT" // keep the money; an uncredited payment's points are given by hand
	Ignore   Action = "IGNORE" // leave it as it is
)

// Resolution (처리) is an operator's decision about a payment with a problem, and our row of it. It is never
// changed: what it did not resolve stays on the list.
type Resolution struct {
	ID              string `gorm:"primaryKey"`
	ImpUID          string
	Problem         Problem
	CancelledAmount int64 // the payment's at that moment: a later cancellation is a new question
	DepositCount    int   // the same of deposits
	Action          Action
	Reason          string
	Actor           point.Actor `gorm:"embedded;embeddedPrefix:actor_"` // an operator
	TransactionID   *string     // the ADJUST line of what was accepted
	Note            string      // why it was made without the gateway's word; empty when the gateway was asked first
	CreatedAt       time.Time
}

// TableName is the table's name in SQL.
func (Resolution) TableName() string { return "resolutions" }

// Resolutions are what operators decided about a payment, the oldest first.
func (s *Service) Resolutions(ctx context.Context, impUID string) ([]Resolution, error) {
	return gorm.G[Resolution](s.db).Where("imp_uid = ?", impUID).Order("id").Find(ctx)
}

// ResolveInput is an operator's decision.
type ResolveInput struct {
	ImpUID string
	Action Action
	Reason string      // for the gateway and for people, 1 to 200 characters
	Actor  point.Actor // an operator
	// UserID and Points say who gets how many points for a payment that is accepted. By default the order's user, and
	// a point for each won; a payment of an unknown order, in another currency or whose amount does not say what was paid has no such default.
	UserID  string
	Points  int64
	Account *RefundAccount // for the refund of a virtual account's payment
}

// Resolve (처리) does what an operator decided about a payment with a problem, and keeps the decision in a row. The payment
// it returns is what stood written when it was decided, and after a refund what stands written then.
//
// The gateway is asked first, but only REFUND needs it. Without its answer the decision is made by what is written, and
// the row's Note says why. A payment that is not in the books gets a row by the operator's word, unless the gateway says
// that there is no such payment. A payment whose answer cannot be read can be decided although it has no problem here.
//
// REFUND gives back all that is left of a payment that gave no points, with a Refund like any other: the gateway is asked
// once, and until its answer is known nothing else can be decided. ACCEPT gives points for a payment by hand, as an ADJUST
// line, and makes sure that it is never credited besides; of one that gave points already it accepts the books as they
// are. It refuses with InvalidArgument, NotFound, PaymentNotFound, RefundNotPossible (also while a refund is under way)
// and, a REFUND only, GatewayUnavailable.
func (s *Service) Resolve(ctx context.Context, in ResolveInput) (Payment, error) {
	if err := in.validate(); err != nil {
		return Payment{}, err
	}
	asked, err := s.askBeforeDecision(ctx, in)
	if err != nil {
		return Payment{}, err
	}
	return s.decide(ctx, in, asked)
}

// gatewayWord is what the gateway said of a payment before a decision about it.
type gatewayWord struct {
	note       string // why the decision is made without an answer; empty if there was one
	unknown    bool   // the gateway knows no such payment
	unreadable bool   // there was an answer, but none to believe
}

// askBeforeDecision syncs the payment. Only a refund fails with it.
func (s *Service) askBeforeDecision(ctx context.Context, in ResolveInput) (gatewayWord, error) {
	_, err := s.Sync(ctx, in.Actor, in.ImpUID)
	code := apierror.CodeOf(err)
	switch {
	case err == nil:
		return gatewayWord{}, nil
	case code == apierror.PaymentNotFound && in.Action == RefundIt:
		return gatewayWord{}, apierror.New(apierror.RefundNotPossible, "The gateway knows no such payment, and cannot give it back.")
	case code == apierror.PaymentNotFound:
		return gatewayWord{note: "the gateway knows no such payment", unknown: true}, nil
	case code == apierror.GatewayUnavailable && in.Action != RefundIt && ctx.Err() == nil:
		return gatewayWord{note: shortenNote("decided without the gateway: " + err.Error()), unreadable: errors.Is(err, ErrUntrustworthy)}, nil
	}
	return gatewayWord{}, err
}

// maxNote is how many characters of the gateway's trouble are kept with a decision.
const maxNote = 300

func shortenNote(note string) string {
	if runes := []rune(note); len(runes) > maxNote {
		return string(runes[:maxNote-1]) + "…"
	}
	return note
}

// decide writes the decision, and asks the gateway for the refund if it is one.
func (s *Service) decide(ctx context.Context, in ResolveInput, asked gatewayWord) (Payment, error) {
	id, err := database.NewID()
	if err != nil {
		return Payment{}, err
	}
	var payment Payment
	var refund Refund
	now, life := s.points.CurrentTime(), s.points.Lifetimes.Of(point.LotPaid)
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if decided, err := rowExists(tx, "resolutions", id); err != nil || decided {
			return err // a COMMIT whose answer was lost
		}
		b, err := lockProblem(tx, in.ImpUID, asked, now)
		if err != nil {
			return err
		}
		payment = b.payment
		refund = in.newRefund(id, payment, now)
		decided := Resolution{ID: id, ImpUID: in.ImpUID, Problem: payment.Problem, CancelledAmount: payment.CancelledAmount,
			DepositCount: payment.DepositCount, Action: in.Action, Reason: in.Reason, Actor: in.Actor, Note: asked.note, CreatedAt: now}
		return b.writeResolution(tx, in, decided, refund, life)
	})
	if err != nil || in.Action != RefundIt {
		return payment, err
	}
	if _, err := s.submitRefund(ctx, refund, payment, in.Account); err != nil {
		return payment, err
	}
	return database.FindOne[Payment](ctx, s.db, "payment", "imp_uid = ?", in.ImpUID)
}

// newRefund is what gives back all that is left of p.
func (in ResolveInput) newRefund(id string, p Payment, now time.Time) Refund {
	return Refund{ID: id, ImpUID: p.ImpUID, UserID: p.UserID, Reference: id, Amount: p.Amount - p.CancelledAmount,
		CancelledBefore: p.CancelledAmount, Reason: in.Reason, Actor: in.Actor, Status: RefundHeld, CreatedAt: now}
}

func (in ResolveInput) validate() error {
	if err := apierror.CheckID("impUid", in.ImpUID); err != nil {
		return err
	}
	if err := in.Actor.Validate(); err != nil {
		return err
	}
	if err := checkReason(in.Reason); err != nil {
		return err
	}
	switch {
	case in.Action != RefundIt && in.Action != Accept && in.Action != Ignore:
		return apierror.New(apierror.InvalidArgument, "The decision must be REFUND, ACCEPT or IGNORE.")
	case in.Action != Accept && (in.UserID != "" || in.Points != 0):
		return apierror.New(apierror.InvalidArgument, "Only what is accepted gives points to somebody.")
	case in.Points < 0 || in.Points > point.MaxAmount:
		return apierror.New(apierror.InvalidArgument, "points must be from 1 to %d.", point.MaxAmount)
	case in.Action != RefundIt && in.Account != nil:
		return apierror.New(apierror.InvalidArgument, "Only a refund needs an account.")
	case in.Account != nil:
		return in.Account.validate()
	}
	return nil
}

// lockProblem reads a payment that waits for a decision, and locks it and its order, if it has one.
func lockProblem(tx *gorm.DB, impUID string, asked gatewayWord, now time.Time) (paymentState, error) {
	if !asked.unknown && asked.note != "" {
		if err := writeByWord(tx, impUID, now); err != nil {
			return paymentState{}, err
		}
	}
	b, err := lockPayment(tx, impUID)
	if err != nil {
		return paymentState{}, err
	}
	if asked.unreadable && b.payment.Problem == NoProblem {
		if err := b.payment.setProblem(tx, UnreadableAnswer, Open, now); err != nil {
			return paymentState{}, err
		}
	}
	if b.payment.ProblemState != Open && b.payment.ProblemState != Foreign {
		return paymentState{}, apierror.New(apierror.NotFound, "This payment has no problem that is not resolved.")
	}
	return b, nil
}

// writeByWord makes a row of a payment that only the operator knows of, unless there is one.
func writeByWord(tx *gorm.DB, impUID string, now time.Time) error {
	err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&Payment{ImpUID: impUID, Status: Ready, Problem: UnreadableAnswer,
		ProblemState: Open, SyncedAt: now, ChangedAt: &now}).Error
	if err != nil {
		return fmt.Errorf("write payment: %w", err)
	}
	return nil
}

func rowExists(tx *gorm.DB, table, id string) (bool, error) {
	var n int64
	err := tx.Table(table).Where("id = ?", id).Count(&n).Error
	return n > 0, err
}

// writeResolution writes the decision; of what is accepted the points, and of what is given back the refund.
func (b *paymentState) writeResolution(tx *gorm.DB, in ResolveInput, decided Resolution, refund Refund, life point.Lifetime) error {
	given, err := b.hasPoints(tx)
	if err != nil {
		return err
	}
	switch {
	case given && in.Action == RefundIt:
		return apierror.New(apierror.RefundNotPossible, "Points were given for this payment: refund its charge, or take by hand what was given by hand.")
	case given && (in.UserID != "" || in.Points != 0):
		return apierror.New(apierror.InvalidArgument, "Points were given for this payment already.")
	case in.Action == RefundIt && decided.Problem == WrongDeposit: // the payment's amount is what was ordered
		return apierror.New(apierror.RefundNotPossible, "Its account took something else than its amount: give it back by hand, then ignore it.")
	case in.Action == RefundIt && !b.payment.HoldsMoney():
		return apierror.New(apierror.RefundNotPossible, "There is nothing left to give back.")
	case in.Action == RefundIt && b.payment.needsAccount() && in.Account == nil:
		return apierror.New(apierror.InvalidArgument, "A virtual account's payment needs the account to refund to.")
	}
	if !given {
		if err := b.refuseOpenRefund(tx); err != nil {
			return err
		}
	}
	if in.Action == Accept && !given {
		line, err := b.creditAccepted(tx, in, decided, life)
		if err != nil {
			return err
		}
		decided.TransactionID = &line.ID
	}
	if err := tx.Create(&decided).Error; err != nil {
		return fmt.Errorf("write resolution: %w", err)
	}
	if in.Action != RefundIt {
		return b.markDecided(tx, decided)
	}
	if err := tx.Create(&refund).Error; err != nil {
		return fmt.Errorf("write refund: %w", err)
	}
	return nil
}

// hasPoints tells whether the payment was credited, or accepted by hand.
func (b *paymentState) hasPoints(tx *gorm.DB) (bool, error) {
	if b.order.isPaidBy(b.payment) {
		return true, nil
	}
	var n int64
	err := tx.Table("point_transactions").Where("imp_uid = ? AND kind = ?", b.payment.ImpUID, point.KindAdjust).Count(&n).Error
	return n > 0, err
}

// refuseOpenRefund refuses while money is on its way back: to give it back again, or points for it.
func (b *paymentState) refuseOpenRefund(tx *gorm.DB) error {
	_, open, err := findOpenRefund(tx, b.payment.ImpUID)
	if open {
		err = apierror.New(apierror.RefundNotPossible, "A refund of this payment is under way.")
	}
	return err
}

// creditAccepted writes the ADJUST line of a payment that does not fit, and notes on its order that it was accepted.
func (b *paymentState) creditAccepted(tx *gorm.DB, in ResolveInput, decided Resolution, life point.Lifetime) (point.Transaction, error) {
	user, points := in.UserID, in.Points
	if user == "" {
		user = b.order.UserID
	}
	if points == 0 && b.payment.Currency == "KRW" && !decided.Problem.hidesAmount() {
		points = b.payment.Amount
	}
	switch {
	case decided.Problem != UnreadableAnswer && (!b.payment.HoldsMoney() || b.payment.CancelledAmount > 0):
		return point.Transaction{}, apierror.New(apierror.InvalidArgument, "Some of this payment was cancelled: refund the rest, or ignore it.")
	case decided.Problem == AnotherUser:
		return point.Transaction{}, apierror.New(apierror.InvalidArgument, "Its owner gets the points by a sync: nothing is to be accepted.")
	case decided.Problem == WrongMode:
		return point.Transaction{}, apierror.New(apierror.InvalidArgument, "No money was paid: this is a payment of the other mode.")
	case points == 0:
		return point.Transaction{}, apierror.New(apierror.InvalidArgument, "Say how many points it is worth: what was paid is not its amount in won.")
	case b.order.MerchantUID != "" && b.order.UserID != user:
		return point.Transaction{}, apierror.New(apierror.InvalidArgument, "The order is somebody else's.")
	}
	if err := apierror.CheckUserID(user); err != nil {
		return point.Transaction{}, err
	}
	if err := b.markAccepted(tx); err != nil {
		return point.Transaction{}, err
	}
	line := point.Transaction{UserID: user, Kind: point.KindAdjust, Amount: points, ImpUID: &b.payment.ImpUID, Reference: &decided.ID,
		Actor: in.Actor, Description: in.Reason, CreatedAt: decided.CreatedAt}
	return line, point.Credit(tx, &line, point.LotPaid, life)
}

// markAccepted makes sure that the payment is never credited by its order, should it fit one day.
func (b *paymentState) markAccepted(tx *gorm.DB) error {
	if b.order.MerchantUID == "" || b.order.ImpUID != nil { // an order is paid once
		return nil
	}
	if b.order.AcceptedImpUID != nil {
		return apierror.New(apierror.InvalidArgument, "Another payment of this order was accepted.")
	}
	return database.ExactlyOne(tx.Exec("UPDATE charge_orders SET accepted_imp_uid = ? WHERE merchant_uid = ?",
		b.payment.ImpUID, b.order.MerchantUID))
}

// markDecided takes the payment off the list, and notes on it that points were given for it by hand, if they were.
func (b *paymentState) markDecided(tx *gorm.DB, decided Resolution) error {
	if decided.TransactionID == nil {
		return database.ExactlyOne(tx.Exec("UPDATE payments SET problem_state = 'DECIDED' WHERE imp_uid = ?", decided.ImpUID))
	}
	return database.ExactlyOne(tx.Exec(`UPDATE payments SET problem_state = 'DECIDED', problem = ?, accepted_deposit_count = ?
		WHERE imp_uid = ?`, Accepted, decided.DepositCount, decided.ImpUID))
}

// hidesAmount tells whether the payment's amount says nothing about the money that came.
func (p Problem) hidesAmount() bool {
	return p == WrongDeposit || p == KeyIssuing || p == Discounted || p == UnreadableAnswer
}
