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

// Action is an operator's way to resolve a problem.
type Action string

// The actions.
const (
	RefundIt Action = "REFUND" // give all the payment's money back at the gateway
	Accept   Action = "ACCEPT" // keep the money; an uncredited payment's points are given by hand
	Ignore   Action = "IGNORE" // leave the payment unchanged
)

// Resolution (처리) is an operator's decision about a payment with a problem, and a row of the
// database. The row never changes: an unresolved problem stays on the list.
type Resolution struct {
	ID              string `gorm:"primaryKey"`
	ImpUID          string
	Problem         Problem
	CancelledAmount int64 // the payment's at the decision: a later cancellation is a new question
	DepositCount    int   // the same of deposits
	Action          Action
	Reason          string
	Actor           point.Actor `gorm:"embedded;embeddedPrefix:actor_"` // an operator
	TransactionID   *string     // the ADJUST line of an ACCEPT
	// Why the decision was made without the gateway's answer; empty with an answer.
	Note      string
	CreatedAt time.Time
}

// TableName is the table's name in SQL.
func (Resolution) TableName() string { return "resolutions" }

// Resolutions returns the operators' decisions about a payment, oldest first.
func (s *Service) Resolutions(ctx context.Context, impUID string) ([]Resolution, error) {
	return gorm.G[Resolution](s.db).Where("imp_uid = ?", impUID).Order("id").Find(ctx)
}

// ResolveInput is an operator's decision.
type ResolveInput struct {
	ImpUID string
	Action Action
	Reason string      // for the gateway and for people, 1 to 200 characters
	Actor  point.Actor // an operator
	// UserID and Points are the receiver and the points of an ACCEPT. By default the order's user
	// gets a point for each won. There is no default for an unknown order, another currency, or an
	// amount that does not show the paid money.
	UserID  string
	Points  int64
	Account *RefundAccount // for the refund of a virtual account's payment
}

// Resolve (처리) carries out an operator's decision about a payment with a problem, and keeps the
// decision in a row. The result is the written payment at the decision, or after a refund.
//
// The gateway is asked first, but only REFUND needs the answer. Without an answer the written
// payment decides, and the row's Note has the reason. A payment missing in the books gets a row by
// the operator's word, unless the gateway denies the payment. A payment with an unreadable answer
// can be decided even without a problem in the books.
//
// REFUND gives back the remaining money of a payment without points, with a Refund like any other:
// the gateway is asked once, and no other decision is possible until the outcome is known. ACCEPT
// gives points by hand, as an ADJUST line, and blocks any later credit of the payment. For a
// credited payment ACCEPT accepts the books unchanged. Errors: InvalidArgument, NotFound,
// PaymentNotFound, RefundNotPossible (also during a refund) and, for REFUND only,
// GatewayUnavailable.
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

// gatewayWord is the gateway's answer about a payment before a decision.
type gatewayWord struct {
	note       string // why the decision is made without an answer; empty if there was one
	unknown    bool   // the gateway knows no such payment
	unreadable bool   // the answer was not trustworthy
}

// askBeforeDecision syncs the payment. A failed sync stops only a refund.
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

// decide writes the decision, and sends the request of a REFUND.
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
		return b.writeResolution(tx, in, decided, &refund, life)
	})
	if err != nil || in.Action != RefundIt {
		return payment, err
	}
	if _, err := s.submitRefund(ctx, refund, payment, in.Account); err != nil {
		return payment, err
	}
	return database.FindOne[Payment](ctx, s.db, "payment", "imp_uid = ?", in.ImpUID)
}

// newRefund makes the refund of all remaining money of p.
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

// lockProblem reads a payment that waits for a decision, and locks the payment and any order.
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

// writeByWord makes a row of a payment known only to the operator, unless a row exists.
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

