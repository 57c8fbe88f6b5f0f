package iamport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

// paymentJSON has the used fields of Iamport's payment object (contract §1.4). Null and absent are
// the same, unknown fields are ignored: Iamport adds fields without asking (F22).
type paymentJSON struct {
	ImpUID        string             `json:"imp_uid"`
	MerchantUID   string             `json:"merchant_uid"`
	Status        string             `json:"status"`
	Amount        json.Number        `json:"amount"`
	CancelAmount  json.Number        `json:"cancel_amount"`
	Currency      string             `json:"currency"`
	PayMethod     string             `json:"pay_method"`
	PGProvider    string             `json:"pg_provider"`
	PGTID         string             `json:"pg_tid"`
	VbankName     string             `json:"vbank_name"`
	VbankNum      string             `json:"vbank_num"`
	VbankHolder   string             `json:"vbank_holder"`
	VbankDate     json.Number        `json:"vbank_date"`
	Sandbox       bool               `json:"sandbox"`
	Escrow        bool               `json:"escrow"`
	CustomerUID   string             `json:"customer_uid"`
	KeyUsage      string             `json:"customer_uid_usage"`
	Promotion     *promotionJSON     `json:"promotion"`
	FailedAt      json.Number        `json:"failed_at"`
	FailReason    string             `json:"fail_reason"`
	ReceiptURL    string             `json:"receipt_url"`
	PaidAt        json.Number        `json:"paid_at"`
	CancelHistory []cancellationJSON `json:"cancel_history"`
	Deposits      []depositJSON      `json:"deposit_history"`
}

// promotionJSON is a discount: the part of the amount not paid by the buyer.
type promotionJSON struct {
	Discount json.Number `json:"discount"`
}

type cancellationJSON struct {
	ID     string      `json:"cancellation_id"`
	Amount json.Number `json:"amount"`
	At     json.Number `json:"cancelled_at"`
	Reason string      `json:"reason"`
}

// decodePaymentOf reads the answer about one payment, and refuses an answer about another payment.
func decodePaymentOf(impUID string, response json.RawMessage) (charge.Payment, error) {
	payment, err := decodePayment(response)
	if err == nil && payment.ImpUID != impUID {
		err = newUntrustworthy("another payment than the one asked for")
	}
	return payment, err
}

func decodePayment(response json.RawMessage) (charge.Payment, error) {
	raw := storableJSON(response)
	var p paymentJSON
	if json.Unmarshal(raw, &p) != nil {
		return charge.Payment{}, newUntrustworthy("not a payment object")
	}
	return p.toPayment(string(raw))
}

func (p paymentJSON) toPayment(raw string) (charge.Payment, error) {
	payment := charge.Payment{
		ImpUID:      p.ImpUID,
		MerchantUID: p.MerchantUID,
		Status:      charge.PaymentStatus(p.Status),
		PayMethod:   p.PayMethod,
		PGProvider:  p.PGProvider,
		PGTID:       p.PGTID,
		VirtualAccount: charge.VirtualAccount{
			Bank:   p.VbankName,
			Number: p.VbankNum,
			Holder: p.VbankHolder,
		},
		Sandbox:    p.Sandbox,
		Escrow:     p.Escrow,
		BillingKey: p.CustomerUID,
		KeyUsage:   charge.KeyUsage(p.KeyUsage),
		ReceiptURL: p.ReceiptURL,
		FailReason: printableText(p.FailReason, maxFailReason),
		Raw:        raw,
	}
	if err := checkID("imp_uid", p.ImpUID, maxImpUID); err != nil {
		return charge.Payment{}, newUntrustworthy("an impossible imp_uid")
	}
	if !isKnown(payment.Status) {
		return charge.Payment{}, newUntrustworthy("an unknown status")
	}
	if err := p.fillAmounts(&payment); err != nil {
		return charge.Payment{}, err
	}
	if err := p.fillTimes(&payment); err != nil {
		return charge.Payment{}, err
	}
	return payment, nil
}

// isKnown requires Iamport's spelling, without "canceled" with one l (F23).
func isKnown(s charge.PaymentStatus) bool {
	switch s {
	case charge.Ready, charge.Paid, charge.Cancelled, charge.Failed:
		return true
	}
	return false
}

