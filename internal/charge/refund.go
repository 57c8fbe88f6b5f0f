package charge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// submitTimeout is the time from a refund's hold to the request. A later request is never sent,
// because an operator may release the hold after releaseAfter.
const submitTimeout = 30 * time.Second

// RefundStatus says how far a refund has come.
type RefundStatus string

// HELD → (ACCEPTED →) DONE or RELEASED (→ DONE).
const (
	// The points are held; the gateway's action is not known yet.
	RefundHeld RefundStatus = "HELD"
	// The gateway accepted the request, and gives the money back later.
	RefundAccepted RefundStatus = "ACCEPTED"
	// The money was given back.
	RefundDone RefundStatus = "DONE"
	// Refused or never made: the points are the user's again. A late cancellation makes the refund
	// DONE.
	RefundReleased RefundStatus = "RELEASED"
)

// Refund (환불) is a request to give money of a payment back, and a row of the database. A refund of
// a charge holds the charge's points. An operator's refund of a payment without points holds none;
// see Resolve.
type Refund struct {
	ID              string `gorm:"primaryKey"`
	ImpUID          string
	UserID          string // empty for a payment of an unknown order
	Reference       string // the caller's own id of the refund, or the operator's Resolution
	Amount          int64  // in the payment's currency and unit: won for a charge
	CancelledBefore int64  // the same: the cancelled amount at the request
	Reason          string
	Actor           point.Actor `gorm:"embedded;embeddedPrefix:actor_"` // the requester
	Status          RefundStatus
	// The gateway's own words of a refusal, or why no request was sent; for operators.
	Refusal string
	// RELEASED without a request to the gateway: the same reference may begin again.
	NeverSent bool
	CreatedAt time.Time
	EndedAt   *time.Time
}

// TableName is the table's name in SQL.
func (Refund) TableName() string { return "refunds" }

// RefundInput is a charge, and the amount to give back.
type RefundInput struct {
	TransactionID string // the CHARGE line
	Amount        int64  // won, at least 1
	Reference     string // the caller's own id of the refund: the same id refunds once
	Reason        string // for the gateway and people, 1 to 200 characters
	Account       *RefundAccount
	// An operator may refund any user's charge, at any time, also a partly used one.
	Actor point.Actor
}

// Refund (환불) gives money of a charge back at the gateway and takes the points, a share of each
// kind. First the points are held, in a separate transaction. Then the gateway is asked, once. Then
// the books are synced with the gateway. With an unknown outcome the refund stays HELD, and a later
// Sync of the payment finds out.
//
// The same Reference with the same input is one refund: the result is the refund's outcome, or the
// same refusal of the gateway. Errors: InvalidArgument; NotFound; RefundNotPossible with a reason;
// GatewayUnavailable when no request was sent, so that the same Reference may be tried again.
func (s *Service) Refund(ctx context.Context, in RefundInput) (Refund, error) {
	if err := in.validate(); err != nil {
		return Refund{}, err
	}
	charge, err := s.findCharge(ctx, in.Actor, in.TransactionID)
	if err != nil {
		return Refund{}, err
	}
	earlier, err := database.FindOne[Refund](ctx, s.db, "refund", "imp_uid = ? AND reference = ?", charge.ImpUID, in.Reference)
	switch {
	case err == nil && !earlier.NeverSent:
		return s.replay(ctx, in, earlier)
	case err != nil && apierror.CodeOf(err) != apierror.NotFound:
		return Refund{}, err
	}
	payment, err := s.Sync(ctx, in.Actor, *charge.ImpUID)
	if err != nil {
		return Refund{}, err
	}
	if payment.needsAccount() && in.Account == nil {
		return Refund{}, apierror.Invalid("account", "A virtual account's payment needs the account to refund to.")
	}
	refund, fresh, err := s.holdRefund(ctx, in, charge)
	if err != nil || !fresh {
		return refund, err
	}
	return s.submitRefund(ctx, refund, payment, in.Account)
}

