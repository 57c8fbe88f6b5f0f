package point

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

const (
	// refundWindow is how long owners may take back a charge by themselves (청약철회, 전자상거래법 제17조).
	refundWindow = 7 * day
	// askWithin is how soon after its hold a refund is asked for, or never: by the time somebody may have released
	// the hold, no request may leave any more.
	askWithin = 30 * time.Second
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
	RequestedBy     string
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
	RequestedBy   string // the user's id
	Admin         bool   // may refund anybody's, at any time, also partly used charges
}

// Refund (환불) gives money of a charge back at the gateway and takes its points, with the same share of its
// bonus. The points are held first, in a transaction of their own; then the gateway is asked, once; then
// the books follow what the gateway says. When that is not known the refund stays HELD, and a later Sync
// of the payment finds out. It refuses with InvalidArgument, NotFound, RefundNotPossible and, before
// anything was held, GatewayUnavailable.
func (s *Service) Refund(ctx context.Context, in RefundInput) (Refund, error) {
	if err := in.check(); err != nil {
		return Refund{}, err
	}
	charge, err := s.charge(ctx, in.TransactionID, in.RequestedBy, in.Admin)
	if err != nil {
		return Refund{}, err
	}
	earlier, err := one[Refund](ctx, s.DB, "refund", "imp_uid = ? AND reference = ?", charge.ImpUID, in.Reference)
	if err == nil {
		return s.again(ctx, in, earlier)
	}
	if CodeOf(err) != NotFound {
		return Refund{}, err
	}
	payment, err := s.Sync(ctx, *charge.ImpUID)
	if err != nil {
		return Refund{}, err
	}
	if payment.needsAccount() && in.Account == nil {
		return Refund{}, refuse(InvalidArgument, "A virtual account's payment needs the account to refund to.")
	}
	refund, fresh, err := s.hold(ctx, in, charge)
	if err != nil || !fresh {
		return refund, err
	}
	return s.ask(ctx, refund, payment, in.Account)
}

func (in RefundInput) check() error {
	switch {
	case in.Amount < 1 || in.Amount > maxAmount:
		return refuse(InvalidArgument, "amount must be from 1 to %d won.", maxAmount)
	case in.Reference == "" || len(in.Reference) > 100 || hasControl(in.Reference):
		return refuse(InvalidArgument, "reference must be 1 to 100 printable characters.")
	case in.Reason == "" || utf8.RuneCountInString(in.Reason) > 200 || hasControl(in.Reason):
		return refuse(InvalidArgument, "reason must be 1 to 200 printable characters.")
	case in.Account != nil:
		return in.Account.check()
	}
	return nil
}

func (a RefundAccount) check() error {
	good := func(text string, most int) bool {
		return text != "" && utf8.RuneCountInString(text) <= most && !hasControl(text)
	}
	if !good(a.Holder, 16) || !good(a.Bank, 4) || !good(a.Number, 16) || !good(a.Phone, 16) {
		return refuse(InvalidArgument, "The refund account's holder, number and phone are 1 to 16 characters, its bank 1 to 4.")
	}
	return nil
}

// again answers a request that was made before with what became of it. The gateway may be down.
func (s *Service) again(ctx context.Context, in RefundInput, earlier Refund) (Refund, error) {
	if err := in.wantSame(earlier); err != nil || !earlier.open() {
		return earlier, err
	}
	if _, err := s.Sync(ctx, earlier.ImpUID); err != nil && CodeOf(err) != GatewayUnavailable {
		return Refund{}, err
	}
	return one[Refund](ctx, s.DB, "refund", "id = ?", earlier.ID)
}

// charge is the CHARGE line of that id, if by may refund it.
func (s *Service) charge(ctx context.Context, id, by string, admin bool) (Transaction, error) {
	if err := checkID("transactionId", id); err != nil {
		return Transaction{}, err
	}
	if admin {
		return one[Transaction](ctx, s.DB, "charge", "id = ? AND kind = ?", id, KindCharge)
	}
	return one[Transaction](ctx, s.DB, "charge", "id = ? AND kind = ? AND user_id = ?", id, KindCharge, by)
}

// hold writes the refund and holds its points, so that nobody spends them while the gateway is asked. It
// returns the earlier refund of the same reference, if there is one, and whether it is a fresh one.
func (s *Service) hold(ctx context.Context, in RefundInput, charge Transaction) (refund Refund, fresh bool, err error) {
	id, err := newID()
	if err != nil {
		return Refund{}, false, err
	}
	now := s.now()
	err = database.Transact(ctx, s.DB, func(tx *gorm.DB) error {
		b, err := lockCharge(tx, charge)
		if err != nil {
			return err
		}
		earlier, err := refundsOf(tx, b.payment.ImpUID)
		if err != nil {
			return err
		}
		for _, r := range earlier {
			if r.Reference == in.Reference {
				refund, fresh = r, r.ID == id // our own, if a COMMIT's answer was lost
				return in.wantSame(r)
			}
			if r.open() {
				return refuse(RefundNotPossible, refundUnderWay)
			}
		}
		if err := expireDue(tx, charge.UserID, now); err != nil {
			return err
		}
		refund, fresh = in.refund(id, b.payment, now), true
		return b.hold(tx, refund, in.Admin)
	})
	return refund, fresh, err
}

