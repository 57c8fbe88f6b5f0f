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

// Charge (충전) turns the payment impUID of userID into points and returns its CHARGE line.
//
// Why a payment cannot be credited twice: every caller comes through apply, which reads the order
// FOR UPDATE before any decision, and writes everything in one database transaction. Should that
// lock ever fail, two unique indexes still stand: one CHARGE line per payment, and one per order.
//
// The first Charge of the rightful owner returns the line, also after the webhook credited the
// payment. Errors: InvalidArgument, PaymentNotFound (also for another user's payment),
// PaymentNotPaid, PaymentMismatch, PaymentAlreadyCharged with the line's id, GatewayUnavailable.
func (s *Service) Charge(ctx context.Context, userID, impUID string) (point.Transaction, error) {
	payment, err := s.FetchPayment(ctx, impUID)
	if err != nil {
		return point.Transaction{}, err
	}
	claimID, err := database.NewID()
	if err != nil {
		return point.Transaction{}, err
	}
	var written paymentState
	var refusal error
	rules := s.applyRules(point.Actor{Kind: point.ActorUser, ID: userID}, userID)
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) (err error) {
		if written, err = apply(tx, rules, payment); err != nil {
			return err
		}
		if refusal = written.refuseCharge(userID); refusal != nil {
			return nil // commit all the same: operators want to see the refused payment
		}
		return claim(tx, &written.order, claimID, rules.now)
	})
	switch {
	case err != nil:
		return point.Transaction{}, fmt.Errorf("charge %s: %w", impUID, err)
	case refusal != nil:
		return point.Transaction{}, refusal
	case *written.order.ClaimID != claimID:
		return point.Transaction{}, &apierror.Error{Code: apierror.PaymentAlreadyCharged, Message: "This payment was charged before.",
			Params: map[string]any{apierror.ParamTransactionID: written.line.ID}}
	}
	return *written.line, nil
}

// Sync (동기화) makes the books agree with the gateway's present answer about the payment impUID, and
// returns the written payment. Any number of callers may sync in any order, with the same books as
// result. A payment that must not be credited is kept with its Problem, without an error. Errors:
// InvalidArgument, PaymentNotFound, GatewayUnavailable.
func (s *Service) Sync(ctx context.Context, actor point.Actor, impUID string) (Payment, error) {
	payment, err := s.FetchPayment(ctx, impUID)
	if err != nil {
		return Payment{}, err
	}
	return s.ApplyPayment(ctx, actor, payment)
}