func (in RefundInput) validate() error {
	if err := apierror.CheckAmount("amount", in.Amount, 1, point.MaxAmount, "won"); err != nil {
		return err
	}
	if err := apierror.CheckReference("reference", in.Reference); err != nil {
		return err
	}
	if err := checkReason(in.Reason); err != nil {
		return err
	}
	if in.Account == nil {
		return nil
	}
	return in.Account.validate()
}

// checkReason refuses an unusable reason of a refund or of a decision. The gateway keeps 256
// characters.
func checkReason(reason string) error { return apierror.CheckText("reason", reason, 1, 200) }

// validate refuses values longer than the gateway's own fields (contract §1.6).
func (a RefundAccount) validate() error {
	if err := apierror.CheckText("account.holder", a.Holder, 1, 16); err != nil {
		return err
	}
	if err := apierror.CheckText("account.bank", a.Bank, 1, 4); err != nil {
		return err
	}
	if err := apierror.CheckText("account.number", a.Number, 1, 16); err != nil {
		return err
	}
	return apierror.CheckText("account.phone", a.Phone, 1, 16)
}

// replay answers a repeated request with the outcome of the first, also while the gateway is down.
func (s *Service) replay(ctx context.Context, in RefundInput, earlier Refund) (Refund, error) {
	if err := in.checkSameRequest(earlier); err != nil {
		return Refund{}, err
	}
	if !earlier.isOpen() {
		return earlier.answer()
	}
	if _, err := s.Sync(ctx, in.Actor, earlier.ImpUID); err != nil && apierror.CodeOf(err) != apierror.GatewayUnavailable {
		return Refund{}, err
	}
	after, err := database.FindOne[Refund](ctx, s.db, "refund", "id = ?", earlier.ID)
	if err != nil {
		return Refund{}, err
	}
	return after.answer()
}

// answer returns the refund, or the gateway's refusal of it.
func (r Refund) answer() (Refund, error) {
	switch {
	case r.Status != RefundReleased || r.Refusal == "":
		return r, nil
	case r.NeverSent:
		return Refund{}, neverSent(errors.New(r.Refusal))
	}
	return Refund{}, refusedByGateway(errors.New(r.Refusal))
}

func refusedByGateway(err error) error {
	return &apierror.Error{Code: apierror.RefundNotPossible, Reason: ReasonGatewayRefused,
		Message: "The payment provider refused the refund. Ask the shop.", Err: err}
}

func neverSent(err error) error {
	return &apierror.Error{Code: apierror.GatewayUnavailable, Reason: ReasonNotSent,
		Message: "The payment gateway could not be reached. Nothing was done. Try again.", Err: err}
}

// findCharge returns the CHARGE line with the given id, if the actor may refund the charge.
func (s *Service) findCharge(ctx context.Context, actor point.Actor, id string) (point.Transaction, error) {
	if err := apierror.CheckID("transactionId", id); err != nil {
		return point.Transaction{}, err
	}
	if actor.IsOperator() {
		return database.FindOne[point.Transaction](ctx, s.db, "charge", "id = ? AND kind = ?", id, point.KindCharge)
	}
	return database.FindOne[point.Transaction](ctx, s.db, "charge", "id = ? AND kind = ? AND user_id = ?", id, point.KindCharge, actor.ID)
}