func (in RefundInput) refund(id string, p Payment, now time.Time) Refund {
	return Refund{ID: id, ImpUID: p.ImpUID, UserID: p.UserID, Reference: in.Reference, Amount: in.Amount,
		CancelledBefore: p.CancelledAmount, Reason: in.Reason, RequestedBy: in.RequestedBy, Status: RefundHeld, CreatedAt: now}
}

func (in RefundInput) wantSame(r Refund) error {
	if in.Amount != r.Amount || in.Reason != r.Reason {
		return refuse(InvalidArgument, "This reference was used with another input.")
	}
	return nil
}

func (r Refund) open() bool { return r.Status == RefundHeld || r.Status == RefundAccepted }

// lockCharge reads what stands written about a charge, its order and its wallet locked.
func lockCharge(tx *gorm.DB, charge Transaction) (books, error) {
	b, err := lockPayment(tx, *charge.ImpUID)
	if err != nil {
		return books{}, err
	}
	b.line = &charge
	return b, lockWallet(tx, charge.UserID)
}

func refundsOf(tx *gorm.DB, impUID string) ([]Refund, error) {
	var refunds []Refund
	err := tx.Where("imp_uid = ?", impUID).Order("id").Find(&refunds).Error
	return refunds, err
}

// openRefund is the payment's refund that has not ended; it has at most one.
func openRefund(tx *gorm.DB, impUID string) (refund Refund, open bool, err error) {
	refunds, err := refundsOf(tx, impUID)
	if i := slices.IndexFunc(refunds, Refund.open); i >= 0 {
		return refunds[i], true, nil
	}
	return Refund{}, false, err
}

// hold refuses what the quote does not allow; else it writes the refund and holds its points.
func (b *books) hold(tx *gorm.DB, r Refund, admin bool) error {
	own, err := chargeLots(tx, *b.line)
	if err != nil {
		return err
	}
	quote := b.quote(own, r.CreatedAt, admin)
	if r.Amount > quote.Amount {
		return refuse(RefundNotPossible, "Only %d won can be refunded. %s", quote.Amount, quote.Reason)
	}
	if err := tx.Create(&r).Error; err != nil {
		return fmt.Errorf("write refund: %w", err)
	}
	points := b.order.pointsOf(r.CancelledBefore+r.Amount) - b.order.pointsOf(r.CancelledBefore)
	for _, lot := range own {
		part := min(lot.spendable(r.CreatedAt), points)
		points -= part
		err := exactlyOne(tx.Exec("UPDATE point_lots SET held = held + ? WHERE id = ? AND remaining - held >= ?", part, lot.ID, part))
		if err != nil {
			return fmt.Errorf("hold points: %w", err)
		}
	}
	return nil
}

// ask asks the gateway to give the money back, once, and lets the books follow. The caller may leave; what was
// begun is brought to its end all the same.
func (s *Service) ask(ctx context.Context, r Refund, p Payment, account *RefundAccount) (Refund, error) {
	ctx = context.WithoutCancel(ctx)
	if s.now().Sub(r.CreatedAt) > askWithin {
		return Refund{}, errors.Join(refuse(GatewayUnavailable, "The refund took too long to begin. Try again."),
			s.move(ctx, r, RefundReleased))
	}
	after, err := s.Gateway.Cancel(ctx, Cancel{ImpUID: r.ImpUID, Currency: p.Currency, Amount: r.Amount,
		Checksum: p.Amount - r.CancelledBefore, Reason: r.Reason, Account: account,
		Notify: true}) // should we not live to see the answer
	switch CodeOf(err) {
	case "":
		// Some providers take their time (contract §1.6). The history may have been wrong before.
		if after.cancelledInHistory() == r.CancelledBefore || after.CancelledAmount == r.CancelledBefore {
			err = s.move(ctx, r, RefundAccepted)
		} else {
			_, err = s.merge(ctx, after)
		}
	case RefundNotPossible, InvalidArgument:
		moved := s.move(ctx, r, RefundReleased)
		_, synced := s.Sync(ctx, r.ImpUID) // a refusal may mean that somebody else has cancelled
		return Refund{}, errors.Join(err, moved, synced)
	default:
		_, err = s.Sync(ctx, r.ImpUID) // never sent again blindly: read what became of it
		if CodeOf(err) == GatewayUnavailable {
			err = nil // a later Sync will know; until then the refund stays HELD
		}
	}
	if err != nil {
		return Refund{}, err
	}
	return one[Refund](ctx, s.DB, "refund", "id = ?", r.ID)
}