// writeResolution writes the decision, with the points of an ACCEPT or the refund of a REFUND.
func (b *paymentState) writeResolution(tx *gorm.DB, in ResolveInput, decided Resolution, refund *Refund, life point.Lifetime) error {
	given, err := b.hasPoints(tx)
	if err != nil {
		return err
	}
	if err := b.refuseDecision(in, given); err != nil {
		return err
	}
	if !given {
		returned, err := b.refuseReturned(tx, in.Action)
		if err != nil {
			return err
		}
		refund.Amount = min(refund.Amount, b.payment.Amount-returned)
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
	if err := tx.Create(refund).Error; err != nil {
		return fmt.Errorf("write refund: %w", err)
	}
	return nil
}

// refuseDecision refuses a decision that does not fit the payment. given tells whether points were
// given for the payment.
func (b *paymentState) refuseDecision(in ResolveInput, given bool) error {
	switch {
	case given && in.Action == RefundIt:
		return apierror.New(apierror.RefundNotPossible, "Points were given for this payment: refund its charge, or take by hand what was given by hand.")
	case given && (in.UserID != "" || in.Points != 0):
		return apierror.New(apierror.InvalidArgument, "Points were given for this payment already.")
	// The payment's amount is the order's.
	case in.Action == RefundIt && b.payment.Problem == WrongDeposit:
		return apierror.New(apierror.RefundNotPossible, "Its account took something else than its amount: give it back by hand, then ignore it.")
	case in.Action == RefundIt && !b.payment.HoldsMoney():
		return apierror.New(apierror.RefundNotPossible, "There is nothing left to give back.")
	case in.Action == RefundIt && b.payment.needsAccount() && in.Account == nil:
		return apierror.New(apierror.InvalidArgument, "A virtual account's payment needs the account to refund to.")
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

// refuseReturned refuses a second refund, or points, for money on its way back or given back, and
// returns how much the payment's ended refunds gave back.
func (b *paymentState) refuseReturned(tx *gorm.DB, action Action) (returned int64, err error) {
	_, open, err := findOpenRefund(tx, b.payment.ImpUID)
	switch {
	case err != nil:
		return 0, err
	case open:
		return 0, apierror.New(apierror.RefundNotPossible, "A refund of this payment is under way.")
	}
	returned, err = b.readReturned(tx)
	switch {
	case err != nil || returned == 0 || action == Ignore:
		return returned, err
	case returned >= b.payment.Amount:
		return 0, apierror.Refuse(apierror.RefundNotPossible, ReasonNothingLeft, "All of this payment was given back.")
	case action == Accept:
		return 0, apierror.New(apierror.InvalidArgument, "Some of this payment was given back: refund the rest, or ignore it.")
	}
	return returned, nil
}

// readReturned returns how much money went back by the payment's ended refunds and before them; 0
// without such a refund. The gateway's cancelled amount may lack what an operator booked.
func (b *paymentState) readReturned(tx *gorm.DB) (returned int64, err error) {
	var done []Refund
	err = tx.Raw(`SELECT r.cancelled_before, COALESCE(d.amount, r.amount) AS amount FROM refunds r
		LEFT JOIN refund_decisions d ON d.refund_id = r.id AND d.outcome = ?
		WHERE r.imp_uid = ? AND r.status = ? ORDER BY r.id`, BookIt, b.payment.ImpUID, RefundDone).Scan(&done).Error
	if err != nil {
		return 0, fmt.Errorf("read ended refunds: %w", err)
	}
	for _, r := range done {
		returned = max(returned, r.CancelledBefore) + r.Amount
	}
	return returned, nil
}

// creditAccepted writes the ADJUST line of a mismatched payment, and records the acceptance on the
// order.
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

// markAccepted prevents a later credit by the order, should the payment fit one day.
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

// markDecided takes the payment off the list, and records points given by hand, if any.
func (b *paymentState) markDecided(tx *gorm.DB, decided Resolution) error {
	if decided.TransactionID == nil {
		return database.ExactlyOne(tx.Exec("UPDATE payments SET problem_state = 'DECIDED' WHERE imp_uid = ?", decided.ImpUID))
	}
	return database.ExactlyOne(tx.Exec(`UPDATE payments SET problem_state = 'DECIDED', problem = ?, accepted_deposit_count = ?
		WHERE imp_uid = ?`, Accepted, decided.DepositCount, decided.ImpUID))
}

// hidesAmount tells whether the payment's amount does not show the received money.
func (p Problem) hidesAmount() bool {
	return p == WrongDeposit || p == KeyIssuing || p == Discounted || p == UnreadableAnswer
}
