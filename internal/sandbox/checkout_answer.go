package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"pointcharge/internal/sandbox/fault"
)

// ending is a button of the checkout page: the payment's end, and the parties that hear of the end.
type ending struct {
	refusal      *refusal // nil pays
	notices      int      // webhooks
	callbackLost bool     // the browser's callback is not called
}

func endingOf(action string) (ending, bool) {
	switch action {
	case "pay":
		return ending{notices: 1}, true
	case "pay_twice_told":
		return ending{notices: 2}, true
	case "pay_untold":
		return ending{notices: 0}, true
	case "pay_silently":
		return ending{notices: 1, callbackLost: true}, true
	case "fail": // an interactive failure sends no webhook (contract §2.2)
		return ending{refusal: errDeclined}, true
	case "close":
		return ending{refusal: errClosed}, true
	}
	return ending{}, false
}

// outcome is how a window ended. Rsp is nil when the callback is lost.
type outcome struct {
	Rsp      *rsp   `json:"rsp"`
	Redirect string `json:"redirect"` // m_redirect_url with the result, in the redirect flow
}

// rsp is the argument of request_pay's callback (contract §4). Current SDKs give the first four
// fields, older SDKs the rest too. Success does not mean money: Success is true for a virtual
// account that was only issued.
type rsp struct {
	ImpUID      Text            `json:"imp_uid"`
	MerchantUID string          `json:"merchant_uid"`
	ErrorCode   Text            `json:"error_code"`
	ErrorMsg    Text            `json:"error_msg"`
	Success     bool            `json:"success"`
	ImpSuccess  bool            `json:"imp_success"`
	Status      string          `json:"status"`
	PaidAmount  json.Number     `json:"paid_amount"`
	Currency    string          `json:"currency"`
	PayMethod   Text            `json:"pay_method"`
	PGProvider  Text            `json:"pg_provider"`
	EmbProvider Text            `json:"emb_pg_provider"`
	PGTID       Text            `json:"pg_tid"`
	PGType      string          `json:"pg_type"`
	Name        Text            `json:"name"`
	BuyerName   Text            `json:"buyer_name"`
	BuyerEmail  Text            `json:"buyer_email"`
	BuyerTel    Text            `json:"buyer_tel"`
	BuyerAddr   Text            `json:"buyer_addr"`
	BuyerPost   Text            `json:"buyer_postcode"`
	CustomData  json.RawMessage `json:"custom_data"`
	PaidAt      int64           `json:"paid_at"` // UNIX seconds
	ReceiptURL  Text            `json:"receipt_url"`
	ApplyNum    Text            `json:"apply_num"`
	CardName    Text            `json:"card_name"`
	CardNumber  Text            `json:"card_number"`
	CardQuota   int64           `json:"card_quota"`
	BankName    Text            `json:"bank_name"`
	VbankNum    Text            `json:"vbank_num"`
	VbankName   Text            `json:"vbank_name"`
	VbankHolder Text            `json:"vbank_holder"`
	VbankDate   int64           `json:"vbank_date"`
}

// decision is the body posted by the checkout page: a button, the amount and currency to pay
// instead of the order's, and the discount of a promotion.
type decision struct {
	Action   string      `json:"action"`
	Amount   json.Number `json:"amount"`
	Currency string      `json:"currency"`
	Discount json.Number `json:"discount"`
}

// answerCheckout answers POST /checkout/{session}/answer. A window ends once: a second decision
// gets the first one's outcome.
func (s *Sandbox) answerCheckout(w http.ResponseWriter, r *http.Request) {
	var in decision
	if !s.readJSON(w, r, &in) {
		return
	}
	window, ok := s.findSession(r)
	if !ok {
		s.writeFailure(w, http.StatusNotFound, 1, "만료된 결제창입니다.")
		return
	}
	chosen, ok := endingOf(in.Action)
	if !ok || !in.isValid() {
		s.writeFailure(w, http.StatusBadRequest, -1, "action, amount, currency, discount를 확인하세요.")
		return
	}
	s.writeJSON(w, http.StatusOK, s.endWindow(window, chosen, in))
}

func (d decision) isValid() bool {
	amount, err := d.parseAmount()
	discount, discountErr := d.parseDiscount()
	return err == nil && discountErr == nil && amount >= 0 && discount >= 0 && len(d.Currency) <= 3
}

// parseAmount returns the amount to pay instead of the order's; 0 keeps the order's.
func (d decision) parseAmount() (money, error) { return parseMoney(cmp.Or(string(d.Amount), "0")) }

func (d decision) parseDiscount() (money, error) { return parseMoney(cmp.Or(string(d.Discount), "0")) }

