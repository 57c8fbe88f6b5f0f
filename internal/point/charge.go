package point

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/database"
)

// Charge (충전) turns the payment impUID of userID into points and returns its CHARGE line.
//
// Why a payment cannot be credited twice: every caller comes through apply, which reads the order FOR
// UPDATE before it judges, and writes everything in one database transaction. Should that lock ever
// fail, two unique indexes still stand: one CHARGE line per payment, and one per order.
//
// The first Charge of the rightful owner returns the line, also when the webhook credited it before.
// Refusals: InvalidArgument, PaymentNotFound (also for somebody else's payment), PaymentNotPaid,
// PaymentMismatch, PaymentAlreadyCharged with the line's id, GatewayUnavailable.
func (s *Service) Charge(ctx context.Context, userID, impUID string) (Transaction, error) {
	payment, err := s.lookUp(ctx, impUID)
	if err != nil {
		return Transaction{}, err
	}
	claimID, err := newID()
	if err != nil {
		return Transaction{}, err
	}
	var written books
	var refusal error
	rules := s.rules(userID)
	err = database.Transact(ctx, s.DB, func(tx *gorm.DB) (err error) {
		if written, err = apply(tx, rules, payment); err != nil {
			return err
		}
		if refusal = written.refusal(userID); refusal != nil {
			return nil // commit all the same: the operator wants to see what was refused
		}
		return claim(tx, &written.order, claimID, rules.now)
	})
	switch {
	case err != nil:
		return Transaction{}, fmt.Errorf("charge %s: %w", impUID, err)
	case refusal != nil:
		return Transaction{}, refusal
	case *written.order.ClaimID != claimID:
		return Transaction{}, &Error{Code: PaymentAlreadyCharged, TransactionID: written.line.ID,
			Message: "This payment was charged before."}
	}
	return *written.line, nil
}

// Sync (동기화) makes our books agree with what the gateway says of the payment impUID now, and returns
// what is written of it. Any number of callers may sync in any order; the books come out the same. A
// payment that must not be credited is kept with its Problem, which is no error here. It refuses with
// InvalidArgument, PaymentNotFound or GatewayUnavailable.
func (s *Service) Sync(ctx context.Context, impUID string) (Payment, error) {
	payment, err := s.lookUp(ctx, impUID)
	if err != nil {
		return Payment{}, err
	}
	return s.merge(ctx, payment)
}

// SyncOrder syncs every attempt to pay the order merchantUID: the paid one counts, not the newest
// (contract §5, F28). It refuses as Sync does, after it has synced those that it could.
func (s *Service) SyncOrder(ctx context.Context, merchantUID string) ([]Payment, error) {
	if err := checkID("merchantUid", merchantUID); err != nil {
		return nil, err
	}
	payments, err := s.Gateway.Payments(ctx, merchantUID)
	for i, p := range payments {
		var failed error
		if payments[i], failed = s.merge(ctx, p); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return payments, err
}

// lookUp asks the gateway. No transaction is open here, so a slow gateway holds no connection (F34).
func (s *Service) lookUp(ctx context.Context, impUID string) (Payment, error) {
	if err := checkID("impUid", impUID); err != nil {
		return Payment{}, err
	}
	payment, err := s.Gateway.Payment(ctx, impUID)
	if err != nil {
		return Payment{}, fmt.Errorf("look up %s: %w", impUID, err)
	}
	if payment.ImpUID != impUID {
		return Payment{}, &Error{Code: GatewayUnavailable, Message: "The payment gateway gave a wrong answer.",
			Err: fmt.Errorf("%w: it is about another payment", ErrUntrustworthy)}
	}
	return payment, nil
}

func (s *Service) merge(ctx context.Context, payment Payment) (Payment, error) {
	var written books
	rules := s.rules("")
	err := database.Transact(ctx, s.DB, func(tx *gorm.DB) (err error) {
		written, err = apply(tx, rules, payment)
		return err
	})
	if err != nil {
		return Payment{}, fmt.Errorf("sync %s: %w", payment.ImpUID, err)
	}
	return written.payment, nil
}

// rules is what apply needs to know besides the payment.
type rules struct {
	live      bool
	caller    string // who claims the payment; empty for callers who claim nothing
	now       time.Time
	lifetimes Lifetimes
}

func (s *Service) rules(caller string) rules {
	return rules{live: s.Live, caller: caller, now: s.now(), lifetimes: s.Lifetimes}
}

// books is what stands written about one payment.
type books struct {
	order   Order // zero when the payment's merchant_uid is none of ours
	payment Payment
	line    *Transaction // the CHARGE line, once there is one
}

// apply merges the gateway's whole answer about one payment into the books. It only moves forward, so
// any order, any repetition and any caller gives the same books; a stale answer changes nothing.
func apply(tx *gorm.DB, r rules, answer Payment) (books, error) {
	order, err := lockOrder(tx, answer.MerchantUID)
	if err != nil {
		return books{}, err
	}
	answer.UserID, answer.SyncedAt, answer.DepositCount = order.UserID, r.now, len(answer.Deposits)
	answer.Problem = r.judge(order, answer)
	payment, err := keep(tx, answer)
	if err != nil {
		return books{}, err
	}
	written := books{order: order, payment: payment}
	switch {
	case order.paidBy(payment):
		err = written.follow(tx, r)
	case payment.holdsMoney() && payment.Problem == NoProblem:
		err = written.credit(tx, r)
		if err == nil && payment.CancelledAmount > 0 { // before anybody told us of the payment
			err = written.follow(tx, r)
		}
	case order.waitsFor(payment):
		err = written.await(tx, r)
	}
	if err == nil && written.line == nil && payment.everPaid() {
		err = written.followUncredited(tx, r.now)
	}
	return written, err
}

// lockOrder reads the order and keeps everybody else from it until the transaction ends: the order's
// row is the lock. An unknown order is no error, but a zero Order.
func lockOrder(tx *gorm.DB, merchantUID string) (Order, error) {
	var orders []Order
	err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).
		Where("merchant_uid = ?", merchantUID).Limit(1).Find(&orders).Error
	if err != nil || len(orders) == 0 {
		return Order{}, err
	}
	return orders[0], nil
}

