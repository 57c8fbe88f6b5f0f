package point

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"pointcharge/internal/database"
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
	Operator        string
	TransactionID   *string // the ADJUST line of what was accepted
	CreatedAt       time.Time
}

// TableName is the table's name in SQL.
func (Resolution) TableName() string { return "resolutions" }

// Resolutions are what operators decided about a payment, the oldest first.
func (s *Service) Resolutions(ctx context.Context, impUID string) ([]Resolution, error) {
	return gorm.G[Resolution](s.DB).Where("imp_uid = ?", impUID).Order("id").Find(ctx)
}

// ResolveInput is an operator's decision.
type ResolveInput struct {
	ImpUID   string
	Action   Action
	Reason   string // for the gateway and for people, 1 to 200 characters
	Operator string
	// UserID and Points say who gets how many points for a payment that is accepted. By default the order's user, and
	// a point for each won; a payment of an unknown order, in another currency or with a wrong deposit has no such default.
	UserID  string
	Points  int64
	Account *RefundAccount // for the refund of a virtual account's payment
}

// Resolve (처리) does what an operator decided about a payment on the list of problems, and keeps the decision. It
// syncs first. The payment it returns is what stands written then. REFUND gives back all that is left of a payment
// that gave no points, with a Refund like any other: the gateway is asked once, and until its answer is known nothing
// else can be decided. ACCEPT gives points for a payment by hand, as an ADJUST line, and makes sure that it is never
// credited besides; of one that gave points already it accepts the books as they are. It refuses with InvalidArgument,
// NotFound, PaymentNotFound, RefundNotPossible (also while a refund is under way) and GatewayUnavailable.
func (s *Service) Resolve(ctx context.Context, in ResolveInput) (Payment, error) {
	if err := in.check(); err != nil {
		return Payment{}, err
	}
	switch _, err := s.Sync(ctx, in.ImpUID); { // what the gateway has forgotten can still be accepted or ignored
	case CodeOf(err) == PaymentNotFound && in.Action == RefundIt:
		return Payment{}, refuse(RefundNotPossible, "The gateway knows no such payment, and cannot give it back.")
	case err != nil && CodeOf(err) != PaymentNotFound:
		return Payment{}, err
	}
	id, err := newID()
	if err != nil {
		return Payment{}, err
	}
	var payment Payment
	var refund Refund
	now, life := s.now(), s.Lifetimes.of(LotPaid)
	err = database.Transact(ctx, s.DB, func(tx *gorm.DB) error {
		if decided, err := isThere(tx, "resolutions", id); err != nil || decided {
			return err // a COMMIT whose answer was lost
		}
		b, err := lockProblem(tx, in.ImpUID)
		if err != nil {
			return err
		}
		payment = b.payment
		refund = in.refund(id, payment, now)
		decided := Resolution{ID: id, ImpUID: in.ImpUID, Problem: payment.Problem, CancelledAmount: payment.CancelledAmount,
			DepositCount: payment.DepositCount, Action: in.Action, Reason: in.Reason, Operator: in.Operator, CreatedAt: now}
		return b.resolve(tx, in, decided, refund, life)
	})
	if err != nil || in.Action != RefundIt {
		return payment, err
	}
	if _, err := s.ask(ctx, refund, payment, in.Account); err != nil {
		return payment, err
	}
	return one[Payment](ctx, s.DB, "payment", "imp_uid = ?", in.ImpUID)
}

// refund is what gives back all that is left of p.
func (in ResolveInput) refund(id string, p Payment, now time.Time) Refund {
	return Refund{ID: id, ImpUID: p.ImpUID, UserID: p.UserID, Reference: id, Amount: p.Amount - p.CancelledAmount,
		CancelledBefore: p.CancelledAmount, Reason: in.Reason, RequestedBy: in.Operator, Status: RefundHeld, CreatedAt: now}
}

func (in ResolveInput) check() error {
	if err := checkID("impUid", in.ImpUID); err != nil {
		return err
	}
	switch {
	case in.Action != RefundIt && in.Action != Accept && in.Action != Ignore:
		return refuse(InvalidArgument, "The decision must be REFUND, ACCEPT or IGNORE.")
	case in.Reason == "" || utf8.RuneCountInString(in.Reason) > 200 || hasControl(in.Reason):
		return refuse(InvalidArgument, "reason must be 1 to 200 printable characters.")
	case in.Operator == "" || len(in.Operator) > 128 || hasControl(in.Operator):
		return refuse(InvalidArgument, "operator must be 1 to 128 printable characters.")
	case in.Action != Accept && (in.UserID != "" || in.Points != 0):
		return refuse(InvalidArgument, "Only what is accepted gives points to somebody.")
	case in.Points < 0 || in.Points > maxAmount:
		return refuse(InvalidArgument, "points must be from 1 to %d.", maxAmount)
	case in.Action != RefundIt && in.Account != nil:
		return refuse(InvalidArgument, "Only a refund needs an account.")
	case in.Account != nil:
		return in.Account.check()
	}
	return nil
}

// lockProblem reads a payment as it stands on the list, and locks it and its order, if it has one.
func lockProblem(tx *gorm.DB, impUID string) (books, error) {
	b, err := lockPayment(tx, impUID)
	if err != nil {
		return books{}, err
	}
	var listed []Payment
	if err := tx.Raw(problems+" AND p.imp_uid = ?", impUID).Scan(&listed).Error; err != nil {
		return books{}, err
	}
	if len(listed) == 0 {
		return books{}, refuse(NotFound, "This payment has no problem that is not resolved.")
	}
	b.payment = listed[0]
	return b, nil
}

