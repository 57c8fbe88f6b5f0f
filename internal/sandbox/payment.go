package sandbox

import (
	"cmp"
	"encoding/json"
)

// The statuses of a payment, in Iamport's spelling (contract §1.4).
const (
	Ready     = "ready"     // 미결제, 가상계좌 발급
	Paid      = "paid"      // 결제완료
	Cancelled = "cancelled" // 취소, also in part (contract §0.3)
	Failed    = "failed"    // 실패
)

// The purposes of a payment's customer_uid (contract §1.4). An ordinary payment has no purpose.
const (
	UsageIssue     Text = "issue"             // the payment window issued a billing key (빌링키)
	UsagePayment   Text = "payment"           // the server paid with the key
	UsageScheduled Text = "payment.scheduled" // the server scheduled the payment
)

// Text is a string whose empty value Iamport sends as null.
type Text string

// MarshalJSON writes null for the empty text.
func (t Text) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// Payment is one attempt to pay, in the shape of Iamport's PaymentAnnotation (contract §1.4).
// Amounts are decimal numbers of the currency itself (won, dollars) with the original digits. Times
// are UNIX seconds, 0 when the event has not happened.
type Payment struct {
	ImpUID      string `json:"imp_uid"`
	MerchantUID string `json:"merchant_uid"`
	PayMethod   Text   `json:"pay_method"`
	// One of pc, mobile and api; independent of test or live.
	Channel           Text           `json:"channel"`
	PGProvider        Text           `json:"pg_provider"`
	EmbPGProvider     Text           `json:"emb_pg_provider"`
	PGTID             Text           `json:"pg_tid"`
	PGID              Text           `json:"pg_id"`
	Sandbox           bool           `json:"sandbox"` // paid through a test channel
	Escrow            bool           `json:"escrow"`
	ApplyNum          Text           `json:"apply_num"`
	BankCode          Text           `json:"bank_code"`
	BankName          Text           `json:"bank_name"`
	CardCode          Text           `json:"card_code"`
	CardName          Text           `json:"card_name"`
	CardIssuerCode    Text           `json:"card_issuer_code"`
	CardIssuerName    Text           `json:"card_issuer_name"`
	CardPublisherCode Text           `json:"card_publisher_code"`
	CardPublisherName Text           `json:"card_publisher_name"`
	CardQuota         int64          `json:"card_quota"` // months, 0 for a lump sum
	CardNumber        Text           `json:"card_number"`
	CardType          *int64         `json:"card_type"` // 0 credit, 1 check
	VbankCode         Text           `json:"vbank_code"`
	VbankName         Text           `json:"vbank_name"`
	VbankNum          Text           `json:"vbank_num"`
	VbankHolder       Text           `json:"vbank_holder"`
	VbankDate         int64          `json:"vbank_date"`
	VbankIssuedAt     int64          `json:"vbank_issued_at"`
	Name              Text           `json:"name"`
	Amount            json.Number    `json:"amount"`
	CancelAmount      json.Number    `json:"cancel_amount"` // sum of all cancellations so far
	Currency          string         `json:"currency"`
	BuyerName         Text           `json:"buyer_name"`
	BuyerEmail        Text           `json:"buyer_email"`
	BuyerTel          Text           `json:"buyer_tel"`
	BuyerAddr         Text           `json:"buyer_addr"`
	BuyerPostcode     Text           `json:"buyer_postcode"`
	CustomData        Text           `json:"custom_data"` // of request_pay, as JSON text
	UserAgent         Text           `json:"user_agent"`
	Status            string         `json:"status"`
	StartedAt         int64          `json:"started_at"`
	PaidAt            int64          `json:"paid_at"`
	FailedAt          int64          `json:"failed_at"`
	CancelledAt       int64          `json:"cancelled_at"`
	FailReason        Text           `json:"fail_reason"`
	CancelReason      Text           `json:"cancel_reason"`
	ReceiptURL        Text           `json:"receipt_url"`
	CancelHistory     []Cancellation `json:"cancel_history"`
	DepositHistory    []Deposit      `json:"deposit_history"`
	CancelReceiptURLs []string       `json:"cancel_receipt_urls"`
	CashReceiptIssued bool           `json:"cash_receipt_issued"`
	CustomerUID       Text           `json:"customer_uid"`
	CustomerUIDUsage  Text           `json:"customer_uid_usage"`
	Promotion         *Promotion     `json:"promotion"`
}

