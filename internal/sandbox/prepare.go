package sandbox

import (
	"cmp"
	"encoding/json"
	"net/http"
	"unicode/utf8"
)

const maxMerchantUID = 40 // characters (contract §1.4)

// preparation (사전등록) is an order's registered amount; the payment window opens for no other amount
// (contract §1.7).
type preparation struct {
	MerchantUID string      `json:"merchant_uid"`
	Amount      json.Number `json:"amount"`
	Currency    Text        `json:"currency"` // empty is unchecked
}

// createPreparation answers POST /payments/prepare. A second one for the same order is refused with
// a code, in HTTP 200.
func (s *Sandbox) createPreparation(w http.ResponseWriter, r *http.Request) {
	p, ok := s.readPreparation(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	_, known := s.prepared.get(p.MerchantUID)
	if !known {
		s.prepared.put(p.MerchantUID, p)
	}
	s.mu.Unlock()
	if known {
		s.writeFailure(w, http.StatusOK, 1, "이미 등록된 merchant_uid입니다.")
		return
	}
	s.writeResponse(w, http.StatusOK, p)
}

// replacePreparation answers PUT /payments/prepare.
func (s *Sandbox) replacePreparation(w http.ResponseWriter, r *http.Request) {
	p, ok := s.readPreparation(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	_, known := s.prepared.get(p.MerchantUID)
	if known {
		s.prepared.put(p.MerchantUID, p)
	}
	s.mu.Unlock()
	if !known {
		s.writeFailure(w, http.StatusNotFound, 1, "등록된 결제사전정보를 찾을 수 없습니다.")
		return
	}
	s.writeResponse(w, http.StatusOK, p)
}

// getPreparation answers GET /payments/prepare/{merchant_uid}.
func (s *Sandbox) getPreparation(w http.ResponseWriter, r *http.Request) {
	p, ok := s.findPreparation(r.PathValue("merchant_uid"))
	if !ok {
		s.writeFailure(w, http.StatusNotFound, 1, "등록된 결제사전정보를 찾을 수 없습니다.")
		return
	}
	s.writeResponse(w, http.StatusOK, p)
}

func (s *Sandbox) findPreparation(merchantUID string) (preparation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prepared.get(merchantUID)
}

func (s *Sandbox) readPreparation(w http.ResponseWriter, r *http.Request) (preparation, bool) {
	in, ok := s.readFields(w, r)
	if !ok {
		return preparation{}, false
	}
	amount, err := parseMoney(in["amount"])
	if err != nil || amount < 0 || !validMerchantUID(in["merchant_uid"]) {
		s.writeFailure(w, http.StatusBadRequest, -1, "merchant_uid와 amount를 확인하세요.")
		return preparation{}, false
	}
	return preparation{MerchantUID: in["merchant_uid"], Amount: amount.toNumber(), Currency: Text(in["currency"])}, true
}

// matchesOrder tells whether the window may open for the amount and currency.
func (p preparation) matchesOrder(amount money, currency string) bool {
	registered, err := parseMoney(string(p.Amount))
	return err == nil && registered == amount && cmp.Or(string(p.Currency), currency) == currency
}

func validMerchantUID(id string) bool {
	return id != "" && utf8.ValidString(id) && utf8.RuneCountInString(id) <= maxMerchantUID
}