func isThere(tx *gorm.DB, table, id string) (bool, error) {
	var n int64
	err := tx.Table(table).Where("id = ?", id).Count(&n).Error
	return n > 0, err
}

// resolve writes the decision; of what is accepted the points, and of what is given back the refund.
func (b *books) resolve(tx *gorm.DB, in ResolveInput, decided Resolution, refund Refund, life time.Duration) error {
	given, err := b.gavePoints(tx)
	if err != nil {
		return err
	}
	switch {
	case given && in.Action == RefundIt:
		return refuse(RefundNotPossible, "Points were given for this payment: refund its charge, or take by hand what was given by hand.")
	case given && (in.UserID != "" || in.Points != 0):
		return refuse(InvalidArgument, "Points were given for this payment already.")
	case in.Action == RefundIt && decided.Problem == WrongDeposit: // the payment's amount is what was ordered
		return refuse(RefundNotPossible, "Its account took something else than its amount: give it back by hand, then ignore it.")
	case in.Action == RefundIt && !b.payment.holdsMoney():
		return refuse(RefundNotPossible, "There is nothing left to give back.")
	case in.Action == RefundIt && b.payment.needsAccount() && in.Account == nil:
		return refuse(InvalidArgument, "A virtual account's payment needs the account to refund to.")
	}
	if !given {
		if err := b.wantNoRefund(tx); err != nil {
			return err
		}
	}
	if in.Action == Accept && !given {
		line, err := b.accept(tx, in, decided, life)
		if err != nil {
			return err
		}
		decided.TransactionID = &line.ID
	}
	if err := tx.Create(&decided).Error; err != nil {
		return fmt.Errorf("write resolution: %w", err)
	}
	if in.Action != RefundIt {
		return nil
	}
	if err := tx.Create(&refund).Error; err != nil {
		return fmt.Errorf("write refund: %w", err)
	}
	return nil
}

// gavePoints tells whether the payment was credited, or accepted by hand.
func (b *books) gavePoints(tx *gorm.DB) (bool, error) {
	if b.order.paidBy(b.payment) {
		return true, nil
	}
	var n int64
	err := tx.Table("point_transactions").Where("imp_uid = ? AND kind = ?", b.payment.ImpUID, KindAdjust).Count(&n).Error
	return n > 0, err
}

// wantNoRefund refuses while money is on its way back: to give it back again, or points for it.
func (b *books) wantNoRefund(tx *gorm.DB) error {
	_, open, err := openRefund(tx, b.payment.ImpUID)
	if open {
		err = refuse(RefundNotPossible, "A refund of this payment is under way.")
	}
	return err
}

// accept writes the ADJUST line of a payment that does not fit, and notes on its order that it was accepted.
func (b *books) accept(tx *gorm.DB, in ResolveInput, decided Resolution, life time.Duration) (Transaction, error) {
	user, points := in.UserID, in.Points
	if user == "" {
		user = b.order.UserID
	}
	if points == 0 && b.payment.Currency == "KRW" && decided.Problem != WrongDeposit {
		points = b.payment.Amount
	}
	switch {
	case !b.payment.holdsMoney() || b.payment.CancelledAmount > 0:
		return Transaction{}, refuse(InvalidArgument, "Some of this payment was cancelled: refund the rest, or ignore it.")
	case decided.Problem == AnotherUser:
		return Transaction{}, refuse(InvalidArgument, "Its owner gets the points by a sync: nothing is to be accepted.")
	case decided.Problem == WrongMode:
		return Transaction{}, refuse(InvalidArgument, "No money was paid: this is a payment of the other mode.")
	case points == 0:
		return Transaction{}, refuse(InvalidArgument, "Say how many points it is worth: what was paid is not its amount in won.")
	case b.order.MerchantUID != "" && b.order.UserID != user:
		return Transaction{}, refuse(InvalidArgument, "The order is somebody else's.")
	}
	if err := checkUserID(user); err != nil {
		return Transaction{}, err
	}
	if err := b.markAccepted(tx); err != nil {
		return Transaction{}, err
	}
	line := Transaction{UserID: user, Kind: KindAdjust, Amount: points, ImpUID: &b.payment.ImpUID, Reference: &decided.ID,
		Operator: &in.Operator, Description: in.Reason, CreatedAt: decided.CreatedAt}
	return line, post(tx, &line, LotPaid, life)
}

// markAccepted makes sure that the payment is never credited by its order, should it fit one day.
func (b *books) markAccepted(tx *gorm.DB) error {
	if b.order.MerchantUID == "" || b.order.ImpUID != nil { // an order is paid once
		return nil
	}
	if b.order.AcceptedImpUID != nil {
		return refuse(InvalidArgument, "Another payment of this order was accepted.")
	}
	err := exactlyOne(tx.Exec("UPDATE charge_orders SET accepted_imp_uid = ? WHERE merchant_uid = ?",
		b.payment.ImpUID, b.order.MerchantUID))
	if err != nil {
		return err
	}
	return exactlyOne(tx.Exec("UPDATE payments SET problem = ? WHERE imp_uid = ?", Accepted, b.payment.ImpUID))
}