// holdRefund writes the refund and holds the points, so that the user cannot spend the points
// during the gateway's call. The result is the earlier refund of the same reference, if any, and
// whether the refund is a fresh one.
func (s *Service) holdRefund(ctx context.Context, in RefundInput, charge point.Transaction) (refund Refund, fresh bool, err error) {
	id, err := database.NewID()
	if err != nil {
		return Refund{}, false, err
	}
	now := s.points.CurrentTime()
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		b, err := lockCharge(tx, charge)
		if err != nil {
			return err
		}
		earlier, err := readRefunds(tx, b.payment.ImpUID)
		if err != nil {
			return err
		}
		same := slices.IndexFunc(earlier, func(r Refund) bool { return r.Reference == in.Reference })
		if same >= 0 && !earlier[same].NeverSent {
			refund = earlier[same]
			fresh = refund.ID == id // this call's own, written before a COMMIT's answer was lost
			return in.checkSameRequest(refund)
		}
		if same >= 0 { // never sent, begins again
			if err := database.ExactlyOne(tx.Exec("DELETE FROM refunds WHERE id = ?", earlier[same].ID)); err != nil {
				return err
			}
			earlier = slices.Delete(earlier, same, same+1)
		}
		if err := s.points.ExpireDue(tx, in.Actor, charge.UserID, now); err != nil {
			return err
		}
		refund, fresh = in.newRefund(id, b.payment, now), true
		return b.hold(tx, refund, earlier)
	})
	return refund, fresh, err
}

func (in RefundInput) newRefund(id string, p Payment, now time.Time) Refund {
	return Refund{ID: id, ImpUID: p.ImpUID, UserID: p.UserID, Reference: in.Reference, Amount: in.Amount,
		CancelledBefore: p.CancelledAmount, Reason: in.Reason, Actor: in.Actor, Status: RefundHeld, CreatedAt: now}
}

func (in RefundInput) checkSameRequest(r Refund) error {
	if in.Amount != r.Amount || in.Reason != r.Reason {
		return apierror.Invalid("reference", "This reference was used with another input.")
	}
	return nil
}

func (r Refund) isOpen() bool { return r.Status == RefundHeld || r.Status == RefundAccepted }

// lockCharge reads a charge from the books, and locks the order and the wallet.
func lockCharge(tx *gorm.DB, charge point.Transaction) (paymentState, error) {
	b, err := lockPayment(tx, *charge.ImpUID)
	if err != nil {
		return paymentState{}, err
	}
	b.line = &charge
	if err := point.LockWallet(tx, charge.UserID); err != nil {
		return paymentState{}, err
	}
	return b, b.readBookings(tx)
}

func readRefunds(tx *gorm.DB, impUID string) ([]Refund, error) {
	var refunds []Refund
	err := tx.Where("imp_uid = ?", impUID).Order("id").Find(&refunds).Error
	return refunds, err
}

// findOpenRefund returns the payment's open refund, of which there is at most one.
func findOpenRefund(tx *gorm.DB, impUID string) (refund Refund, open bool, err error) {
	refunds, err := readRefunds(tx, impUID)
	if i := slices.IndexFunc(refunds, Refund.isOpen); i >= 0 {
		return refunds[i], true, nil
	}
	return Refund{}, false, err
}

// hold refuses a refund beyond the quote, or writes the refund and holds the points.
func (b *paymentState) hold(tx *gorm.DB, r Refund, earlier []Refund) error {
	stock, err := b.readStock(tx)
	if err != nil {
		return err
	}
	if err := b.quote(stock, earlier, r.CreatedAt, r.Actor).refuse(r.Amount); err != nil {
		return err
	}
	held, ok := stock.reserve(b.shareOf(r.Amount), r.CreatedAt, r.Actor.IsOperator())
	if !ok {
		return fmt.Errorf("hold points of %s: the quote allowed %d won, the lots do not have their points", r.ImpUID, r.Amount)
	}
	if err := tx.Create(&r).Error; err != nil {
		return fmt.Errorf("write refund: %w", err)
	}
	return point.HoldLots(tx, stock.lots, held)
}

