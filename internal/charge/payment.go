package charge

import (
	"context"
	"errors"
	"time"

	"pointcharge/internal/apierror"
)

// ErrUntrustworthy says that the gateway answered, and that its answer is not one to move money by.
var ErrUntrustworthy = errors.New("untrustworthy answer")

// ErrUnreadableAttempt means that some attempts to pay an order could not be read, and all other
// attempts could. ErrUntrustworthy is in the same chain.
var ErrUnreadableAttempt = errors.New("unreadable attempt")

// isAboutAttempts tells whether the error concerns single attempts only: the order can go on with
// the readable attempts.
func isAboutAttempts(err error) bool { return errors.Is(err, ErrUnreadableAttempt) }

// Gateway (결제대행) is the domain's view of Iamport. Methods return *apierror.Error: PaymentNotFound
// for an unknown payment, GatewayUnavailable without a trustworthy answer. ErrUntrustworthy in the
// chain means an unbelievable answer. Every method bounds its own time and must never be called
// inside a database transaction.
type Gateway interface {
	// Payment reads one payment (contract §1.5).
	Payment(ctx context.Context, impUID string) (Payment, error)
	// Payments reads every attempt to pay one order, in no particular order: the newest need not be
	// the paid one (contract §1.5). An order without attempts gives an empty list and no error. If
	// some attempts cannot be read, the readable attempts come beside the error. The chain has
	// ErrUnreadableAttempt if nothing else is wrong.
	Payments(ctx context.Context, merchantUID string) ([]Payment, error)
	// PaymentList reads one page of the payments paid or cancelled in a period, payments of test
	// channels included (contract §1.5). A page beyond the end of a shortened list is empty.
	PaymentList(ctx context.Context, listing Listing) (PaymentPage, error)
	// Prepare registers the price of merchantUID, so that the payment window refuses any other
	// amount (contract §1.7). amount is in the currency's minor unit: won for KRW.
	Prepare(ctx context.Context, merchantUID string, amount int64, currency string) error
	// Cancel gives money back, once and without retries, and returns the payment afterwards
	// (contract §1.6). The error is RefundNotPossible with a GatewayRefusal after a refusal, or
	// GatewayUnavailable with ErrNotSent for a request never sent: in both cases nothing happened.
	// After any other GatewayUnavailable the outcome is unknown; look up the payment.
	Cancel(ctx context.Context, cancel Cancel) (Payment, error)
	// IssueVirtualAccount makes a bank account for one payment of an order, once and without
	// retries, and returns the payment, which is ready (contract §1.8). The error is
	// InvalidArgument after a refusal: no account exists. After GatewayUnavailable the outcome is
	// unknown; list the order's payments.
	IssueVirtualAccount(ctx context.Context, order AccountOrder) (Payment, error)
	// RevokeVirtualAccount closes a payment's account for deposits and returns the payment
	// afterwards (contract §1.8). The error is InvalidArgument after a refusal, as for a deposit
	// that came first. After GatewayUnavailable the outcome is unknown; look up the payment.
	RevokeVirtualAccount(ctx context.Context, impUID string) (Payment, error)
}

// Cancel (결제취소) is a request to the gateway to give money back. Amounts are in the currency's minor
// unit.
type Cancel struct {
	ImpUID   string
	Currency string
	Amount   int64 // above zero: for Iamport 0 is the full amount (contract §0.7)
	// Checksum is the amount believed to be cancellable; with a wrong value nothing happens.
	Checksum int64
	Reason   string         // at most 256 characters; shown in Iamport's console
	Account  *RefundAccount // for virtual accounts, because no card can take the money back
	// Notify asks for a webhook, because a cancellation by API sends none by default (contract
	// §0.6).
	Notify bool
}

// RefundAccount (환불계좌) is where the money of a virtual account's payment goes back to (contract
// §1.6).
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