// judge says why the payment must give no points; NoProblem when it may, has already, or was not paid.
func (r rules) judge(o Order, p Payment) Problem {
	switch {
	case o.paidBy(p) && r.mismatch(o, p) != NoProblem: // it was another payment when it was credited
		return r.mismatch(o, p)
	case o.paidBy(p) && p.wrongHistory():
		return WrongCancellations
	case o.paidBy(p) && p.wrongDeposits(): // what was credited stays; the rest is the operator's to give back
		return WrongDeposit
	case o.paidBy(p):
		return NoProblem
	case o.AcceptedImpUID != nil && *o.AcceptedImpUID == p.ImpUID:
		return Accepted
	case p.Amount > 0 && !p.holdsMoney() && !p.wrongDeposits():
		return NoProblem // nobody paid, or all of it was given back
	case r.mismatch(o, p) != NoProblem:
		return r.mismatch(o, p)
	case o.ImpUID != nil:
		return OrderAlreadyPaid
	case p.wrongHistory():
		return WrongCancellations
	case p.wrongDeposits():
		return WrongDeposit
	case r.caller != "" && r.caller != o.UserID:
		return AnotherUser
	}
	return NoProblem
}

// mismatch says why the payment is none for the order, whether it is paid or not.
func (r rules) mismatch(o Order, p Payment) Problem {
	switch {
	case p.Sandbox == r.live:
		return WrongMode
	case o.MerchantUID == "":
		return UnknownOrder
	case p.Currency != o.Currency: // ten dollars are not ten won (F24)
		return WrongCurrency
	case p.Amount != o.Price:
		return WrongAmount
	}
	return NoProblem
}

// refusal is what Charge answers userID when there is no line for them.
func (b books) refusal(userID string) error {
	switch {
	case b.order.UserID != userID: // an unknown order's is empty
		return UnknownPayment(errors.New("the payment is for somebody else's order, or none of ours"))
	case b.line != nil:
		return nil
	case b.payment.Problem != NoProblem:
		return &Error{Code: PaymentMismatch, Message: "This payment does not fit its order. It was kept for the operator.",
			Err: fmt.Errorf("payment %s of order %s: %s", b.payment.ImpUID, b.payment.MerchantUID, b.payment.Problem)}
	}
	if b.payment.Status == Paid { // and given back in full before it was credited
		return refuse(PaymentNotPaid, "This payment is %s, not paid.", Cancelled)
	}
	return refuse(PaymentNotPaid, "This payment is %s, not paid.", b.payment.Status)
}

// credit writes the points of a newly paid order: the CHARGE line, and the BONUS line if it has one.
func (b *books) credit(tx *gorm.DB, r rules) error {
	line := Transaction{UserID: b.order.UserID, Kind: KindCharge, Amount: b.order.Points, ImpUID: &b.payment.ImpUID,
		Reference: &b.order.MerchantUID, Description: b.order.Name, CreatedAt: r.now}
	bonus := line
	bonus.Kind, bonus.Amount = KindBonus, b.order.BonusPoints
	if err := post(tx, &line, LotPaid, r.lifetimes.of(LotPaid)); err != nil {
		return err
	}
	if bonus.Amount > 0 {
		if err := post(tx, &bonus, LotBonus, r.lifetimes.of(LotBonus)); err != nil {
			return err
		}
	}
	b.line = &line
	return b.setStatus(tx, OrderPaid)
}

// follow takes a credited payment further: it books new cancellations and moves the order's status along.
func (b *books) follow(tx *gorm.DB, r rules) error {
	if b.line == nil {
		b.line = new(Transaction)
		if err := tx.Where("imp_uid = ? AND kind = ?", b.payment.ImpUID, KindCharge).Take(b.line).Error; err != nil {
			return fmt.Errorf("read the charge line: %w", err)
		}
	}
	if err := b.clawBack(tx, r.now); err != nil {
		return err
	}
	return b.setStatus(tx, paidStatus(b.payment))
}

// claim notes that claimID took the line home, unless another Charge did so before. The id tells our
// own claim, written by a COMMIT whose answer was lost, from somebody else's.
func claim(tx *gorm.DB, o *Order, claimID string, now time.Time) error {
	if o.ClaimID != nil {
		return nil
	}
	o.ClaimID, o.ClaimedAt = &claimID, &now
	done := tx.Exec("UPDATE charge_orders SET claim_id = ?, claimed_at = ? WHERE merchant_uid = ? AND claim_id IS NULL",
		claimID, now, o.MerchantUID)
	return exactlyOne(done)
}
