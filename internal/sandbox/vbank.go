package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"pointcharge/internal/sandbox/fault"
)

const maxVbankHolder = 16 // characters (contract §1.8)

// postVbank answers POST /vbanks, where a merchant's server issues a virtual account (contract
// §1.8). The account waits for a deposit like an account from the payment window, and the webhook
// for ready is sent. An order may have several accounts; a previously paid order is refused with a
// code, in HTTP 200. A channel_key with "inicis" inside belongs to KG Inicis, where pg_api_key is
// required in the query.
func (s *Sandbox) postVbank(w http.ResponseWriter, r *http.Request) {
	in, ok := s.readFields(w, r)
	if !ok {
		return
	}
	now := s.now().Unix()
	p, notices, ok := in.vbankPayment(now)
	if strings.Contains(in["channel_key"], "inicis") {
		ok = ok && r.URL.Query().Get("pg_api_key") != ""
	}
	if !ok {
		s.writeFailure(w, http.StatusBadRequest, -1,
			"channel_key, merchant_uid, amount, vbank_code, vbank_due, notice_url, pg_api_key(이니시스)를 확인하세요.")
		return
	}
	if s.store.everPaid(p.MerchantUID) {
		s.writeFailure(w, http.StatusOK, 1, errAlreadyPaid.message)
		return
	}
	issued := s.store.putPayment(p.withDefaults(now), notices, now)
	s.notifyMerchant(issued)
	s.writeResponse(w, http.StatusOK, &issued.Payment)
}

// vbankPayment returns the payment described by the fields, or false when a field is missing or
// invalid.
func (in fields) vbankPayment(now int64) (p Payment, notices addresses, ok bool) {
	amount, err := parseMoney(in["amount"])
	due, dueErr := strconv.ParseInt(in["vbank_due"], 10, 64)
	noticeErr := notices.parseField(in["notice_url"])
	ok = err == nil && amount > 0 && dueErr == nil && due > now && noticeErr == nil &&
		in["channel_key"] != "" && in["vbank_code"] != "" && validMerchantUID(in["merchant_uid"]) &&
		utf8.RuneCountInString(in["vbank_holder"]) <= maxVbankHolder
	p = Payment{
		MerchantUID: in["merchant_uid"], Amount: amount.toNumber(), Status: Ready,
		PayMethod: "vbank", Channel: "api", Sandbox: true,
		Name: truncateText(Text(in["name"]), 40), CustomData: Text(in["custom_data"]),
		VbankCode: Text(in["vbank_code"]), VbankName: bankName(in["vbank_code"]),
		VbankHolder: Text(in["vbank_holder"]), VbankNum: Text(randomDigits(14)), VbankIssuedAt: now, VbankDate: due,
	}
	return p, notices, ok
}

// parseField reads notice_url of a flat body: JSON text, or one plain address.
func (a *addresses) parseField(field string) error {
	if field == "" {
		return nil
	}
	if json.Unmarshal([]byte(field), a) != nil {
		*a = addresses{field}
	}
	if len(*a) > maxNotices || slices.ContainsFunc(*a, isNoWebAddress) {
		return errNoticeURL
	}
	return nil
}

func bankName(code string) Text {
	switch code {
	case "004":
		return "KB국민은행"
	case "011":
		return "NH농협은행"
	case "020":
		return "우리은행"
	case "088":
		return "신한은행"
	}
	return Text("은행 " + code)
}

// deleteVbank answers DELETE /vbanks/{imp_uid}: the account takes no deposit any more (contract
// §1.8). The status of a revoked account is not documented; the sandbox says failed. No webhook is
// sent.
func (s *Sandbox) deleteVbank(w http.ResponseWriter, r *http.Request) {
	now := s.now().Unix()
	revoked, err := s.store.updatePayment(r.PathValue("imp_uid"), now, func(p *record) error {
		if p.PayMethod != "vbank" || p.Status != Ready {
			return errNoOpenAccount
		}
		p.Status, p.FailReason = Failed, "가상계좌 말소"
		p.Payment = p.withStatusTime(now)
		return nil
	})
	switch {
	case errors.Is(err, errPaymentNotFound):
		s.writeFailure(w, http.StatusNotFound, 1, err.Error())
	case err != nil:
		s.writeFailure(w, http.StatusBadRequest, 1, err.Error())
	default:
		s.writeResponse(w, http.StatusOK, &revoked.Payment)
	}
}

// Deposit puts the amount into a payment's virtual account, with a webhook. As at a bank, an
// account takes exactly the account's amount, once, also after the deadline. The error is the
// refusal.
func (s *Sandbox) Deposit(impUID string, amount json.Number) error {
	return s.acceptDeposit(impUID, amount, false)
}

// ForceDeposit is Deposit for a deposit that a bank should refuse: another amount, a second
// deposit, a revoked account. deposit_history shows the deposit; the payment's amount stays.
func (s *Sandbox) ForceDeposit(impUID string, amount json.Number) error {
	return s.acceptDeposit(impUID, amount, true)
}

func (s *Sandbox) acceptDeposit(impUID string, amount json.Number, forced bool) error {
	sum, err := parseMoney(string(amount))
	if err != nil || sum <= 0 {
		return errInvalidAmount
	}
	now, f := s.now().Unix(), fault.Fault{}
	paid, err := s.store.updatePayment(impUID, now, func(r *record) error {
		wanted, err := parseMoney(string(r.Amount))
		switch {
		case r.PayMethod != "vbank":
			return errNoOpenAccount
		case !forced && r.Status != Ready:
			return errNoOpenAccount
		case !forced && (err != nil || sum != wanted):
			return errWrongDeposit
		}
		r.DepositHistory = append(slices.Clip(r.DepositHistory), Deposit{ // a copy: readers hold the shorter one
			PGTID: "D" + randomDigits(20), Amount: sum.toNumber(), DepositorName: "입금자", DepositedAt: now})
		if r.Status != Cancelled {
			r.Status, r.FailedAt, r.FailReason = Paid, 0, ""
			r.Payment = r.withStatusTime(now)
		}
		if !forced {
			f = s.injectPaymentFault(r)
		}
		return nil
	})
	if err == nil {
		s.notifyMerchant(paid)
		s.scheduleFollowUp(paid, f)
	}
	return err
}

// depositSandboxPayment answers POST /sandbox-payments/{imp_uid}/deposit: Deposit over HTTP, or
// ForceDeposit with "force": true. The answer is 404 for an unknown payment, 409 for a deposit that
// a bank would refuse.
func (s *Sandbox) depositSandboxPayment(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Amount json.Number `json:"amount"`
		Force  bool        `json:"force"`
	}
	if !s.readJSON(w, r, &in) {
		return
	}
	id := r.PathValue("imp_uid")
	switch err := s.acceptDeposit(id, in.Amount, in.Force); {
	case errors.Is(err, errPaymentNotFound):
		s.writeFailure(w, http.StatusNotFound, 1, err.Error())
	case errors.Is(err, errInvalidAmount):
		s.writeFailure(w, http.StatusBadRequest, -1, err.Error())
	case err != nil:
		s.writeFailure(w, http.StatusConflict, 1, err.Error())
	default:
		p, _ := s.Payment(id)
		s.writeResponse(w, http.StatusOK, p)
	}
}
