package sandbox

import (
	"net/http"
	"slices"
	"strconv"
)

const maxLookupIDs = 100 // ids in one GET /payments (contract §1.5)

// getPayment answers GET /payments/{imp_uid}. Since 2026-01-26 only this route hides the payments
// of test channels, unless include_sandbox is set (contract §0.1).
func (s *Sandbox) getPayment(w http.ResponseWriter, r *http.Request) {
	found, ok := s.store.findRecord(r.PathValue("imp_uid"))
	if included, _ := strconv.ParseBool(r.URL.Query().Get("include_sandbox")); ok && found.Sandbox && !included {
		ok = false
	}
	if !ok {
		s.writeFailure(w, http.StatusNotFound, 1, errPaymentNotFound.message)
		return
	}
	s.writeResponse(w, http.StatusOK, &found.Payment)
}

// listPayments answers GET /payments?imp_uid[]=…&merchant_uid[]=…: 207 when some are missing, 404
// when all are (contract §1.5). A merchant_uid stands for its newest attempt.
func (s *Sandbox) listPayments(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	byID, byOrder := query["imp_uid[]"], query["merchant_uid[]"]
	asked := len(byID) + len(byOrder)
	if asked == 0 || asked > maxLookupIDs {
		s.writeFailure(w, http.StatusBadRequest, 1, "imp_uid[] 또는 merchant_uid[]를 1개 이상 100개 이하로 지정해야 합니다.")
		return
	}
	found, missing := s.collectPayments(byID, byOrder)
	switch {
	case len(found) == 0:
		s.writeFailure(w, http.StatusNotFound, 1, errPaymentNotFound.message)
	case missing:
		s.writeResponse(w, http.StatusMultiStatus, paymentsOf(found))
	default:
		s.writeResponse(w, http.StatusOK, paymentsOf(found))
	}
}

func (s *Sandbox) collectPayments(byID, byOrder []string) (found []*record, missing bool) {
	add := func(r *record, ok bool) {
		missing = missing || !ok
		if ok && !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	for _, id := range byID {
		add(s.store.findRecord(id))
	}
	for _, order := range byOrder {
		attempts := s.store.listAttempts(order)
		if len(attempts) == 0 {
			missing = true
			continue
		}
		add(slices.MinFunc(attempts, sorting{startedAt, true}.compareRecords), true)
	}
	return found, missing
}

// findPayment answers GET /payments/find/{merchant_uid}[/{status}] with the first hit of the
// sorting, which by default is the newest attempt and not the paid one (contract §1.5).
func (s *Sandbox) findPayment(w http.ResponseWriter, r *http.Request) {
	found, ok := s.findAttempts(w, r)
	if ok {
		s.writeResponse(w, http.StatusOK, &found[0].Payment)
	}
}

// findAllPayments answers GET /payments/findAll/{merchant_uid}[/{status}], a page at a time.
func (s *Sandbox) findAllPayments(w http.ResponseWriter, r *http.Request) {
	found, ok := s.findAttempts(w, r)
	if ok {
		s.writePage(w, r, func(p pageRequest) ([]*record, int) {
			start, end := p.sliceBounds(len(found))
			return found[start:end], len(found)
		})
	}
}

// findAttempts returns the sorted attempts named by path and query, at least one. Otherwise
// findAttempts answers the request and returns false.
func (s *Sandbox) findAttempts(w http.ResponseWriter, r *http.Request) ([]*record, bool) {
	order, ok := parseSorting(r.URL.Query().Get("sorting"))
	if !ok {
		s.writeFailure(w, http.StatusBadRequest, 1, "sorting이 올바르지 않습니다.")
		return nil, false
	}
	found := s.store.listAttempts(r.PathValue("merchant_uid"))
	if status := r.PathValue("status"); status != "" {
		found = slices.DeleteFunc(found, func(p *record) bool { return p.Status != status })
	}
	if len(found) == 0 {
		s.writeFailure(w, http.StatusNotFound, 1, errPaymentNotFound.message)
		return nil, false
	}
	slices.SortFunc(found, order.compareRecords)
	return found, true
}

func paymentsOf(records []*record) []*Payment {
	list := make([]*Payment, len(records))
	for i, r := range records {
		list[i] = &r.Payment
	}
	return list
}
