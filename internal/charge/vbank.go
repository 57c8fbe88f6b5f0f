package charge

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// issueLease is how long nobody else may issue an account for an order once somebody began to. It is longer than
// askWithin and a call to the gateway together: by its end an account that was asked for shows in the order's payments.
const issueLease = 2 * time.Minute

// maxDepositHours is the longest time that somebody may have for a deposit.
const maxDepositHours = 720

// AccountInput says which virtual account an order is given.
type AccountInput struct {
	MerchantUID string
	Bank        string // the payment provider's code of the bank, 1 to 8 letters and digits
	Holder      string // whose account it shall say it is, 1 to 16 characters
	Hours       int    // until the deadline of the deposit, from 1 to 720
}

// AccountOrder is the virtual account that the gateway is asked for. Amount is in the currency's minor unit.
type AccountOrder struct {
	MerchantUID string
	Name        string
	Amount      int64
	Currency    string
	Bank        string
	Holder      string
	DepositBy   time.Time
}

// IssueVirtualAccount (가상계좌 발급) gives userID's order an account to transfer the money to, and returns the order,
// which waits for the deposit then. An order that has an account already is returned as it is. It refuses with
// InvalidArgument (also when the order has expired, or the gateway refused), NotFound, PaymentAlreadyCharged and
// GatewayUnavailable, after which it may be tried again: an account that was made after all is found and used.
//
// Every request makes another account at the gateway, so only who holds the order's lease asks for one, and looks
// first. The lease of a process that died, or of a request whose answer was lost, ends by itself.
func (s *Service) IssueVirtualAccount(ctx context.Context, userID string, in AccountInput) (Order, error) {
	if err := in.validate(); err != nil {
		return Order{}, err
	}
	order, err := s.Order(ctx, userID, in.MerchantUID)
	if err != nil {
		return Order{}, err
	}
	if order.PayMethod != PayByVirtualAccount {
		return Order{}, apierror.New(apierror.InvalidArgument, "This order is not to be paid by virtual account.")
	}
	if done, err := s.hasAccount(ctx, order); done || err != nil {
		return order, err
	}
	leased := s.points.CurrentTime()
	lease, err := s.acquireLease(ctx, order, leased)
	if err != nil {
		return Order{}, err
	}
	ctx = context.WithoutCancel(ctx) // the caller may leave; what was begun is brought to its end all the same
	order, done, err := s.syncAccounts(ctx, order)
	switch now := s.points.CurrentTime(); {
	case done || err != nil:
	case lease == "":
		err = apierror.New(apierror.GatewayUnavailable, "An account is being issued for this order. Try again in a minute.")
	case order.ClosingID != nil:
		err = apierror.New(apierror.InvalidArgument, "This order is closed. Open another one.")
	case order.Status == OrderExpired || !now.Before(order.ExpiresAt):
		err = apierror.New(apierror.InvalidArgument, "This order has expired. Open another one.")
	case now.Sub(leased) > submitTimeout:
		err = apierror.New(apierror.GatewayUnavailable, "It took too long to begin. Try again.")
	default:
		return s.issueAccount(ctx, order, in, lease)
	}
	return order, errors.Join(err, s.releaseLease(ctx, order, lease))
}

var bankCode = regexp.MustCompile(`^[A-Za-z0-9]{1,8}$`)

func (in AccountInput) validate() error {
	if !bankCode.MatchString(in.Bank) {
		return apierror.Invalid("bank", "bank must be 1 to 8 letters or digits.")
	}
	if err := apierror.CheckText("holder", in.Holder, 1, 16); err != nil {
		return err
	}
	return apierror.CheckAmount("hours", int64(in.Hours), 1, maxDepositHours, "hours")
}

// hasAccount tells whether the order needs no account (any more): it has one that awaits its deposit. An order that is paid
// is refused.
func (s *Service) hasAccount(ctx context.Context, o Order) (bool, error) {
	if o.ImpUID == nil {
		return o.Status == OrderWaitingDeposit && s.points.CurrentTime().Before(o.ExpiresAt), nil
	}
	line, err := s.OrderTransaction(ctx, o)
	if err != nil {
		return false, err
	}
	return false, &apierror.Error{Code: apierror.PaymentAlreadyCharged, Message: "This order is paid already.",
		Params: map[string]any{apierror.ParamTransactionID: line.ID}}
}

// syncAccounts is served, once the books know all that the gateway does of the order.
func (s *Service) syncAccounts(ctx context.Context, o Order) (Order, bool, error) {
	if _, err := s.SyncOrder(ctx, point.Actor{Kind: point.ActorUser, ID: o.UserID}, o.MerchantUID); err != nil && !isAboutAttempts(err) {
		return o, false, err
	}
	o, err := s.Order(ctx, o.UserID, o.MerchantUID)
	if err != nil {
		return o, false, err
	}
	done, err := s.hasAccount(ctx, o)
	return o, done, err
}