// SyncOrder syncs the attempts to pay the order merchantUID: the paid attempt counts, not the
// newest (contract §5, F28). Unchanged attempts cost nothing, and only the first 100 attempts
// without money are kept. Errors are those of Sync, after the sync of all readable attempts.
func (s *Service) SyncOrder(ctx context.Context, actor point.Actor, merchantUID string) ([]Payment, error) {
	if err := apierror.CheckID("merchantUid", merchantUID); err != nil {
		return nil, err
	}
	payments, err := s.Gateway.Payments(ctx, merchantUID)
	written, failed := s.readWritten(ctx, payments)
	if failed != nil {
		return nil, errors.Join(err, failed)
	}
	kept := len(written)
	for i, p := range payments {
		w, known := written[p.ImpUID]
		if known && w.isSettled(p) {
			payments[i] = w.Payment
			continue
		}
		if !known && s.isWithoutMoney(p) {
			if kept++; kept > maxKeptAttempts {
				continue
			}
		}
		if payments[i], failed = s.applyInTransaction(ctx, actor, p); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return payments, err
}

// isWithoutMoney tells whether the attempt is worth nothing to this server.
func (s *Service) isWithoutMoney(p Payment) bool {
	return p.VirtualAccount.Number == "" && (!p.wasPaid() || p.Sandbox == s.Live)
}

// FetchPayment asks the gateway. No transaction is open here, so a slow gateway holds no connection
// (F34).
func (s *Service) FetchPayment(ctx context.Context, impUID string) (Payment, error) {
	if err := apierror.CheckID("impUid", impUID); err != nil {
		return Payment{}, err
	}
	payment, err := s.Gateway.Payment(ctx, impUID)
	if err != nil {
		return Payment{}, fmt.Errorf("look up %s: %w", impUID, err)
	}
	if payment.ImpUID != impUID {
		return Payment{}, &apierror.Error{Code: apierror.GatewayUnavailable, Message: "The payment gateway gave a wrong answer.",
			Err: fmt.Errorf("%w: it is about another payment", ErrUntrustworthy)}
	}
	return payment, nil
}

// ApplyPayment merges the gateway's answer about a payment into the books, and returns the written
// payment. An answer without news writes and locks nothing.
func (s *Service) ApplyPayment(ctx context.Context, actor point.Actor, payment Payment) (Payment, error) {
	written, err := s.readWritten(ctx, []Payment{payment})
	if err != nil {
		return Payment{}, err
	}
	w, known := written[payment.ImpUID]
	if !known || !w.isSettled(payment) {
		return s.applyInTransaction(ctx, actor, payment)
	}
	now := s.points.CurrentTime()
	if w.Credited && w.isLookDue(now) {
		err = database.Transact(ctx, s.db, func(tx *gorm.DB) error { return w.recordLook(tx, now) })
	}
	w.Cancellations, w.Deposits = payment.Cancellations, payment.Deposits
	return w.Payment, err
}

func (s *Service) applyInTransaction(ctx context.Context, actor point.Actor, payment Payment) (Payment, error) {
	var written paymentState
	rules := s.applyRules(actor, "")
	err := database.Transact(ctx, s.db, func(tx *gorm.DB) (err error) {
		written, err = apply(tx, rules, payment)
		return err
	})
	if err != nil {
		return Payment{}, fmt.Errorf("sync %s: %w", payment.ImpUID, err)
	}
	return written.payment, nil
}

// applyRules are the inputs of apply besides the payment.
type applyRules struct {
	live      bool
	discounts bool        // whether a promotion may pay a part of the price
	actor     point.Actor // cause of the change; stored with every line
	caller    string      // the user who claims the payment; empty for callers without a claim
	now       time.Time
	points    *point.Service
	lifetimes point.Lifetimes

	maxOrderAge time.Duration
}

func (s *Service) applyRules(actor point.Actor, caller string) applyRules {
	return applyRules{live: s.Live, discounts: s.AcceptDiscounts, actor: actor, caller: caller, now: s.points.CurrentTime(),
		points: s.points, lifetimes: s.points.Lifetimes, maxOrderAge: s.maxOrderAge()}
}

// paymentState is the state of one payment in the books.
type paymentState struct {
	order   Order // zero for an unknown merchant_uid
	payment Payment
	line    *point.Transaction // the CHARGE line, once there is one

	bookings bookings // the booked cancellations; see readBookings
}

// apply merges the gateway's whole answer about one payment into the books. Changes only move
// forward, so any order, any repetition and any caller gives the same books; a stale answer changes
// nothing.
func apply(tx *gorm.DB, r applyRules, answer Payment) (paymentState, error) {
	order, err := lockOrder(tx, answer.MerchantUID)
	if err != nil {
		return paymentState{}, err
	}
	payment, err := r.mergePayment(tx, order, answer)
	if err != nil {
		return paymentState{}, err
	}
	written := paymentState{order: order, payment: payment}
	switch {
	case order.isPaidBy(payment):
		err = written.applyCancellations(tx, r)
	case payment.HoldsMoney() && payment.Problem == NoProblem:
		err = written.credit(tx, r)
		if err == nil && payment.CancelledAmount > 0 { // cancelled before the first news of the payment
			err = written.applyCancellations(tx, r)
		}
	case order.mayAwaitDeposit(payment):
		err = written.updateDepositDeadline(tx, r)
	}
	if err == nil && payment.Status == Failed {
		err = written.recordFailure(tx)
	}
	if err == nil && written.line == nil && payment.wasPaid() {
		err = written.applyUncreditedCancellations(tx, r.now)
	}
	return written, err
}

// lockOrder reads the order and locks the row until the transaction ends. All writers of an order
// take the same lock. An unknown order gives a zero Order and no error.
func lockOrder(tx *gorm.DB, merchantUID string) (Order, error) {
	var orders []Order
	err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).
		Where("merchant_uid = ?", merchantUID).Limit(1).Find(&orders).Error
	if err != nil || len(orders) == 0 {
		return Order{}, err
	}
	return orders[0], nil
}

// validate returns the reason why the payment must give no points. NoProblem means that the payment
// may be credited, has been credited, or was not paid.
func (r applyRules) validate(o Order, p Payment) Problem {
	switch {
	// The credited payment had other facts.
	case o.isPaidBy(p) && r.findMismatch(o, p) != NoProblem:
		return r.findMismatch(o, p)
	case o.isPaidBy(p) && p.historyIsWrong():
		return WrongCancellations
	// The credit stays. An operator gives the other deposits back.
	case o.isPaidBy(p) && p.depositsAreWrong():
		return WrongDeposit
	case o.isPaidBy(p):
		return NoProblem
	case p.AcceptedDepositCount != nil:
		return p.findSinceAccepted()
	case p.Amount > 0 && !p.HoldsMoney() && !p.depositsAreWrong():
		return NoProblem // not paid, or given back in full
	case r.findMismatch(o, p) != NoProblem:
		return r.findMismatch(o, p)
	case o.ImpUID != nil:
		return OrderAlreadyPaid
	case o.ClosingID != nil:
		return OrderClosed
	case r.isLate(o, p):
		return Late
	case p.historyIsWrong():
		return WrongCancellations
	case p.depositsAreWrong():
		return WrongDeposit
	case r.caller != "" && r.caller != o.UserID:
		return AnotherUser
	}
	return NoProblem
}

