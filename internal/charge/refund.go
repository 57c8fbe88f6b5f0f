package charge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

const (
	// refundWindow is how long owners may take back a charge by themselves (청약철회, 전자상거래법 제17조).
	refundWindow = 7 * day
	// submitTimeout is how soon after its hold a refund is asked for, or never: by the time somebody may have released
	// the hold, no request may leave any more.
	submitTimeout = 30 * time.Second
)

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

// Refund (환불) gives money of a charge back at the gateway and takes its points, with the same share of its
// bonus. The points are held first, in a transaction of their own; then the gateway is asked, once; then
// the books follow what the gateway says. When that is not known the refund stays HELD, and a later Sync
// of the payment finds out. It refuses with InvalidArgument, NotFound, RefundNotPossible and, before
// anything was held, GatewayUnavailable.
func (s *Service) Refund(ctx context.Context, in RefundInput) (Refund, error) {
	if err := in.validate(); err != nil {
		return Refund{}, err
	}
	charge, err := s.findCharge(ctx, in.Actor, in.TransactionID)
	if err != nil {
		return Refund{}, err
	}
	earlier, err := database.FindOne[Refund](ctx, s.db, "refund", "imp_uid = ? AND reference = ?", charge.ImpUID, in.Reference)
	if err == nil {
		return s.replay(ctx, in, earlier)
	}
	if apierror.CodeOf(err) != apierror.NotFound {
		return Refund{}, err
	}
	payment, err := s.Sync(ctx, in.Actor, *charge.ImpUID)
	if err != nil {
		return Refund{}, err
	}
	if payment.needsAccount() && in.Account == nil {
		return Refund{}, apierror.New(apierror.InvalidArgument, "A virtual account's payment needs the account to refund to.")
	}
	refund, fresh, err := s.holdRefund(ctx, in, charge)
	if err != nil || !fresh {
		return refund, err
	}
	return s.submitRefund(ctx, refund, payment, in.Account)
}

func (in RefundInput) validate() error {
	switch {
	case in.Amount < 1 || in.Amount > point.MaxAmount:
		return apierror.New(apierror.InvalidArgument, "amount must be from 1 to %d won.", point.MaxAmount)
	case in.Reference == "" || len(in.Reference) > 100 || apierror.HasControl(in.Reference):
		return apierror.New(apierror.InvalidArgument, "reference must be 1 to 100 printable characters.")
	case in.Reason == "" || utf8.RuneCountInString(in.Reason) > 200 || apierror.HasControl(in.Reason):
		return apierror.New(apierror.InvalidArgument, "reason must be 1 to 200 printable characters.")
	case in.Account != nil:
		return in.Account.validate()
	}
	return nil
}

func (a RefundAccount) validate() error {
	good := func(text string, most int) bool {
		return text != "" && utf8.RuneCountInString(text) <= most && !apierror.HasControl(text)
	}
	if !good(a.Holder, 16) || !good(a.Bank, 4) || !good(a.Number, 16) || !good(a.Phone, 16) {
		return apierror.New(apierror.InvalidArgument, "The refund account's holder, number and phone are 1 to 16 characters, its bank 1 to 4.")
	}
	return nil
}

// replay answers a request that was made before with what became of it. The gateway may be down.
func (s *Service) replay(ctx context.Context, in RefundInput, earlier Refund) (Refund, error) {
	if err := in.checkSameRequest(earlier); err != nil || !earlier.isOpen() {
		return earlier, err
	}
	if _, err := s.Sync(ctx, in.Actor, earlier.ImpUID); err != nil && apierror.CodeOf(err) != apierror.GatewayUnavailable {
		return Refund{}, err
	}
	return database.FindOne[Refund](ctx, s.db, "refund", "id = ?", earlier.ID)
}

// findCharge is the CHARGE line of that id, if by may refund it.
func (s *Service) findCharge(ctx context.Context, actor point.Actor, id string) (point.Transaction, error) {
	if err := apierror.CheckID("transactionId", id); err != nil {
		return point.Transaction{}, err
	}
	if actor.IsOperator() {
		return database.FindOne[point.Transaction](ctx, s.db, "charge", "id = ? AND kind = ?", id, point.KindCharge)
	}
	return database.FindOne[point.Transaction](ctx, s.db, "charge", "id = ? AND kind = ? AND user_id = ?", id, point.KindCharge, actor.ID)
}