// Payment (결제) is the gateway's record of one attempt to pay, and a row of the database.
//
// Amounts are whole numbers of the currency's minor unit: won for KRW, cents for USD.
type Payment struct {
	ImpUID      string `gorm:"primaryKey"`
	MerchantUID string
	UserID      string // from the order; empty while the order is unknown
	Status      PaymentStatus
	Amount      int64
	// CancelledAmount is the sum of all cancellations so far, and only rises.
	CancelledAmount int64
	Currency        string // ISO 4217, upper case
	PayMethod       string // Iamport's word, unchanged: card, vbank, kakaopay, …
	PGProvider      string
	PGTID           string         `gorm:"column:pg_tid"`
	VirtualAccount  VirtualAccount `gorm:"embedded"`
	Sandbox         bool           // paid through a test channel; worth nothing in live mode
	ReceiptURL      string
	PaidAt          *time.Time
	Problem         Problem // why a paid payment was not credited; for the operator
	Raw             string  // the gateway's answer, as JSON
	SyncedAt        time.Time

	// RevokedAt is when this server revoked the virtual account. The gateway's status of such a
	// payment is not documented.
	RevokedAt *time.Time
	// Why the attempt failed, in the provider's words; at most 200 printable characters.
	FailReason string
	FailedAt   *time.Time // when

	// ProblemState tells whether the problem waits for an operator.
	ProblemState ProblemState
	// AcceptedDepositCount is DepositCount at an operator's ACCEPT with points by hand; nil without
	// one.
	AcceptedDepositCount *int
	// ChangedAt is when the gateway's answer last differed from the row. SyncedAt is when the
	// gateway was asked, written once after ChangedAt, and then at most once a minute.
	ChangedAt *time.Time

	// DepositCount is the length of the gateway's deposit_history, and only rises.
	DepositCount int

	// BillingKey, KeyUsage, Discount and Escrow decide whether the payment's amount was paid; see
	// validate. Only the resulting problem is stored.
	BillingKey string   `gorm:"-"` // 빌링키, the gateway's customer_uid
	KeyUsage   KeyUsage `gorm:"-"`
	Discount   int64    `gorm:"-"` // of a promotion: the part of Amount not paid by the buyer
	// Held by a third party until the buyer confirms the delivery.
	Escrow bool `gorm:"-"`

	Cancellations []Cancellation `gorm:"-"` // the gateway's cancel_history
	Deposits      []Deposit      `gorm:"-"` // the gateway's deposit_history
}

// KeyUsage is the use of the payment's billing key (contract §1.4). An ordinary payment has none.
type KeyUsage string

// Iamport's words for payments that took money with a key. A payment that only issued a key has
// another word, and says "paid" although most providers charge nothing then (docs/iamport,
// recurring payments §0.2).
const (
	KeyCharged   KeyUsage = "payment"
	KeyScheduled KeyUsage = "payment.scheduled"
)

// issuesKey tells whether the payment was made to issue a billing key. The browser decides, by
// adding a customer_uid to the request. Unknown words count as issuing.
func (p Payment) issuesKey() bool {
	if p.KeyUsage == KeyCharged || p.KeyUsage == KeyScheduled {
		return false
	}
	return p.BillingKey != "" || p.KeyUsage != ""
}

// VirtualAccount (가상계좌) is a bank account made for one payment; empty for other ways to pay.
type VirtualAccount struct {
	Bank      string     `gorm:"column:vbank_name"`
	Number    string     `gorm:"column:vbank_num"`
	Holder    string     `gorm:"column:vbank_holder"` // some providers do not say
	DepositBy *time.Time `gorm:"column:vbank_date"`
}

// Deposit (입금) is one entry of a payment's deposit_history, which only some virtual accounts have
// (contract §1.4).
type Deposit struct {
	Amount int64 // in the payment's currency and unit
	At     time.Time
}