// acquireLease takes the right to issue an account for the order, and is empty when somebody else has it.
func (s *Service) acquireLease(ctx context.Context, o Order, now time.Time) (string, error) {
	id, err := database.NewID()
	if err != nil {
		return "", err
	}
	var mine bool
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		done := tx.Exec(`UPDATE charge_orders SET issuing_id = ?, issuing_until = ? WHERE merchant_uid = ?
			AND (issuing_id IS NULL OR issuing_id = ? OR issuing_until <= ?)`, id, now.Add(issueLease), o.MerchantUID, id, now)
		mine = done.RowsAffected == 1
		return done.Error
	})
	if err != nil {
		return "", fmt.Errorf("lease order %s: %w", o.MerchantUID, err)
	}
	if !mine {
		return "", nil
	}
	return id, nil
}

// releaseLease gives the lease back. Somebody else's, and none, are left alone.
func (s *Service) releaseLease(ctx context.Context, o Order, lease string) error {
	if lease == "" {
		return nil
	}
	return database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		return tx.Exec("UPDATE charge_orders SET issuing_id = NULL, issuing_until = NULL WHERE merchant_uid = ? AND issuing_id = ?",
			o.MerchantUID, lease).Error
	})
}

// issueAccount asks the gateway, once, and lets the books follow. The lease is kept when nobody knows whether there is an
// account now.
func (s *Service) issueAccount(ctx context.Context, o Order, in AccountInput, lease string) (Order, error) {
	deadline := s.points.CurrentTime().Add(time.Duration(in.Hours) * time.Hour).Truncate(time.Second)
	payment, err := s.Gateway.IssueVirtualAccount(ctx, AccountOrder{MerchantUID: o.MerchantUID, Name: o.Name, Amount: o.Price,
		Currency: o.Currency, Bank: in.Bank, Holder: in.Holder, DepositBy: deadline})
	if errors.Is(err, ErrNotSent) { // there is surely no account
		return Order{}, errors.Join(err, s.releaseLease(ctx, o, lease))
	}
	switch apierror.CodeOf(err) {
	case "":
		if _, err = s.ApplyPayment(ctx, point.Actor{Kind: point.ActorUser, ID: o.UserID}, payment); err != nil {
			return Order{}, err
		}
	case apierror.InvalidArgument:
		return Order{}, errors.Join(err, s.releaseLease(ctx, o, lease))
	default:
		after, done, looked := s.syncAccounts(ctx, o)
		if !done { // also when it was paid meanwhile, or the gateway is down altogether
			return Order{}, errors.Join(err, looked)
		}
		return after, s.releaseLease(ctx, o, lease)
	}
	after, err := s.Order(ctx, o.UserID, o.MerchantUID)
	if err == nil && after.Status == o.Status {
		err = &apierror.Error{Code: apierror.GatewayUnavailable, Message: "The payment gateway gave a wrong answer.",
			Err: fmt.Errorf("account %s is none to pay order %s with", payment.ImpUID, o.MerchantUID)}
	}
	return after, errors.Join(err, s.releaseLease(ctx, o, lease))
}

// RevokeVirtualAccount (가상계좌 말소) makes every account of userID's order, or for an admin of anybody's, take no deposit
// any more, and returns the order as it is then: PENDING or EXPIRED, as its own deadline says, or PAID when a deposit came
// first. Where nothing waits for a deposit, nothing is done. It refuses with NotFound, InvalidArgument (also when the
// gateway refused) and GatewayUnavailable.
func (s *Service) RevokeVirtualAccount(ctx context.Context, actor point.Actor, merchantUID string) (Order, error) {
	if err := apierror.CheckID("merchantUid", merchantUID); err != nil {
		return Order{}, err
	}
	order, err := database.FindOne[Order](ctx, s.db, "order", "merchant_uid = ? AND (user_id = ? OR ?)", merchantUID, actor.ID, actor.IsOperator())
	if err != nil {
		return Order{}, err
	}
	// This finds accounts that nobody told us of, too.
	if _, err := s.SyncOrder(ctx, actor, merchantUID); err != nil && !isAboutAttempts(err) {
		return Order{}, err
	}
	accounts, err := gorm.G[Payment](s.db).Where("merchant_uid = ? AND vbank_num <> '' AND status = ? AND revoked_at IS NULL",
		merchantUID, Ready).Order("imp_uid").Find(ctx)
	if err != nil {
		return Order{}, fmt.Errorf("read virtual accounts: %w", err)
	}
	for _, account := range accounts {
		if err := s.revokeAccount(context.WithoutCancel(ctx), actor, account); err != nil {
			return Order{}, err
		}
	}
	return s.Order(ctx, order.UserID, merchantUID)
}

// revokeAccount asks the gateway to revoke one account. When it refused, or nobody knows, the payment itself tells.
func (s *Service) revokeAccount(ctx context.Context, actor point.Actor, account Payment) error {
	answer, err := s.Gateway.RevokeVirtualAccount(ctx, account.ImpUID)
	if err != nil {
		payment, looked := s.Sync(ctx, actor, account.ImpUID)
		if looked == nil && payment.Status != Ready { // the deposit came first, or it was revoked after all
			return nil
		}
		return errors.Join(err, looked)
	}
	rules := s.applyRules(actor, "")
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		if _, err := lockOrder(tx, account.MerchantUID); err != nil {
			return err
		}
		err := database.ExactlyOne(tx.Exec("UPDATE payments SET revoked_at = COALESCE(revoked_at, ?) WHERE imp_uid = ?", rules.now, account.ImpUID))
		if err == nil {
			_, err = apply(tx, rules, answer)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke account of %s: %w", account.ImpUID, err)
	}
	return nil
}
