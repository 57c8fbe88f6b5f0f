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

// submitTimeout is how soon after its hold a refund is asked for, or never. An operator may release the hold after
// releaseAfter, and no request may leave after that.
const submitTimeout = 30 * time.Second

// RefundStatus says how far a refund has come.
type RefundStatus string

// HELD → (ACCEPTED →) DONE or RELEASED (→ DONE).
const (
	RefundHeld     RefundStatus = "HELD"     // its points are held; what the gateway did is not known yet
	RefundAccepted RefundStatus = "ACCEPTED" // the gateway took it on, and gives the money back later
	RefundDone     RefundStatus = "DONE"     // money and points are back
	RefundReleased RefundStatus = "RELEASED" // it was refused or never made: the points are the user's again, unless it turns up
)

// Refund (환불) is a request to give money of a payment back, and our row of it: of a charge, whose points it holds, or
// by an operator of a payment that gave no points; see Resolve.
type Refund struct {
	ID              string `gorm:"primaryKey"`
	ImpUID          string
	UserID          string // empty for a payment of no order of ours
	Reference       string // the caller's own id of it, or the operator's Resolution
	Amount          int64  // in the payment's currency and unit: won for a charge
	CancelledBefore int64  // the same: what was cancelled when it was asked for
	Reason          string
	Actor           point.Actor `gorm:"embedded;embeddedPrefix:actor_"` // who asked for it
	Status          RefundStatus
	Refusal         string // the gateway's own words when it refused, or why nothing was sent; for operators
	NeverSent       bool   // RELEASED because it surely never reached the gateway: the same reference may begin again
	CreatedAt       time.Time
	EndedAt         *time.Time
}

// TableName is the table's name in SQL.
func (Refund) TableName() string { return "refunds" }

// RefundInput says which charge is given back, and how much of it.
type RefundInput struct {
	TransactionID string // the CHARGE line
	Amount        int64  // won, at least 1
	Reference     string // the caller's own id of it: the same one refunds once
	Reason        string // for the gateway and people, 1 to 200 characters
	Account       *RefundAccount
	Actor         point.Actor // an operator may refund any user's charge, at any time, also a partly used one
}

// Refund (환불) gives money of a charge back at the gateway and takes its points, from each kind its share. The points
// are held first, in a transaction of their own; then the gateway is asked, once; then the books follow what the
// gateway says. When that is not known the refund stays HELD, and a later Sync of the payment finds out.
//
// The same Reference with the same input is one refund: it returns what became of it, or the same refusal of the
// gateway. Refusals: InvalidArgument; NotFound; RefundNotPossible with a reason; GatewayUnavailable when nothing was
// asked for, so that the same Reference may be tried again.
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

// checkReason refuses what cannot be the reason of a refund or of a decision. The gateway keeps 256 characters.
func checkReason(reason string) error { return apierror.CheckText("reason", reason, 1, 200) }

// validate refuses what is longer than the gateway's own fields (contract §1.6).
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

// replay answers a request that was made before with what became of it. The gateway may be down.
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

// findCharge returns the CHARGE line of that id, if the actor may refund it.
func (s *Service) findCharge(ctx context.Context, actor point.Actor, id string) (point.Transaction, error) {
	if err := apierror.CheckID("transactionId", id); err != nil {
		return point.Transaction{}, err
	}
	if actor.IsOperator() {
		return database.FindOne[point.Transaction](ctx, s.db, "charge", "id = ? AND kind = ?", id, point.KindCharge)
	}
	return database.FindOne[point.Transaction](ctx, s.db, "charge", "id = ? AND kind = ? AND user_id = ?", id, point.KindCharge, actor.ID)
}