// holdRefund writes the refund and holds its points, so that nobody spends them while the gateway is asked. It
// returns the earlier refund of the same reference, if there is one, and whether it is a fresh one.
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
		for _, r := range earlier {
			if r.Reference == in.Reference {
				refund, fresh = r, r.ID == id // our own, if a COMMIT's answer was lost
				return in.checkSameRequest(r)
			}
			if r.isOpen() {
				return apierror.New(apierror.RefundNotPossible, refundUnderWay)
			}
		}
		if err := point.ExpireDue(tx, in.Actor, charge.UserID, now); err != nil {
			return err
		}
		refund, fresh = in.newRefund(id, b.payment, now), true
		return b.hold(tx, refund)
	})
	return refund, fresh, err
}

func (in RefundInput) newRefund(id string, p Payment, now time.Time) Refund {
	return Refund{ID: id, ImpUID: p.ImpUID, UserID: p.UserID, Reference: in.Reference, Amount: in.Amount,
		CancelledBefore: p.CancelledAmount, Reason: in.Reason, Actor: in.Actor, Status: RefundHeld, CreatedAt: now}
}

func (in RefundInput) checkSameRequest(r Refund) error {
	if in.Amount != r.Amount || in.Reason != r.Reason {
		return apierror.New(apierror.InvalidArgument, "This reference was used with another input.")
	}
	return nil
}

func (r Refund) isOpen() bool { return r.Status == RefundHeld || r.Status == RefundAccepted }

// lockCharge reads what stands written about a charge, its order and its wallet locked.
func lockCharge(tx *gorm.DB, charge point.Transaction) (paymentState, error) {
	b, err := lockPayment(tx, *charge.ImpUID)
	if err != nil {
		return paymentState{}, err
	}
	b.line = &charge
	return b, point.LockWallet(tx, charge.UserID)
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
func (b *paymentState) hold(tx *gorm.DB, r Refund) error {
	own, err := point.ChargeLots(tx, b.payment.ImpUID)
	if err != nil {
		return err
	}
	quote := b.quote(own, r.CreatedAt, r.Actor)
	if r.Amount > quote.Amount {
		return apierror.New(apierror.RefundNotPossible, "Only %d won can be refunded. %s", quote.Amount, quote.Reason)
	}
	if err := tx.Create(&r).Error; err != nil {
		return fmt.Errorf("write refund: %w", err)
	}
	points := b.order.pointsForCancelled(r.CancelledBefore+r.Amount) - b.order.pointsForCancelled(r.CancelledBefore)
	return point.HoldLots(tx, own, points, r.CreatedAt)
}

// submitRefund asks the gateway to give the money back, once, and lets the books follow. The caller may leave; what was
// begun is brought to its end all the same.
func (s *Service) submitRefund(ctx context.Context, r Refund, p Payment, account *RefundAccount) (Refund, error) {
	ctx = context.WithoutCancel(ctx)
	if s.points.CurrentTime().Sub(r.CreatedAt) > submitTimeout {
		return Refund{}, errors.Join(apierror.New(apierror.GatewayUnavailable, "The refund took too long to begin. Try again."),
			s.transition(ctx, r, RefundReleased))
	}
	after, err := s.Gateway.Cancel(ctx, Cancel{ImpUID: r.ImpUID, Currency: p.Currency, Amount: r.Amount,
		Checksum: p.Amount - r.CancelledBefore, Reason: r.Reason, Account: account,
		Notify: true}) // should we not live to see the answer
	switch apierror.CodeOf(err) {
	case "":
		// Some providers take their time (contract §1.6). The history may have been wrong before.
		if after.sumCancellations() == r.CancelledBefore || after.CancelledAmount == r.CancelledBefore {
			err = s.transition(ctx, r, RefundAccepted)
		} else {
			_, err = s.ApplyPayment(ctx, r.Actor, after)
		}
	case apierror.RefundNotPossible, apierror.InvalidArgument:
		moved := s.transition(ctx, r, RefundReleased)
		_, synced := s.Sync(ctx, r.Actor, r.ImpUID) // a refusal may mean that somebody else has cancelled
		return Refund{}, errors.Join(err, moved, synced)
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
