package sandbox

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"pointcharge/internal/sandbox/fault"
)

const (
	maxImpUID     = 32       // characters (contract §1.4)
	maxCustomData = 16 << 20 // bytes; the limit of custom_data_bytes
)

// postSandboxPayment answers POST /sandbox-payments, a route unknown to Iamport: the route creates
// a payment without a browser, for benchmarks and for tests in other languages. The body is a
// payment object; only merchant_uid and amount are required; status defaults to paid and sandbox to
// true. A payment with the same imp_uid is replaced. "webhook": true sends the webhook.
// "custom_data_bytes" fills custom_data with JSON text of the given length, 16 MiB at most. No
// token is required.
func (s *Sandbox) postSandboxPayment(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Payment
		Sandbox *bool `json:"sandbox"` // nil is true
		Webhook bool  `json:"webhook"`
		// CustomDataBytes makes a payment with an answer larger than the sandbox's largest accepted
		// body.
		CustomDataBytes int `json:"custom_data_bytes"`
	}
	if !s.readJSON(w, r, &in) {
		return
	}
	p := in.Payment
	p.Sandbox = in.Sandbox == nil || *in.Sandbox
	if in.CustomDataBytes > 0 {
		p.CustomData = largeCustomData(min(in.CustomDataBytes, maxCustomData))
	}
	if in.CustomDataBytes > maxCustomData || !p.isValid() {
		s.writeFailure(w, http.StatusBadRequest, -1,
			"merchant_uid, amount, status, imp_uid, customer_uid, customer_uid_usage, promotion, custom_data_bytes를 확인하세요.")
		return
	}
	created := s.createPayment(p)
	if in.Webhook {
		s.Notify(created.ImpUID)
	}
	s.writeResponse(w, http.StatusOK, created)
}

// largeCustomData returns JSON text of so many bytes, but at least two.
func largeCustomData(bytes int) Text { return Text(`"` + strings.Repeat("x", max(bytes-2, 0)) + `"`) }

// createPayment is Put with faults. A payment appears as paid only after its fault was injected.
func (s *Sandbox) createPayment(p Payment) Payment {
	old, known := s.store.findRecord(p.ImpUID)
	if !s.faults.Active() || cmp.Or(p.Status, Paid) != Paid || known && old.PaidAt != 0 {
		return s.Put(p)
	}
	unpaid := p
	unpaid.Status = Ready
	p.ImpUID = s.Put(unpaid).ImpUID
	now := s.now().Unix()
	var f fault.Fault
	r, err := s.store.updatePayment(p.ImpUID, now, func(r *record) error {
		r.Payment = p.withDefaults(now)
		f = s.injectPaymentFault(r)
		return nil
	})
	if err != nil { // MaxPayments newer ones came meanwhile
		return s.Put(p)
	}
	s.scheduleFollowUp(r, f)
	return r.Payment
}

// paySandboxPayment answers POST /sandbox-payments/{imp_uid}/pay, Pay over HTTP: 404 for an unknown
// payment, 409 for a paid payment.
func (s *Sandbox) paySandboxPayment(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("imp_uid")
	switch err := s.Pay(id); {
	case errors.Is(err, errPaymentNotFound):
		s.writeFailure(w, http.StatusNotFound, 1, err.Error())
	case err != nil:
		s.writeFailure(w, http.StatusConflict, 1, err.Error())
	default:
		p, _ := s.Payment(id)
		s.writeResponse(w, http.StatusOK, p)
	}
}

// isValid tells whether such a payment could exist at Iamport.
func (p Payment) isValid() bool {
	amount, err := parseMoney(string(p.Amount))
	_, known := timeColumn(p.Status)
	return err == nil && amount >= 0 && validMerchantUID(p.MerchantUID) && p.validUsage() && p.validPromotion() &&
		utf8.RuneCountInString(p.ImpUID) <= maxImpUID && (p.Status == "" || known && p.Status != "all")
}

func (p Payment) validPromotion() bool {
	if p.Promotion == nil {
		return true
	}
	discount, err := parseMoney(string(p.Promotion.Discount))
	return err == nil && discount >= 0
}

// validUsage tells whether customer_uid and customer_uid_usage fit together.
func (p Payment) validUsage() bool {
	switch p.CustomerUIDUsage {
	case "":
	case UsageIssue, UsagePayment, UsageScheduled:
		if p.CustomerUID == "" {
			return false
		}
	default:
		return false
	}
	return utf8.RuneCountInString(string(p.CustomerUID)) <= maxCustomerUID
}

// listSandboxPayments answers GET /sandbox-payments, which is All over HTTP, a page at a time. No
// token is required.
func (s *Sandbox) listSandboxPayments(w http.ResponseWriter, r *http.Request) {
	s.writePage(w, r, s.store.listCreated)
}