// holdRefund writes the refund and holds its points, so that they are not spent while the gateway is asked. It returns
// the earlier refund of the same reference, if there is one, and whether it is a fresh one.
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
			fresh = refund.ID == id // our own, if a COMMIT's answer was lost
			return in.checkSameRequest(refund)
		}
		if same >= 0 { // it begins again
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

// lockCharge reads what stands written about a charge, and locks its order and its wallet.
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

// findOpenRefund is the payment's refund that has not ended; it has at most one.
func findOpenRefund(tx *gorm.DB, impUID string) (refund Refund, open bool, err error) {
	refunds, err := readRefunds(tx, impUID)
	if i := slices.IndexFunc(refunds, Refund.isOpen); i >= 0 {
		return refunds[i], true, nil
	}
	return Refund{}, false, err
}

// hold refuses what the quote does not allow; else it writes the refund and holds its points.
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

// submitRefund asks the gateway to give the money back, once, and lets the books follow. The caller may leave: what was
// begun is brought to its end all the same.
func (s *Service) submitRefund(ctx context.Context, r Refund, p Payment, account *RefundAccount) (Refund, error) {
	ctx = context.WithoutCancel(ctx)
	if s.points.CurrentTime().Sub(r.CreatedAt) > submitTimeout {
		late := fmt.Errorf("%w: the request took longer than %s to begin", ErrNotSent, submitTimeout)
		return Refund{}, s.releaseUnsent(ctx, r, neverSent(late))
	}
	after, err := s.Gateway.Cancel(ctx, Cancel{ImpUID: r.ImpUID, Currency: p.Currency, Amount: r.Amount,
		Checksum: p.Amount - r.CancelledBefore, Reason: r.Reason, Account: account,
		Notify: true}) // should we not live to see the answer
	code := apierror.CodeOf(err)
	switch {
	case err == nil:
		err = s.followRefund(ctx, r, after)
	case errors.Is(err, ErrNotSent):
		return Refund{}, s.releaseUnsent(ctx, r, err)
	case code == apierror.RefundNotPossible, code == apierror.InvalidArgument:
		return Refund{}, s.releaseRefused(ctx, r, err)
	default:
		_, err = s.Sync(ctx, r.Actor, r.ImpUID) // never sent again blindly: read what became of it
		if apierror.CodeOf(err) == apierror.GatewayUnavailable {
			err = nil // a later Sync will know; until then the refund stays HELD
		}
	}
	if err != nil {
		return Refund{}, err
	}
	return database.FindOne[Refund](ctx, s.db, "refund", "id = ?", r.ID)
}

// followRefund lets the books follow the gateway's answer to a refund. Some providers take their time, and show no new
// cancellation yet (contract §1.6); the history may have been wrong before.
func (s *Service) followRefund(ctx context.Context, r Refund, after Payment) error {
	if after.sumCancellations() == r.CancelledBefore || after.CancelledAmount == r.CancelledBefore {
		return s.transition(ctx, r, RefundAccepted)
	}
	_, err := s.ApplyPayment(ctx, r.Actor, after)
	return err
}

// releaseUnsent ends a refund that surely never reached the gateway.
func (s *Service) releaseUnsent(ctx context.Context, r Refund, err error) error {
	r.Refusal, r.NeverSent = wordsOf(err), true
	return errors.Join(err, s.transition(ctx, r, RefundReleased))
}

// releaseRefused ends a refund that the gateway refused, and keeps its words. A refusal may mean that the payment was
// cancelled elsewhere, so the payment is read again.
func (s *Service) releaseRefused(ctx context.Context, r Refund, err error) error {
	r.Refusal = wordsOf(err)
	moved := s.transition(ctx, r, RefundReleased)
	_, synced := s.Sync(ctx, r.Actor, r.ImpUID)
	return errors.Join(refusedByGateway(err), moved, synced)
}

// wordsOf returns what the gateway said, or why it said nothing, for the refund's row.
func wordsOf(err error) string {
	if refusal, ok := errors.AsType[*GatewayRefusal](err); ok {
		return refusal.Error()
	}
	return apierror.Printable(err.Error(), 300)
}