// refuse returns why an amount cannot be refunded, in won.
func (q RefundQuote) refuse(won int64) error {
	e := &apierror.Error{Code: apierror.RefundNotPossible, Argument: "amount"}
	switch {
	case won > q.Amount && q.Reason == "":
		e.Reason, e.Message = ReasonTooMuch, fmt.Sprintf("Only %d won are left to refund.", q.Amount)
		e.Params = map[string]any{apierror.ParamLimit: q.Amount}
	case won > q.Amount:
		e.Reason, e.Message = q.ReasonCode, fmt.Sprintf("Only %d won can be refunded. %s", q.Amount, q.Reason)
		e.Params = map[string]any{apierror.ParamLimit: q.Amount}
	case won < q.Minimum:
		e.Reason, e.Message = ReasonTooSmall, fmt.Sprintf("At least %d won can be refunded at a time.", q.Minimum)
		e.Params = map[string]any{apierror.ParamLimit: q.Minimum}
	default:
		return nil
	}
	return e
}

// submitRefund asks the gateway to give the money back, once, and syncs the books. The caller may
// leave: a begun request is completed.
func (s *Service) submitRefund(ctx context.Context, r Refund, p Payment, account *RefundAccount) (Refund, error) {
	ctx = context.WithoutCancel(ctx)
	if s.points.CurrentTime().Sub(r.CreatedAt) > submitTimeout {
		late := fmt.Errorf("%w: the request took longer than %s to begin", ErrNotSent, submitTimeout)
		return Refund{}, s.releaseUnsent(ctx, r, neverSent(late))
	}
	after, err := s.Gateway.Cancel(ctx, Cancel{ImpUID: r.ImpUID, Currency: p.Currency, Amount: r.Amount,
		Checksum: p.Amount - r.CancelledBefore, Reason: r.Reason, Account: account,
		Notify: true}) // for an answer that this process does not live to see
	code := apierror.CodeOf(err)
	switch {
	case err == nil:
		err = s.followRefund(ctx, r, after)
	case errors.Is(err, ErrNotSent):
		return Refund{}, s.releaseUnsent(ctx, r, err)
	case code == apierror.RefundNotPossible, code == apierror.InvalidArgument:
		return Refund{}, s.releaseRefused(ctx, r, err)
	default:
		_, err = s.Sync(ctx, r.Actor, r.ImpUID) // never sent again blindly: read the outcome
		if apierror.CodeOf(err) == apierror.GatewayUnavailable {
			err = nil // a later Sync will know; until then the refund stays HELD
		}
	}
	if err != nil {
		return Refund{}, err
	}
	return database.FindOne[Refund](ctx, s.db, "refund", "id = ?", r.ID)
}

// followRefund merges the gateway's answer to a refund into the books. Some providers take time,
// and show no new cancellation yet (contract §1.6); the history may have been wrong before.
func (s *Service) followRefund(ctx context.Context, r Refund, after Payment) error {
	if after.sumCancellations() == r.CancelledBefore || after.CancelledAmount == r.CancelledBefore {
		return s.transition(ctx, r, RefundAccepted)
	}
	_, err := s.ApplyPayment(ctx, r.Actor, after)
	return err
}

// releaseUnsent ends a refund whose request surely never reached the gateway.
func (s *Service) releaseUnsent(ctx context.Context, r Refund, err error) error {
	r.Refusal, r.NeverSent = wordsOf(err), true
	return errors.Join(err, s.transition(ctx, r, RefundReleased))
}

// releaseRefused ends a refund after the gateway's refusal, and keeps the gateway's words. The
// cause may be a cancellation made elsewhere, so the payment is synced.
func (s *Service) releaseRefused(ctx context.Context, r Refund, err error) error {
	r.Refusal = wordsOf(err)
	moved := s.transition(ctx, r, RefundReleased)
	_, synced := s.Sync(ctx, r.Actor, r.ImpUID)
	return errors.Join(refusedByGateway(err), moved, synced)
}

// wordsOf returns the gateway's words, or the cause of a missing answer, for the refund's row.
func wordsOf(err error) string {
	if refusal, ok := errors.AsType[*GatewayRefusal](err); ok {
		return refusal.Error()
	}
	return apierror.Printable(err.Error(), 300)
}
