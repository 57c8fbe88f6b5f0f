package charge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/apierror"
)

// ErrUntrustworthy says that the gateway answered, and that its answer is not one to move money by.
var ErrUntrustworthy = errors.New("untrustworthy answer")

// Gateway (결제대행) is what the domain needs of Iamport. Its methods return *Error: PaymentNotFound
// for a payment that does not exist, GatewayUnavailable when no trustworthy answer was to be had: with
// ErrUntrustworthy in its chain when there was an answer, but none to believe.
// They are bounded in time by themselves and must never be called inside a database transaction.
type Gateway interface {
	// Payment reads one payment (contract §1.5).
	Payment(ctx context.Context, impUID string) (Payment, error)
	// Payments reads every attempt to pay one order, in no particular order: the newest need not
	// be the paid one (contract §1.5). An order nobody tried to pay has none, which is no error. When it could
	// not read some of them, the others come beside the error.
	Payments(ctx context.Context, merchantUID string) ([]Payment, error)
	// PaymentList reads one page of the payments that were paid or cancelled in a period, those of test channels
	// included (contract §1.5). A page that is not there any more, because the list got shorter, is empty.
	PaymentList(ctx context.Context, listing Listing) (PaymentPage, error)
	// Prepare registers what merchantUID must cost, so that the payment window refuses any other
	// amount (contract §1.7). Amount is in the currency's minor unit: won for KRW.
	Prepare(ctx context.Context, merchantUID string, amount int64, currency string) error
	// Cancel gives money back, once and never again by itself, and returns the payment as it is then
	// (contract §1.6). It fails with RefundNotPossible when the gateway refused: nothing happened then. After
	// GatewayUnavailable nobody knows; look the payment up.
	Cancel(ctx context.Context, cancel Cancel) (Payment, error)
	// IssueVirtualAccount makes a bank account for one payment of an order, once and never again by itself, and
	// returns that payment, which is ready (contract §1.8). It fails with InvalidArgument when the gateway refused: there
	// is no account then. After GatewayUnavailable nobody knows; list the order's payments.
	IssueVirtualAccount(ctx context.Context, order AccountOrder) (Payment, error)
	// RevokeVirtualAccount makes a payment's account take no deposit any more and returns the payment as it is then
	// (contract §1.8). It fails with InvalidArgument when the gateway refused, as it does once the deposit came. After
	// GatewayUnavailable nobody knows; look the payment up.
	RevokeVirtualAccount(ctx context.Context, impUID string) (Payment, error)
}

// Cancel (결제취소) is what the gateway is asked to give back. Amounts are in the currency's minor unit.
type Cancel struct {
	ImpUID   string
	Currency string
	Amount   int64 // above zero: Iamport takes 0 for "all of it" (contract §0.7)
	// Checksum is what we believe can still be cancelled; if we are wrong, nothing happens.
	Checksum int64
	Reason   string         // at most 256 characters; shown in Iamport's console
	Account  *RefundAccount // for virtual accounts, which have no card to give the money back to
	// Notify asks for the webhook that a cancellation by API does not cause by itself (contract §0.6).
	Notify bool
}

// RefundAccount (환불계좌) is where the money of a virtual account's payment goes back to (contract §1.6).
type RefundAccount struct {
	Holder string // at most 16 characters
	Bank   string // the payment provider's code of the bank, at most 4 characters
	Number string // at most 16 characters
	Phone  string // at most 16 characters
}

// PaymentStatus is Iamport's word for how far a payment has come (contract §1.4).
type PaymentStatus string

// Iamport's words, in Iamport's spelling.
const (
	Ready     PaymentStatus = "ready"     // 미결제, 가상계좌 발급
	Paid      PaymentStatus = "paid"      // 결제완료
	Cancelled PaymentStatus = "cancelled" // 취소, also in part
	Failed    PaymentStatus = "failed"    // 실패; may still become paid
)

