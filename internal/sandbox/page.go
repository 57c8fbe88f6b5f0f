package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

const (
	defaultLimit = 20
	maxLimit     = 1000
	maxPeriod    = 90 * 24 * 60 * 60 // seconds that status looks back at most (contract §1.5)
)

// statusPayments answers GET /payments/status/{status}: the payments whose time of that status lies
// between from and to, both included (contract §1.5). It shows those of test channels too.
func (s *Sandbox) statusPayments(w http.ResponseWriter, r *http.Request) {
	status, query := r.PathValue("status"), r.URL.Query()
	at, ok := timeColumn(status)
	if !ok {
		s.writeFailure(w, http.StatusBadRequest, 1, "payment_status가 올바르지 않습니다.")
		return
	}
	order, ok := comparisonFor(query.Get("sorting"))
	if !ok {
		s.writeFailure(w, http.StatusBadRequest, 1, "sorting이 올바르지 않습니다.")
		return
	}
	from, to, ok := parsePeriod(query, s.now().Unix())
	if !ok {
		s.writeFailure(w, http.StatusBadRequest, 1, "조회기간은 최대 90일입니다.")
		return
	}
	found := slices.DeleteFunc(s.store.all(), func(p *record) bool {
		return status != "all" && p.Status != status || at(p) < from || at(p) > to
	})
	slices.SortFunc(found, order)
	s.writePage(w, r, found)
}

func timeColumn(status string) (at func(*record) int64, ok bool) {
	switch status {
	case "all", Ready:
		return func(r *record) int64 { return r.StartedAt }, true
	case Paid:
		return func(r *record) int64 { return r.PaidAt }, true
	case Cancelled:
		return func(r *record) int64 { return r.CancelledAt }, true
	case Failed:
		return func(r *record) int64 { return r.FailedAt }, true
	}
	return nil, false
}

// parsePeriod is from and to in UNIX seconds; without them, the last 90 days.
func parsePeriod(query url.Values, now int64) (from, to int64, ok bool) {
	to, toOK := intParam(query, "to", now)
	from, fromOK := intParam(query, "from", to-maxPeriod)
	return from, to, toOK && fromOK && 0 <= from && from <= to && to-from <= maxPeriod
}

// writePage answers with the page of found that the query asks for, or 400 where there is none.
func (s *Sandbox) writePage(w http.ResponseWriter, r *http.Request, found []*record) {
	page, pageOK := intParam(r.URL.Query(), "page", 1)
	limit, limitOK := intParam(r.URL.Query(), "limit", defaultLimit)
	total := int64(len(found))
	if !limitOK || limit < 1 || limit > maxLimit {
		s.writeFailure(w, http.StatusBadRequest, 1, "limit은 1 이상 1000 이하여야 합니다.")
		return
	}
	last := max(1, (total+limit-1)/limit)
	if !pageOK || page < 1 || page > last {
		s.writeFailure(w, http.StatusBadRequest, 1, "데이터 범위를 넘어선 page입니다.")
		return
	}
	next := page + 1
	if page == last {
		next = 0
	}
	start := (page - 1) * limit
	s.writeResponse(w, http.StatusOK, map[string]any{
		"total": total, "previous": page - 1, "next": next,
		"list": payments(found[start:min(start+limit, total)]),
	})
}

func intParam(query url.Values, name string, otherwise int64) (int64, bool) {
	text := query.Get(name)
	if text == "" {
		return otherwise, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
