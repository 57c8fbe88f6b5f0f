package charge

import (
	"context"
	"errors"
	"time"

	"pointcharge/internal/apierror"
)

// ErrUntrustworthy says that the gateway answered, and that its answer is not one to move money by.
var ErrUntrustworthy = errors.New("untrustworthy answer")

// ErrUnreadableAttempt says that some attempts to pay an order could not be read, and that all others were. It comes with
// ErrUntrustworthy.
var ErrUnreadableAttempt = errors.New("unreadable attempt")

// isAboutAttempts tells whether the error concerns single attempts only: the order can go on without them.
func isAboutAttempts(err error) bool { return errors.Is(err, ErrUnreadableAttempt) }

// Gateway (결제대행) is what the domain needs of Iamport. Its methods return *Error: PaymentNotFound
// for a payment that does not exist, GatewayUnavailable when no trustworthy answer was to be had: with
// ErrUntrustworthy in its chain when there was an answer, but none to believe.
// They are bounded in time by themselves and must never be called inside a database transaction.
type Gateway interface {
	// Payment reads one payment (contract §1.5).
	Payment(ctx context.Context, impUID string) (Payment, error)
	// Payments reads every attempt to pay one order, in no particular order: the newest need not
	// be the paid one (contract §1.5). An order nobody tried to pay has none, which is no error. When it could
	// not read some of them, the others come beside the error, which has ErrUnreadableAttempt in its chain if no more
	// than that is wrong.
	Payments(ctx context.Context, merchantUID string) ([]Payment, error)
	// PaymentList reads one page of the payments that were paid or cancelled in a period, those of test channels
	// included (contract §1.5). A page that is not there any more, because the list got shorter, is empty.
	PaymentList(ctx context.Context, listing Listing) (PaymentPage, error)
	// Prepare registers what merchantUID must cost, so that the payment window refuses any other
	// amount (contract §1.7). Amount is in the currency's minor unit: won for KRW.
	Prepare(ctx context.Context, merchantUID string, amount int64, currency string) error
	// Cancel gives money back, once and never again by itself, and returns the payment as it is then
	// (contract §1.6). It fails with RefundNotPossible and a GatewayRefusal when the gateway refused, and
	// with GatewayUnavailable and ErrNotSent when it was not asked: nothing happened then. After any other
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
	RevokedAt  *time.Time
	FailReason string     // why the attempt failed, in the provider's words; at most 200 printable characters
	FailedAt   *time.Time // when

	// ProblemState says what is to be done about the problem.
	ProblemState ProblemState
	// AcceptedDepositCount is DepositCount at the moment an operator gave points for the payment by hand; nil if none did.
	AcceptedDepositCount *int
	// ChangedAt is when the gateway's answer differed from the row for the last time. SyncedAt, when the gateway was asked,
	// is written once after that, and then at most once a minute.
	ChangedAt *time.Time

	// DepositCount is the length of the gateway's deposit_history; it only ever rises.
	DepositCount int

	// BillingKey, KeyUsage, Discount and Escrow tell whether the payment's amount was paid; see validate. They
	// are not stored: the problem is.
	BillingKey string   `gorm:"-"` // 빌링키, the gateway's customer_uid
	KeyUsage   KeyUsage `gorm:"-"`
	Discount   int64    `gorm:"-"` // of a promotion: the part of Amount that the buyer did not pay
	Escrow     bool     `gorm:"-"` // a third party holds the money until the buyer confirms the delivery

	Cancellations []Cancellation `gorm:"-"` // the gateway's cancel_history
	Deposits      []Deposit      `gorm:"-"` // the gateway's deposit_history
}

// KeyUsage is what a payment used its billing key for (contract §1.4). An ordinary payment has none.
type KeyUsage string

// Iamport's words of payments that took money with a key. A payment that only issued a key has another one, and says
// "paid" although most providers charge nothing then (docs/iamport, recurring payments §0.2).
const (
	KeyCharged   KeyUsage = "payment"
	KeyScheduled KeyUsage = "payment.scheduled"
)

// issuesKey tells whether the payment was made to issue a billing key. The browser decides that: it adds a customer_uid to
// its request. Words that are unknown here count as issuing.
func (p Payment) issuesKey() bool {
	if p.KeyUsage == KeyCharged || p.KeyUsage == KeyScheduled {
		return false
	}
	return p.BillingKey != "" || p.KeyUsage != ""
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
	KeyIssuing         Problem = "KEY_ISSUING"        // it issued a billing key; most providers charge nothing then
	WrongCurrency      Problem = "CURRENCY"           // not the order's currency
	WrongAmount        Problem = "AMOUNT"             // not the order's price
	Discounted         Problem = "DISCOUNT"           // a promotion paid a part of the price
	InEscrow           Problem = "ESCROW"             // the money waits until the buyer confirms a delivery
	OrderAlreadyPaid   Problem = "ORDER_ALREADY_PAID" // a second payment for one order
	OrderClosed        Problem = "ORDER_CLOSED"       // an operator closed the order before
	Late               Problem = "LATE"               // paid when its order was too old; see Service.MaxOrderAge
	WrongCancellations Problem = "CANCELLED_AMOUNT"   // its cancel_history does not add up to what was cancelled
	WrongDeposit       Problem = "DEPOSIT"            // its virtual account took another deposit than the one of its amount
	AnotherUser        Problem = "ANOTHER_USER"       // claimed by somebody else, not yet by its owner
	Accepted           Problem = "ACCEPTED"           // an operator gave points for it by hand: nothing to do
	AcceptedCancelled  Problem = "ACCEPTED_CANCELLED" // and some of it was cancelled since
	NotAtGateway       Problem = "MISSING_AT_GATEWAY" // credited, and the gateway knows it no more; see Reconcile
	UnreadableAnswer   Problem = "UNREADABLE"         // the gateway's answer makes no sense; set by an operator's decision
)

// ProblemState is what is to be done about a payment's problem.
type ProblemState string

// The states. A payment without a problem has none of them.
const (
	NoState ProblemState = ""
	Open    ProblemState = "OPEN"    // an operator has to look at it
	Decided ProblemState = "DECIDED" // an operator accepted or ignored it, as it is now
	// Foreign is a payment that is no business of this server: of an order of another shop on the same account, or
	// through a channel of the other mode. It is counted and waits for nobody, but an operator may decide about it.
	Foreign ProblemState = "FOREIGN"
)

// TableName is the table's name in SQL.
func (Payment) TableName() string { return "payments" }

// UnknownPayment refuses a payment that does not exist, and in the same words one that is somebody
// else's: an imp_uid is no secret and must not be worth guessing (contract §0.8). Err is for the log.
func UnknownPayment(err error) error {
	return &apierror.Error{Code: apierror.PaymentNotFound, Message: "There is no such payment.", Err: err}
}