// findSinceAccepted returns later problems of a payment credited by an operator's hand. After a
// cancellation by hand, the shop must also take the points back by hand.
func (p Payment) findSinceAccepted() Problem {
	switch {
	case p.CancelledAmount > 0:
		return AcceptedCancelled
	case p.DepositCount > *p.AcceptedDepositCount:
		return WrongDeposit
	}
	return Accepted
}

// isLate tells whether the payment was made after the order's time. A deposit before the account's
// deadline is in time, and so is a timely payment with late news.
func (r applyRules) isLate(o Order, p Payment) bool {
	end := o.CreatedAt.Add(r.maxOrderAge)
	if o.ExpiresAt.After(end) {
		end = o.ExpiresAt
	}
	paidAt := r.now
	if p.PaidAt != nil && p.PaidAt.Before(paidAt) {
		paidAt = *p.PaidAt
	}
	return paidAt.After(end)
}

// findMismatch returns the first way in which the payment does not fit the order, paid or not.
func (r applyRules) findMismatch(o Order, p Payment) Problem {
	switch {
	case p.Sandbox == r.live:
		return WrongMode
	case o.MerchantUID == "":
		return UnknownOrder
	case p.issuesKey():
		return KeyIssuing
	case p.Currency != o.Currency: // ten dollars are not ten won (F24)
		return WrongCurrency
	case p.Amount != o.Price:
		return WrongAmount
	case p.Discount > 0 && !r.discounts:
		return Discounted
	case p.Escrow:
		return InEscrow
	}
	return NoProblem
}

// refuseCharge returns Charge's error for a payment without a line for userID.
func (b paymentState) refuseCharge(userID string) error {
	switch {
	case b.order.UserID != userID: // an unknown order's is empty
		return UnknownPayment(errors.New("the payment is for somebody else's order, or none of ours"))
	case b.line != nil:
		return nil
	case b.payment.Problem != NoProblem:
		return &apierror.Error{Code: apierror.PaymentMismatch, Message: "This payment does not fit its order. It was kept for the operator.",
			Err: fmt.Errorf("payment %s of order %s: %s", b.payment.ImpUID, b.payment.MerchantUID, b.payment.Problem)}
	}
	if b.payment.Status == Paid { // and given back in full before the credit
		return apierror.New(apierror.PaymentNotPaid, "This payment is %s, not paid.", Cancelled)
	}
	return apierror.New(apierror.PaymentNotPaid, "This payment is %s, not paid.", b.payment.Status)
}

// credit writes the points of a newly paid order: the CHARGE line, and the BONUS line for a bonus.
func (b *paymentState) credit(tx *gorm.DB, r applyRules) error {
	line := point.Transaction{UserID: b.order.UserID, Kind: point.KindCharge, Amount: b.order.Points, ImpUID: &b.payment.ImpUID,
		Reference: &b.order.MerchantUID, Actor: r.actor, Description: b.order.Name, CreatedAt: r.now}
	bonus := line
	bonus.Kind, bonus.Amount = point.KindBonus, b.order.BonusPoints
	if err := point.Credit(tx, &line, point.LotPaid, r.lifetimes.Of(point.LotPaid)); err != nil {
		return err
	}
	if bonus.Amount > 0 {
		if err := point.Credit(tx, &bonus, point.LotBonus, r.lifetimes.Of(point.LotBonus)); err != nil {
			return err
		}
	}
	b.line = &line
	return b.setStatus(tx, OrderPaid)
}

// applyCancellations books the new cancellations of a credited payment and updates the order's
// status.
func (b *paymentState) applyCancellations(tx *gorm.DB, r applyRules) error {
	if err := b.readLine(tx); err != nil {
		return err
	}
	if err := b.clawBack(tx, r); err != nil {
		return err
	}
	return b.setStatus(tx, b.order.statusAfter(b.cancelledInAll()))
}

// readLine reads the CHARGE line of a credited payment, unless read before.
func (b *paymentState) readLine(tx *gorm.DB) error {
	if b.line != nil {
		return nil
	}
	b.line = new(point.Transaction)
	if err := tx.Where("imp_uid = ? AND kind = ?", b.payment.ImpUID, point.KindCharge).Take(b.line).Error; err != nil {
		return fmt.Errorf("read the charge line: %w", err)
	}
	return nil
}

// claim records which Charge call (createPointTransaction) received the CHARGE line as its answer,
// unless an earlier call did. After a COMMIT with a lost answer, claimID tells the call's own
// record from another call's.
func claim(tx *gorm.DB, o *Order, claimID string, now time.Time) error {
	if o.ClaimID != nil {
		return nil
	}
	o.ClaimID, o.ClaimedAt = &claimID, &now
	done := tx.Exec("UPDATE charge_orders SET claim_id = ?, claimed_at = ? WHERE merchant_uid = ? AND claim_id IS NULL",
		claimID, now, o.MerchantUID)
	return database.ExactlyOne(done)
}
