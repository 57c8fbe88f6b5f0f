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

// issueLease is how long no other request may issue an account for an order after one began. The
// lease is longer than submitTimeout and a call to the gateway together: at the end of the lease a
// requested account shows in the order's payments.
const issueLease = 2 * time.Minute

// maxDepositHours is the longest time for a deposit.
const maxDepositHours = 720

// AccountInput describes the virtual account for an order.
type AccountInput struct {
	MerchantUID string
	Bank        string // the payment provider's code of the bank, 1 to 8 letters and digits
	Holder      string // the account holder's name to display, 1 to 16 characters
	Hours       int    // until the deadline of the deposit, from 1 to 720
}

// AccountOrder is the request to the gateway for a virtual account. Amount is in the currency's
// minor unit.
type AccountOrder struct {
	MerchantUID string
	Name        string
	Amount      int64
	Currency    string
	Bank        string
	Holder      string
	DepositBy   time.Time
}

// IssueVirtualAccount (가상계좌 발급) gives userID's order an account for the transfer, and returns the
// order, which then waits for the deposit. An order with an account is returned unchanged. Errors:
// InvalidArgument (also for an expired order, or after the gateway's refusal), NotFound,
// PaymentAlreadyCharged and GatewayUnavailable. After GatewayUnavailable a new try is safe: an
// account made by the earlier try is found and used.
//
// Every request to the gateway makes another account, so only the holder of the order's lease sends
// one, and syncs first. The lease of a dead process, or of a request with a lost answer, ends by
// time.
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
	// The caller may leave, but a begun request is completed.
	ctx = context.WithoutCancel(ctx)
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

// hasAccount tells whether the order has an account that awaits its deposit. A paid order is
// refused.
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

// syncAccounts syncs the order, and returns the order and the result of hasAccount.
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

// acquireLease takes the right to issue an account for the order. The result is empty while another
// request has the lease.
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

// releaseLease gives the lease back. Another request's lease, or none, is left alone.
func (s *Service) releaseLease(ctx context.Context, o Order, lease string) error {
	if lease == "" {
		return nil
	}
	return database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		return tx.Exec("UPDATE charge_orders SET issuing_id = NULL, issuing_until = NULL WHERE merchant_uid = ? AND issuing_id = ?",
			o.MerchantUID, lease).Error
	})
}

// issueAccount asks the gateway, once, and syncs the books. The lease is kept while the outcome is
// unknown.
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
		if !done { // also after a payment, or with the gateway down altogether
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

// RevokeVirtualAccount (가상계좌 말소) closes every account of userID's order for deposits, for an admin
// of any user's order, and returns the order: PENDING or EXPIRED by the order's own deadline, or
// PAID when a deposit came first. Without an awaited deposit nothing changes. Errors: NotFound,
// InvalidArgument (also after the gateway's refusal), GatewayUnavailable.
func (s *Service) RevokeVirtualAccount(ctx context.Context, actor point.Actor, merchantUID string) (Order, error) {
	if err := apierror.CheckID("merchantUid", merchantUID); err != nil {
		return Order{}, err
	}
	order, err := database.FindOne[Order](ctx, s.db, "order", "merchant_uid = ? AND (user_id = ? OR ?)", merchantUID, actor.ID, actor.IsOperator())
	if err != nil {
		return Order{}, err
	}
	// The sync also finds accounts without a notice.
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

// revokeAccount asks the gateway to revoke one account. After a refusal or an unknown outcome, the
// payment itself tells.
func (s *Service) revokeAccount(ctx context.Context, actor point.Actor, account Payment) error {
	answer, err := s.Gateway.RevokeVirtualAccount(ctx, account.ImpUID)
	if err != nil {
		payment, looked := s.Sync(ctx, actor, account.ImpUID)
		// The deposit came first, or the account was revoked after all.
		if looked == nil && payment.Status != Ready {
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