// Cancellation is one item of a payment's cancel_history.
type Cancellation struct {
	PGTID          string      `json:"pg_tid"`
	Amount         json.Number `json:"amount"`       // in the payment's currency
	CancelledAt    int64       `json:"cancelled_at"` // UNIX seconds
	Reason         string      `json:"reason"`
	CancellationID string      `json:"cancellation_id"`
	ReceiptURL     Text        `json:"receipt_url"`
}

// Deposit is one item of deposit_history. Iamport fills deposit_history for fixed unlimited virtual
// accounts only; the sandbox shows every deposit by Deposit or ForceDeposit.
type Deposit struct {
	PGTID         string      `json:"pg_tid"`
	Amount        json.Number `json:"amount"`
	DepositorName string      `json:"depositor_name"`
	DepositedAt   int64       `json:"deposited_at"` // UNIX seconds
}

// Promotion is a discount given by a card company or Iamport. The payment's amount stays the full
// amount of the order; the discount is the buyer's unpaid part.
type Promotion struct {
	ID       string      `json:"id"`
	Discount json.Number `json:"discount"` // in the payment's currency
}

func newPromotion(discount money) *Promotion {
	return &Promotion{ID: "promotion-id-" + randomDigits(12), Discount: discount.toNumber()}
}

// withDefaults completes empty fields, so that a test sets only relevant fields. A cancelled
// payment without a history gets a history of one item, over CancelAmount or in full; an empty
// history that is not nil stays empty, as after an asynchronous cancel (contract §1.6).
func (p Payment) withDefaults(now int64) Payment {
	p.Status = cmp.Or(p.Status, Paid)
	p.Currency = cmp.Or(p.Currency, "KRW")
	p.PayMethod = cmp.Or(p.PayMethod, "card")
	p.Channel = cmp.Or(p.Channel, "pc")
	p.PGProvider = cmp.Or(p.PGProvider, "tosspayments")
	p.PGTID = cmp.Or(p.PGTID, Text("T"+randomDigits(20)))
	p.Amount = cmp.Or(p.Amount, "0")
	p.StartedAt = cmp.Or(p.StartedAt, now)
	p = p.withStatusTime(now)
	if p.Status == Cancelled && p.CancelHistory == nil {
		p.CancelHistory = []Cancellation{newCancellation(cmp.Or(p.CancelAmount, p.Amount), "", p.CancelledAt)}
	}
	p.CancelAmount = cmp.Or(p.CancelAmount, sumCancelled(p.CancelHistory))
	// Iamport sends empty lists, not null. Copies, so that the caller cannot change the stored
	// payment.
	p.CancelHistory = append([]Cancellation{}, p.CancelHistory...)
	p.DepositHistory = append([]Deposit{}, p.DepositHistory...)
	p.CancelReceiptURLs = append([]string{}, p.CancelReceiptURLs...)
	return p
}

// withStatusTime sets the time of the status, unless the time is set already.
func (p Payment) withStatusTime(now int64) Payment {
	switch p.Status {
	case Paid:
		p.PaidAt = cmp.Or(p.PaidAt, now)
	case Failed:
		p.FailedAt = cmp.Or(p.FailedAt, now)
	case Cancelled:
		p.PaidAt = cmp.Or(p.PaidAt, now)
		p.CancelledAt = cmp.Or(p.CancelledAt, now)
	}
	return p
}

// withMethodDetails adds the card or virtual account that a payment window would have used.
func (p Payment) withMethodDetails(now int64) Payment {
	if p.PayMethod == "vbank" {
		p.VbankCode, p.VbankName, p.VbankHolder = "004", "KB국민은행", "포인트차지"
		p.VbankNum = Text(randomDigits(14))
		p.VbankIssuedAt, p.VbankDate = now, now+7*24*60*60
		return p
	}
	if p.PayMethod != "card" {
		return p
	}
	credit := int64(0)
	p.CardCode, p.CardName, p.CardNumber, p.CardType = "361", "BC카드", "94100000****0007", &credit
	p.ApplyNum = Text(randomDigits(8))
	return p
}

func newCancellation(amount json.Number, reason string, at int64) Cancellation {
	return Cancellation{
		PGTID: "C" + randomDigits(20), Amount: amount, CancelledAt: at,
		Reason: reason, CancellationID: "can_" + randomDigits(16),
	}
}

func sumCancelled(history []Cancellation) json.Number {
	var sum money
	for _, c := range history {
		amount, _ := parseMoney(string(c.Amount)) // nonsense from a test counts as 0
		sum += amount
	}
	return sum.toNumber()
}