// Payment (결제) is the gateway's record of one attempt to pay, and our row of it.
//
// Amounts are whole numbers of the currency's minor unit: won for KRW, cents for USD.
type Payment struct {
	ImpUID      string `gorm:"primaryKey"`
	MerchantUID string
	UserID      string // ours, from the order; empty while the order is unknown
	Status      PaymentStatus
	Amount      int64
	// CancelledAmount is the sum of all cancellations so far; it only ever rises.
	CancelledAmount int64
	Currency        string // ISO 4217, upper case
	PayMethod       string // Iamport's word, kept as it came: card, vbank, kakaopay, …
	PGProvider      string
	PGTID           string         `gorm:"column:pg_tid"`
	VirtualAccount  VirtualAccount `gorm:"embedded"`
	Sandbox         bool           // paid through a test channel; worth nothing in live mode
	ReceiptURL      string
	PaidAt          *time.Time
	Problem         Problem // why a paid payment was not credited; for the operator
	Raw             string  // the gateway's answer, as JSON
	SyncedAt        time.Time

	// RevokedAt is when its virtual account was revoked by us. Ours, because what status the gateway gives such
	// a payment is not documented.
	RevokedAt *time.Time
	// DepositCount is the length of the gateway's deposit_history; it only ever rises.
	DepositCount int

	Cancellations []Cancellation `gorm:"-"` // the gateway's cancel_history
	Deposits      []Deposit      `gorm:"-"` // the gateway's deposit_history
}

// VirtualAccount (가상계좌) is a bank account made for one payment; it is empty for other ways to pay.
type VirtualAccount struct {
	Bank      string     `gorm:"column:vbank_name"`
	Number    string     `gorm:"column:vbank_num"`
	Holder    string     `gorm:"column:vbank_holder"` // some providers do not say
	DepositBy *time.Time `gorm:"column:vbank_date"`
}

// Deposit (입금) is one entry of a payment's deposit_history, which only some virtual accounts have (contract §1.4).
type Deposit struct {
	Amount int64 // in the payment's currency and unit
	At     time.Time
}

// Cancellation (취소) is one entry of a payment's cancel_history, and our row of it once it is in the books.
type Cancellation struct {
	ID     string    `gorm:"column:cancellation_id"`
	Amount int64     // in the payment's currency and unit
	At     time.Time `gorm:"column:cancelled_at"`
	Reason string
}

// wasPaid tells whether money was paid, whatever became of it.
func (p Payment) wasPaid() bool {
	return p.Status == Paid || (p.Status == Cancelled && p.CancelledAmount > 0)
}

// HoldsMoney tells whether money was paid and not all of it given back. A cancellation in part has the
// status cancelled with some providers and paid with others (contract §0.3).
func (p Payment) HoldsMoney() bool {
	return p.wasPaid() && p.CancelledAmount < p.Amount
}

// historyIsSound tells whether the single cancellations can be booked as they are: each with an id of its own
// and an amount, and together no more than the gateway says was cancelled.
func (p Payment) historyIsSound() bool {
	seen := map[string]bool{}
	for _, c := range p.Cancellations {
		if c.ID == "" || seen[c.ID] || c.Amount <= 0 {
			return false
		}
		seen[c.ID] = true
	}
	return p.sumCancellations() <= p.CancelledAmount
}

// historyIsWrong tells whether cancel_history does not explain what was cancelled.
func (p Payment) historyIsWrong() bool {
	return !p.historyIsSound() || p.sumCancellations() != p.CancelledAmount
}

// depositsAreWrong tells whether deposit_history is anything but one deposit of the payment's amount. Most payments have
// none, which says nothing.
func (p Payment) depositsAreWrong() bool {
	return len(p.Deposits) > 1 || (len(p.Deposits) == 1 && p.Deposits[0].Amount != p.Amount)
}

// sumCancellations is the sum of the single cancellations.
func (p Payment) sumCancellations() int64 {
	sum := int64(0)
	for _, c := range p.Cancellations {
		sum += c.Amount
	}
	return sum
}

// Problem says why a payment that was paid gave no points, or what is wrong with one that did. Nobody but the
// operator sees it.
type Problem string

