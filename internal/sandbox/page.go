package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
)

const (
	defaultLimit = 20
	maxLimit     = 1000
	maxPeriod    = 90 * 24 * 60 * 60 // seconds between from and to (contract §1.5)
)

// statusPayments answers GET /payments/status/{status}: the payments whose time of the status lies
// between from and to, both included (contract §1.5). Payments of test channels are included.
func (s *Sandbox) statusPayments(w http.ResponseWriter, r *http.Request) {
	status, query := r.PathValue("status"), r.URL.Query()
	column, ok := timeColumn(status)
	if !ok {
		s.writeFailure(w, http.StatusBadRequest, 1, "payment_status가 올바르지 않습니다.")
		return
	}
	order, ok := parseSorting(query.Get("sorting"))
	if !ok {
		s.writeFailure(w, http.StatusBadRequest, 1, "sorting이 올바르지 않습니다.")
		return
	}
	from, to, ok := parsePeriod(query, s.now().Unix())
	if !ok {
		s.writeFailure(w, http.StatusBadRequest, 1, "조회기간은 최대 90일입니다.")
		return
	}
	list := listQuery{status: status, column: column, from: from, to: to, sorting: order}
	s.writePage(w, r, func(p pageRequest) ([]*record, int) { return s.store.listPage(list, p) })
}

// timeColumn returns the time by which a list of the status filters.
func timeColumn(status string) (c column, ok bool) {
	switch status {
	case "all", Ready:
		return startedAt, true
	case Paid:
		return paidAt, true
	case Cancelled:
		return cancelledAt, true
	case Failed:
		return failedAt, true
	}
	return "", false
}

// parsePeriod returns from and to in UNIX seconds; without them, the last 90 days.
func parsePeriod(query url.Values, now int64) (from, to int64, ok bool) {
	to, toOK := intParam(query, "to", now)
	from, fromOK := intParam(query, "from", to-maxPeriod)
	return from, to, toOK && fromOK && 0 <= from && from <= to && to-from <= maxPeriod
}

// pageRequest is the page and limit of a request. Pages count from 1.
type pageRequest struct{ page, limit int64 }

// sliceBounds returns the indexes of the page among total items; start == end for a page beyond the
// last.
func (p pageRequest) sliceBounds(total int) (start, end int) {
	if p.page > p.lastPage(total) {
		return 0, 0
	}
	start = int((p.page - 1) * p.limit)
	return start, min(start+int(p.limit), total)
}

func (p pageRequest) lastPage(total int) int64 { return (int64(total)-1)/p.limit + 1 }

// writePage answers with the requested page, or 400 for a page beyond the last. load returns the
// records of a page and the total.
func (s *Sandbox) writePage(w http.ResponseWriter, r *http.Request, load func(pageRequest) ([]*record, int)) {
	page, pageOK := intParam(r.URL.Query(), "page", 1)
	limit, limitOK := intParam(r.URL.Query(), "limit", defaultLimit)
	if !limitOK || limit < 1 || limit > maxLimit {
		s.writeFailure(w, http.StatusBadRequest, 1, "limit은 1 이상 1000 이하여야 합니다.")
		return
	}
	p := pageRequest{page, limit}
	var found []*record
	total := 0
	if pageOK = pageOK && page >= 1; pageOK {
		found, total = load(p)
	}
	last := p.lastPage(total)
	if !pageOK || page > last {
		s.writeFailure(w, http.StatusBadRequest, 1, "데이터 범위를 넘어선 page입니다.")
		return
	}
	next := page + 1
	if page == last {
		next = 0
	}
	s.writeResponse(w, http.StatusOK, map[string]any{
		"total": total, "previous": page - 1, "next": next, "list": paymentsOf(found),
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
