package point

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

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
	Action          Action
	Reason          string
	Operator        string
	TransactionID   *string // the ADJUST line of what was accepted
	CreatedAt       time.Time
}

// TableName is the table's name in SQL.
func (Resolution) TableName() string { return "resolutions" }

// problems are the payments that an operator has to look at: those with a problem nobody has accepted or ignored
// as it is now, and those accepted by hand and cancelled since, whose points the shop must take back by hand.
const problems = `SELECT p.imp_uid, p.merchant_uid, p.user_id, p.status, p.amount, p.cancelled_amount, p.currency,
		p.pay_method, p.pg_provider, p.pg_tid, p.sandbox, p.paid_at, p.synced_at, p.raw,
		CASE WHEN p.problem IN ('', 'ACCEPTED') THEN 'ACCEPTED_CANCELLED' ELSE p.problem END AS problem
	FROM payments p
	WHERE ((p.problem NOT IN ('', 'ACCEPTED')) OR (p.cancelled_amount > 0 AND EXISTS
			(SELECT 1 FROM resolutions a WHERE a.imp_uid = p.imp_uid AND a.transaction_id IS NOT NULL)))
		AND NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.imp_uid = p.imp_uid AND r.action <> 'REFUND'
			AND r.cancelled_amount = p.cancelled_amount
			AND r.problem = CASE WHEN p.problem IN ('', 'ACCEPTED') THEN 'ACCEPTED_CANCELLED' ELSE p.problem END)`

// Problems (확인 필요 결제) are the payments that an operator has to look at, the oldest first; at most limit.
func (s *Service) Problems(ctx context.Context, limit int) ([]Payment, error) {
	var found []Payment
	err := s.DB.WithContext(ctx).Raw(problems+" ORDER BY p.synced_at, p.imp_uid LIMIT ?", limit).Scan(&found).Error
	if err != nil {
		return nil, fmt.Errorf("read problems: %w", err)
	}
	return found, nil
}

// ProblemCount is how many payments an operator has to look at.
func (s *Service) ProblemCount(ctx context.Context) (int64, error) {
	var n int64
	err := s.DB.WithContext(ctx).Raw("SELECT COUNT(*) FROM (" + problems + ") listed").Scan(&n).Error
	return n, err
}

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
	// a point for each won; a payment of an unknown order has no such default.
	UserID  string
	Points  int64
	Account *RefundAccount // for the refund of a virtual account's payment
}

// Resolve (처리) does what an operator decided about a payment on the list of problems, and keeps the decision. It
// syncs first. The payment it returns is what stands written then. REFUND gives back all that is left of a payment
// that was not credited, once: see Gateway.Cancel. ACCEPT gives points for one by hand, as an ADJUST line, and makes
// sure that it is never credited besides; of a credited payment it accepts the books as they are. It refuses with
// InvalidArgument, NotFound, PaymentNotFound, RefundNotPossible and GatewayUnavailable.
func (s *Service) Resolve(ctx context.Context, in ResolveInput) (Payment, error) {
	if err := in.check(); err != nil {
		return Payment{}, err
	}
	if _, err := s.Sync(ctx, in.ImpUID); err != nil && CodeOf(err) != PaymentNotFound {
		return Payment{}, err // one that the gateway has forgotten can still be accepted or ignored
	}
	id, err := newID()
	if err != nil {
		return Payment{}, err
	}
	var payment Payment
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
		decided := Resolution{ID: id, ImpUID: in.ImpUID, Problem: payment.Problem, CancelledAmount: payment.CancelledAmount,
			Action: in.Action, Reason: in.Reason, Operator: in.Operator, CreatedAt: now}
		return b.resolve(tx, in, decided, life)
	})
	if err != nil || in.Action != RefundIt {
		return payment, err
	}
	return s.giveBackAll(ctx, in, payment)
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

// lockProblem reads a payment on the list, and locks it and its order, if it has one.
func lockProblem(tx *gorm.DB, impUID string) (books, error) {
	var merchantUIDs []string
	err := tx.Raw("SELECT merchant_uid FROM payments WHERE imp_uid = ?", impUID).Scan(&merchantUIDs).Error
	if err != nil {
		return books{}, err
	}
	if len(merchantUIDs) == 0 {
		return books{}, UnknownPayment(nil)
	}
	order, err := lockOrder(tx, merchantUIDs[0])
	if err != nil {
		return books{}, err
	}
	// The order may be unknown: then the payment's own row keeps a second operator waiting.
	lock := clause.Locking{Strength: clause.LockingStrengthUpdate}
	if err := tx.Clauses(lock).Where("imp_uid = ?", impUID).Take(&Payment{}).Error; err != nil {
		return books{}, err
	}
	var listed []Payment
	if err := tx.Raw(problems+" AND p.imp_uid = ?", impUID).Scan(&listed).Error; err != nil {
		return books{}, err
	}
	if len(listed) == 0 {
		return books{}, refuse(NotFound, "This payment has no problem that is not resolved.")
	}
	return books{order: order, payment: listed[0]}, nil
}

func isThere(tx *gorm.DB, table, id string) (bool, error) {
	var n int64
	err := tx.Table(table).Where("id = ?", id).Count(&n).Error
	return n > 0, err
}

// resolve writes the decision, and of what is accepted the points.
func (b *books) resolve(tx *gorm.DB, in ResolveInput, decided Resolution, life time.Duration) error {
	credited := b.order.paidBy(b.payment)
	switch {
	case in.Action == RefundIt && (credited || decided.Problem == AcceptedCancelled):
		return refuse(RefundNotPossible, "Points were given for this payment: refund its charge.")
	case in.Action == RefundIt && !b.payment.holdsMoney():
		return refuse(RefundNotPossible, "There is nothing left to give back.")
	case in.Action == RefundIt && b.payment.needsAccount() && in.Account == nil:
		return refuse(InvalidArgument, "A virtual account's payment needs the account to refund to.")
	case in.Action == Accept && !credited && decided.Problem != AcceptedCancelled:
		line, err := b.accept(tx, in, decided, life)
		if err != nil {
			return err
		}
		decided.TransactionID = &line.ID
	}
	if err := tx.Create(&decided).Error; err != nil {
		return fmt.Errorf("write resolution: %w", err)
	}
	return nil
}

// accept writes the ADJUST line of a payment that does not fit, and notes on its order that it was accepted.
func (b *books) accept(tx *gorm.DB, in ResolveInput, decided Resolution, life time.Duration) (Transaction, error) {
	user, points := in.UserID, in.Points
	if user == "" {
		user = b.order.UserID
	}
	if points == 0 && b.payment.Currency == "KRW" {
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
		return Transaction{}, refuse(InvalidArgument, "Say how many points a payment in %s is worth.", b.payment.Currency)
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

// giveBackAll asks the gateway, once, for all that is left of a payment. Its checksum keeps a second one from
// happening. When its answer is lost, the payment stays on the list until a sync knows.
func (s *Service) giveBackAll(ctx context.Context, in ResolveInput, p Payment) (Payment, error) {
	left := p.Amount - p.CancelledAmount
	after, err := s.Gateway.Cancel(context.WithoutCancel(ctx), Cancel{ImpUID: p.ImpUID, Currency: p.Currency,
		Amount: left, Checksum: left, Reason: in.Reason, Account: in.Account, Notify: true})
	if err != nil {
		return p, err
	}
	return s.merge(context.WithoutCancel(ctx), after)
}