func (s *Sandbox) endWindow(window *session, chosen ending, in decision) *outcome {
	window.mu.Lock()
	defer window.mu.Unlock()
	if window.outcome != nil {
		return window.outcome
	}
	settled, why := s.settlePayment(window.impUID, chosen, in)
	switch {
	case why != nil:
		window.outcome = window.refusedOutcome(why)
	case chosen.callbackLost:
		window.outcome = &outcome{}
	default:
		window.outcome = window.outcomeOf(successRsp(settled.Payment, window.order))
	}
	// The browser's answer and the webhooks race, as they do at Iamport (contract §2.3).
	for range chosen.notices {
		if why == nil {
			s.sendWebhook(settled, true)
		}
	}
	return window.outcome
}

// settlePayment ends the payment. Of two windows of one order only one can be paid.
func (s *Sandbox) settlePayment(impUID string, chosen ending, in decision) (*record, *refusal) {
	now, why := s.now().Unix(), chosen.refusal
	var f fault.Fault
	settled, err := s.store.updatePayment(impUID, now, func(r *record) error {
		if why == nil && s.store.everPaidLocked(r.MerchantUID) {
			why = errAlreadyPaid
		}
		r.applyDecision(why, in, now)
		if r.Status == Paid {
			f = s.injectPaymentFault(r)
		}
		if r.Status == Failed && why == nil {
			why = errDeclined
		}
		return nil
	})
	if errors.Is(err, errPaymentNotFound) {
		return nil, errPaymentForgotten
	}
	s.scheduleFollowUp(settled, f)
	return settled, why
}

func (r *record) applyDecision(why *refusal, in decision, now int64) {
	if why != nil {
		r.Status, r.FailReason = Failed, Text(why.message)
		r.Payment = r.withStatusTime(now)
		return
	}
	if amount, _ := in.parseAmount(); amount > 0 {
		r.Amount = amount.toNumber()
	}
	if in.Currency != "" {
		r.Currency = in.Currency
	}
	if discount, _ := in.parseDiscount(); discount > 0 {
		r.Promotion = newPromotion(discount)
	}
	if r.PayMethod != "vbank" { // the money comes later, or never
		r.Status = Paid
	}
	r.Payment = r.withMethodDetails(now).withStatusTime(now)
}

func successRsp(p Payment, o order) *rsp {
	return &rsp{
		ImpUID: Text(p.ImpUID), MerchantUID: p.MerchantUID, Success: true, ImpSuccess: true, Status: p.Status,
		PaidAmount: p.Amount, Currency: p.Currency, PayMethod: p.PayMethod, PGProvider: p.PGProvider,
		EmbProvider: p.EmbPGProvider, PGTID: p.PGTID, PGType: "payment", Name: p.Name,
		BuyerName: p.BuyerName, BuyerEmail: p.BuyerEmail, BuyerTel: p.BuyerTel,
		BuyerAddr: p.BuyerAddr, BuyerPost: p.BuyerPostcode, CustomData: o.CustomData,
		PaidAt: p.PaidAt, ReceiptURL: p.ReceiptURL, ApplyNum: p.ApplyNum, CardName: p.CardName,
		CardNumber: p.CardNumber, CardQuota: p.CardQuota, BankName: p.BankName, VbankNum: p.VbankNum,
		VbankName: p.VbankName, VbankHolder: p.VbankHolder, VbankDate: p.VbankDate,
	}
}

// refusedOutcome is the outcome of a window that did not open (without an imp_uid) or did not pay.
func (s *session) refusedOutcome(why *refusal) *outcome {
	return s.outcomeOf(&rsp{
		ImpUID: Text(s.impUID), MerchantUID: s.order.MerchantUID,
		ErrorCode: Text(why.code), ErrorMsg: Text(why.message),
		Status: Failed, PGType: "payment", PaidAmount: "0", Currency: s.order.currencyOrWon(),
		PayMethod: s.order.PayMethod, Name: s.order.Name, CustomData: s.order.CustomData,
	})
}

// outcomeOf adds the browser's next address to the answer, for the redirect flow (contract §4).
func (s *session) outcomeOf(answer *rsp) *outcome {
	ended := &outcome{Rsp: answer}
	u, err := url.Parse(s.order.MRedirectURL)
	if s.overlay || err != nil || !isWebAddress(s.order.MRedirectURL) {
		return ended
	}
	query := u.Query()
	query.Set("imp_uid", string(answer.ImpUID))
	query.Set("merchant_uid", answer.MerchantUID)
	query.Set("imp_success", strconv.FormatBool(answer.ImpSuccess))
	if answer.ErrorCode != "" {
		query.Set("error_code", string(answer.ErrorCode))
		query.Set("error_msg", string(answer.ErrorMsg))
	}
	u.RawQuery = query.Encode()
	ended.Redirect = u.String()
	return ended
}