// The problems, worst first: a payment that has several shows the first.
const (
	NoProblem          Problem = ""
	WrongMode          Problem = "SANDBOX"            // a test channel's payment in live mode, or the reverse
	UnknownOrder       Problem = "UNKNOWN_ORDER"      // no order of ours has its merchant_uid
	WrongCurrency      Problem = "CURRENCY"           // not the order's currency
	WrongAmount        Problem = "AMOUNT"             // not the order's price
	OrderAlreadyPaid   Problem = "ORDER_ALREADY_PAID" // a second payment for one order
	WrongCancellations Problem = "CANCELLED_AMOUNT"   // its cancel_history does not add up to what was cancelled
	WrongDeposit       Problem = "DEPOSIT"            // its virtual account took another deposit than the one of its amount
	AnotherUser        Problem = "ANOTHER_USER"       // claimed by somebody else, not yet by its owner
	Accepted           Problem = "ACCEPTED"           // an operator gave points for it by hand: nothing to do
	AcceptedCancelled  Problem = "ACCEPTED_CANCELLED" // and it was cancelled since; only on the list of problems
	NotAtGateway       Problem = "MISSING_AT_GATEWAY" // credited, and the gateway knows it no more; see Reconcile
)

// TableName is the table's name in SQL.
func (Payment) TableName() string { return "payments" }

// UnknownPayment refuses a payment that does not exist, and in the same words one that is somebody
// else's: an imp_uid is no secret and must not be worth guessing (contract §0.8). Err is for the log.
func UnknownPayment(err error) error {
	return &apierror.Error{Code: apierror.PaymentNotFound, Message: "There is no such payment.", Err: err}
}

// isNewerAnswer says that the answer at hand is no older than the row: cancellations only ever grow, at the same
// cancelled amount a status only ever rises, and at the same status there are only ever more deposits. failed
// is not the end: it may still become paid (F29), and so may an account that was cancelled before anybody paid.
// A payment is of one order for life.
const isNewerAnswer = `payments.merchant_uid = excluded.merchant_uid AND (excluded.cancelled_amount, CASE
		WHEN excluded.status = 'ready' THEN 0 WHEN excluded.status = 'paid' THEN 2
		WHEN excluded.status = 'failed' OR excluded.cancelled_amount = 0 THEN 1 ELSE 3 END, excluded.deposit_count) >=
	(payments.cancelled_amount, CASE
		WHEN payments.status = 'ready' THEN 0 WHEN payments.status = 'paid' THEN 2
		WHEN payments.status = 'failed' OR payments.cancelled_amount = 0 THEN 1 ELSE 3 END, payments.deposit_count)`

// upsertPayment writes the payment, unless what is written already is newer, and returns what stands written.
func upsertPayment(tx *gorm.DB, p Payment) (Payment, error) {
	done := tx.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "imp_uid"}},
		DoUpdates: clause.AssignmentColumns([]string{"user_id", "status", "amount", "cancelled_amount", "currency",
			"pay_method", "pg_provider", "pg_tid", "vbank_name", "vbank_num", "vbank_holder", "vbank_date",
			"sandbox", "receipt_url", "paid_at", "deposit_count", "problem", "raw", "synced_at"}),
		Where: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: isNewerAnswer}}},
	}).Create(&p)
	if done.Error != nil {
		return Payment{}, fmt.Errorf("keep payment: %w", done.Error)
	}
	if done.RowsAffected == 1 {
		return p, nil
	}
	var written Payment
	if err := tx.Where("imp_uid = ?", p.ImpUID).Take(&written).Error; err != nil {
		return Payment{}, fmt.Errorf("read payment: %w", err)
	}
	if written.MerchantUID != p.MerchantUID { // whose order we have locked is not the row's
		return Payment{}, &apierror.Error{Code: apierror.GatewayUnavailable, Message: "The payment gateway gave a wrong answer.",
			Err: fmt.Errorf("%w: payment %s was of order %s and is of %s now", ErrUntrustworthy, p.ImpUID,
				written.MerchantUID, p.MerchantUID)}
	}
	return written, nil
}