func (p paymentJSON) fillAmounts(to *charge.Payment) error {
	m, err := moneyIn(p.Currency)
	if err != nil {
		return err
	}
	to.Currency = m.currency
	if to.Amount, err = m.toMinorUnit(p.Amount); err != nil {
		return err
	}
	if to.CancelledAmount, err = m.toMinorUnit(p.CancelAmount); err != nil {
		return err
	}
	if to.CancelledAmount > to.Amount {
		return newUntrustworthy("more was cancelled than paid")
	}
	if p.Promotion != nil {
		if to.Discount, err = m.toMinorUnit(p.Promotion.Discount); err != nil {
			return err
		}
	}
	for _, c := range p.CancelHistory {
		amount, err := m.toMinorUnit(c.Amount)
		if err != nil {
			return err
		}
		to.Cancellations = append(to.Cancellations, charge.Cancellation{ID: c.ID, Amount: amount, Reason: c.Reason})
	}
	for _, d := range p.Deposits {
		deposit, err := m.toDeposit(d)
		if err != nil {
			return err
		}
		to.Deposits = append(to.Deposits, deposit)
	}
	return nil
}

func (p paymentJSON) fillTimes(to *charge.Payment) (err error) {
	if to.PaidAt, err = parseTime(p.PaidAt); err != nil {
		return err
	}
	if to.FailedAt, err = parseTime(p.FailedAt); err != nil {
		return err
	}
	if to.VirtualAccount.DepositBy, err = parseTime(p.VbankDate); err != nil {
		return err
	}
	for i, c := range p.CancelHistory {
		at, err := parseTime(c.At)
		if err != nil {
			return err
		}
		if at != nil {
			to.Cancellations[i].At = *at
		}
	}
	return nil
}

// endOfTime is the year 9999: a later time was not given in seconds, and has no form in RFC 3339.
const endOfTime = 253402300799

// parseTime reads UNIX seconds. Iamport writes 0 for an event that did not happen (contract §1.1).
func parseTime(seconds json.Number) (*time.Time, error) {
	if seconds == "" {
		return nil, nil
	}
	s, err := parseScaled(seconds, 0)
	if err != nil {
		return nil, err
	}
	if s == 0 {
		return nil, nil
	}
	if s < 0 || s > endOfTime {
		return nil, newUntrustworthy("a time that cannot be")
	}
	at := time.Unix(s, 0).UTC()
	return &at, nil
}

// storableJSON makes an answer storable as text: PostgreSQL refuses invalid UTF-8 and, once a query
// reads the JSON, the escape of a NUL. U+FFFD replaces both.
func storableJSON(raw json.RawMessage) json.RawMessage {
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	}
	if !bytes.Contains(raw, []byte(`\u0000`)) {
		return raw
	}
	// The first pair is there to be skipped: in \\u0000 the backslash is escaped, not the NUL.
	return []byte(strings.NewReplacer(`\\`, `\\`, `\u0000`, `\ufffd`).Replace(string(raw)))
}

// maxFailReason is how many characters of a fail_reason are kept. Providers write a sentence.
const maxFailReason = 200

// printableText returns at most limit characters of text, without unprintable characters.
func printableText(text string, limit int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || apierror.HasControl(string(r))
	}), " ")
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit-1]) + "…"
	}
	return text
}

// page is one page of a paged answer; next is 0 on the last one (contract §1.5).
type page struct {
	payments []charge.Payment
	bad      error // the error of the first payment left out
	next     int64
}

type pageJSON struct {
	Total json.Number       `json:"total"`
	Next  json.Number       `json:"next"`
	List  []json.RawMessage `json:"list"`
}

// openPage reads the envelope of a page.
func openPage(response json.RawMessage) (p pageJSON, next int64, err error) {
	// Checked by hand, because null would decode as an empty list: an order without attempts.
	if len(response) == 0 || response[0] != '{' || json.Unmarshal(response, &p) != nil {
		return pageJSON{}, 0, newUntrustworthy("not a list of payments")
	}
	if p.Next != "" {
		next, err = parseScaled(p.Next, 0)
	}
	return p, next, err
}

// decodePageOf reads a page of attempts to pay one order, and refuses attempts for other orders. An
// untrustworthy attempt hides no other.
func decodePageOf(merchantUID string, response json.RawMessage) (page, error) {
	p, next, err := openPage(response)
	if err != nil {
		return page{}, err
	}
	read := page{next: next}
	for _, raw := range p.List {
		payment, err := decodePayment(raw)
		if err == nil && payment.MerchantUID != merchantUID {
			err = newUntrustworthy("a payment of another order")
		}
		if err == nil {
			read.payments = append(read.payments, payment)
		} else if read.bad == nil {
			impUID, _ := idsIn(raw)
			read.bad = fmt.Errorf("%w: attempt %q: %w", charge.ErrUnreadableAttempt, impUID, err)
		}
	}
	return read, nil
}