// Cancellation (취소) is one entry of a payment's cancel_history, and a row of the database once
// booked.
type Cancellation struct {
	ID     string    `gorm:"column:cancellation_id"`
	Amount int64     // in the payment's currency and unit
	At     time.Time `gorm:"column:cancelled_at"`
	Reason string
}

// wasPaid tells whether money was paid, including money given back later.
func (p Payment) wasPaid() bool {
	return p.Status == Paid || (p.Status == Cancelled && p.CancelledAmount > 0)
}

// HoldsMoney tells whether a part of the paid money was not given back. After a partial
// cancellation the status is cancelled with some providers and paid with others (contract §0.3).
func (p Payment) HoldsMoney() bool {
	return p.wasPaid() && p.CancelledAmount < p.Amount
}

// historyIsSound tells whether the single cancellations can be booked: each has its own id and an
// amount, and the sum is at most the gateway's cancelled total.
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

// historyIsWrong tells whether cancel_history does not explain the cancelled total.
func (p Payment) historyIsWrong() bool {
	return !p.historyIsSound() || p.sumCancellations() != p.CancelledAmount
}

// depositsAreWrong tells whether deposit_history is anything but one deposit of the payment's
// amount. Most payments have no deposit_history and are not wrong.
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

// Problem is the reason why a paid payment gave no points, or a fault of a credited payment. Only
// operators see problems.
type Problem string

// The problems, worst first: a payment with several shows the first.
const (
	NoProblem          Problem = ""
	WrongMode          Problem = "SANDBOX"            // a test channel's in live mode, or the reverse
	UnknownOrder       Problem = "UNKNOWN_ORDER"      // of no known order
	KeyIssuing         Problem = "KEY_ISSUING"        // issued a billing key, mostly without a charge
	WrongCurrency      Problem = "CURRENCY"           // not the order's currency
	WrongAmount        Problem = "AMOUNT"             // not the order's price
	Discounted         Problem = "DISCOUNT"           // a promotion paid a part of the price
	InEscrow           Problem = "ESCROW"             // held until the buyer confirms a delivery
	OrderAlreadyPaid   Problem = "ORDER_ALREADY_PAID" // a second payment for one order
	OrderClosed        Problem = "ORDER_CLOSED"       // an operator closed the order before
	Late               Problem = "LATE"               // paid too late; see Service.MaxOrderAge
	WrongCancellations Problem = "CANCELLED_AMOUNT"   // cancel_history differs from the cancelled sum
	WrongDeposit       Problem = "DEPOSIT"            // other deposits than one of the full amount
	AnotherUser        Problem = "ANOTHER_USER"       // claimed by another user before the owner
	Accepted           Problem = "ACCEPTED"           // credited by an operator by hand: nothing to do
	AcceptedCancelled  Problem = "ACCEPTED_CANCELLED" // accepted, and cancelled later
	NotAtGateway       Problem = "MISSING_AT_GATEWAY" // credited, but unknown there; see Reconcile
	UnreadableAnswer   Problem = "UNREADABLE"         // the answer makes no sense, an operator says
)

// ProblemState is the progress of a payment's problem.
type ProblemState string

// The states. A payment without a problem has none.
const (
	NoState ProblemState = ""
	Open    ProblemState = "OPEN"    // waits for an operator
	Decided ProblemState = "DECIDED" // an operator accepted or ignored the present problem
	// Foreign is a payment of another shop's order on the same account, or through a channel of the
	// other mode. Foreign payments are counted and wait for no decision, but an operator may
	// decide.
	Foreign ProblemState = "FOREIGN"
)

// TableName is the table's name in SQL.
func (Payment) TableName() string { return "payments" }

// UnknownPayment refuses a payment that does not exist, and in the same words another user's
// payment: an imp_uid is no secret and must not be worth guessing (contract §0.8). err is for the
// log.
func UnknownPayment(err error) error {
	return &apierror.Error{Code: apierror.PaymentNotFound, Message: "There is no such payment.", Err: err}
}
