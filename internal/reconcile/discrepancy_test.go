package reconcile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/reconcile"
	"pointcharge/internal/sandbox"
)

// unreadable makes a payment in a currency that does not exist.
func (w *world) unreadable(at time.Time) (impUID string) {
	w.Helper()
	return w.Pay(w.OpenOrder("minji"), paidAt(at), func(p *sandbox.Payment) { p.Currency = "?" })
}

// TestD11ADayOfRunsLooksRarelyAtWhatDoesNotChange has twenty misfits, and a run each ten minutes.
func TestD11ADayOfRunsLooksRarelyAtWhatDoesNotChange(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		order := w.OpenOrder("minji")
		for range 20 {
			w.Pay(order, paidAt(clock.Now()), func(p *sandbox.Payment) { p.Amount = "10" })
		}
		for range 145 {
			clock.Pass(10 * time.Minute)
			w.runs()
		}
		rows := w.Count("discrepancies", "1 = 1")
		w.Logf("20 misfits, a day of runs: %d look-ups, %d rows", w.lookups(), rows)
		if w.lookups() > 20*9 || rows != 20 {
			w.Errorf("%d look-ups and %d rows", w.lookups(), rows)
		}
	})
}

func TestD11ADiscrepancyHasOneRowFromItsFirstToItsLastDay(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		began := clock.Now()
		bad := w.unreadable(began)
		for range 3 {
			clock.Pass(domaintest.Day)
			w.runs()
		}
		w.wantOpen("UNREADABLE " + bad)
		open, err := w.OpenDiscrepancies(w.Context(), "", 10)
		w.Must(err)
		if d := open[0]; !d.FirstSeen.Equal(began.Add(domaintest.Day)) || !d.LastSeen.Equal(clock.Now()) || d.Checks != 3 {
			w.Errorf("unexpected row %+v", d)
		}
		count, err := w.CountOpenDiscrepancies(w.Context())
		w.Must(err)
		if count.ByKind[reconcile.UnreadableThere] != 1 || count.Oldest == nil || !count.Oldest.Equal(open[0].FirstSeen) {
			w.Errorf("unexpected count %+v", count)
		}
		w.EditPayment(bad, func(p *sandbox.Payment) { p.Currency = "KRW" })
		clock.Pass(domaintest.Day)
		w.wantDiscrepancies(w.runs(), "MISSING_HERE "+bad+" repaired")
		w.wantOpen()
		if n := w.Count("discrepancies", "state = 'REPAIRED' AND checks = 3"); n != 1 || w.Count("discrepancies", "1 = 1") != 1 {
			w.Errorf("%d repaired rows", n)
		}
	})
}

func TestD11AnOperatorIgnoresADiscrepancyUntilItDiffersInAnotherWay(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		bad := w.unreadable(clock.Now())
		clock.Pass(time.Minute)
		w.runs()
		w.wantOpen("UNREADABLE " + bad)
		for _, wrong := range []struct {
			actor          point.Actor
			impUID, reason string
			code           apierror.Code
		}{
			{domaintest.Minji(), bad, "왜", apierror.Forbidden},
			{point.Actor{}, bad, "왜", apierror.InvalidArgument},
			{domaintest.Sora(), bad, "", apierror.InvalidArgument},
			{domaintest.Sora(), bad, strings.Repeat("가", 201), apierror.InvalidArgument},
			{domaintest.Sora(), bad, "a\nb", apierror.InvalidArgument},
			{domaintest.Sora(), "a/b", "왜", apierror.InvalidArgument},
			{domaintest.Sora(), "imp_none", "왜", apierror.NotFound},
		} {
			_, err := w.IgnoreDiscrepancy(w.Context(), wrong.actor, wrong.impUID, wrong.reason)
			w.WantCode(err, wrong.code)
		}
		ignored, err := w.IgnoreDiscrepancy(w.Context(), domaintest.Sora(), bad, "다른 가게의 결제")
		w.Must(err)
		if ignored.State != reconcile.Ignored || ignored.ClosedAt == nil {
			w.Errorf("unexpected discrepancy %+v", ignored)
		}
		w.wantOpen()
		for range 3 {
			clock.Pass(domaintest.Day + time.Minute)
			w.runs()
		}
		w.wantOpen()
		if n := w.lookups(); n != 1 {
			w.Errorf("%d look-ups, want 1", n)
		}
		decisions, err := w.Decisions(w.Context(), bad)
		w.Must(err)
		if len(decisions) != 1 || decisions[0].Actor != domaintest.Sora() || decisions[0].Reason != "다른 가게의 결제" || decisions[0].Kind != reconcile.UnreadableThere {
			w.Errorf("unexpected decisions %+v", decisions)
		}
		w.EditPayment(bad, func(p *sandbox.Payment) { p.Currency, p.Amount = "KRW", "7000" })
		clock.Pass(domaintest.Day + time.Minute)
		w.wantDiscrepancies(w.runs(), "AMOUNT "+bad)
		w.WantProblems(map[string]charge.Problem{bad: charge.WrongAmount})
	})
}

// TestD11TwoOperatorsIgnoreADiscrepancyOnce while a run looks it up again.
func TestD11TwoOperatorsIgnoreADiscrepancyOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		bad := w.unreadable(time.Now().Add(-time.Minute))
		w.reconcile()
		ignore := func() {
			_, err := w.IgnoreDiscrepancy(w.Context(), domaintest.Sora(), bad, "고객 문의")
			if err != nil && apierror.CodeOf(err) != apierror.NotFound {
				w.Error(err)
			}
		}
		rerun := func() {
			if _, err := w.Reconcile(w.Context(), time.Now().Add(-time.Hour), time.Now()); err != nil {
				w.Error(err)
			}
		}
		domaintest.Together(ignore, ignore, rerun, rerun)
		if n := w.Count("discrepancy_decisions", "imp_uid = ?", bad); n != 1 {
			w.Errorf("%d decisions, want 1", n)
		}
		if n := w.Count("discrepancies", "imp_uid = ? AND state = 'IGNORED'", bad); n != 1 {
			w.Errorf("%d ignored rows, want 1", n)
		}
	})
}

// TestD11PaymentsWithoutAnIDHaveOneRow, which an operator can ignore.
func TestD11PaymentsWithoutAnIDHaveOneRow(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		for _, id := range []string{"no/id", "no?id"} {
			w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()), func(p *sandbox.Payment) { p.ImpUID = id })
		}
		for range 3 {
			clock.Pass(10 * time.Minute)
			w.runs()
		}
		w.wantOpen("UNREADABLE ")
		_, err := w.IgnoreDiscrepancy(w.Context(), domaintest.Sora(), "", "게이트웨이에 문의함")
		w.Must(err)
		w.later(clock, 2)
		w.wantOpen()
	})
}

func TestD11OldRunsAndRepairedDiscrepanciesAreDeleted(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		w.Reconciling = reconcile.Schedule{LookBack: 2 * domaintest.Day, Retention: 10 * domaintest.Day}
		w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()))
		bad := w.unreadable(clock.Now())
		for range 130 {
			clock.Pass(domaintest.Day)
			w.runs()
		}
		if n := w.Count("reconciliations", "1 = 1"); n < 100 || n > 102 {
			w.Errorf("%d runs are kept", n)
		}
		if n := w.Count("discrepancies", "state = 'REPAIRED'"); n != 0 {
			w.Errorf("%d repaired discrepancies are kept", n)
		}
		w.wantOpen("UNREADABLE " + bad)
	})
}

// TestD11AClockThatWasAheadDelaysNoLookUp: a run of ten years later has seen the payment.
func TestD11AClockThatWasAheadDelaysNoLookUp(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		w.Reconciling.LookBack = domaintest.Day
		bad := w.unreadable(clock.Now())
		clock.Pass(time.Minute)
		w.runs()
		clock.Pass(3650 * domaintest.Day)
		w.runs()
		clock.Pass(-3640 * domaintest.Day)
		w.EditPayment(bad, func(p *sandbox.Payment) { p.Currency = "KRW" })
		w.wantDiscrepancies(w.runs(), "MISSING_HERE "+bad+" repaired")
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestD1ALongRunThatFailsKeepsNoNewPaymentFromBeingCompared: what is older than a day cannot be
// listed.
func TestD1ALongRunThatFailsKeepsNoNewPaymentFromBeingCompared(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		w.runs()
		f.OnList(func(answer *httptest.ResponseRecorder, r *http.Request) {
			if from, err := json.Number(r.URL.Query().Get("from")).Int64(); err != nil || from < clock.Now().Add(-2*domaintest.Day).Unix() {
				answer.Code, answer.Body = http.StatusForbidden, bytes.NewBufferString(`{"code":-1,"response":null}`)
			}
		})
		clock.Pass(domaintest.Day + time.Minute)
		w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()))
		clock.Pass(2 * time.Minute)
		_, err := w.ReconcileDue(w.Context())
		w.WantCode(err, apierror.GatewayUnavailable)
		clock.Pass(10 * time.Minute)
		w.runs()
		w.WantBalance("minji", domaintest.Full)
		_, err = w.ReconcileDue(w.Context()) // and a long one again
		w.WantCode(err, apierror.GatewayUnavailable)
	})
}

// TestD1PaymentsOfOneSecondThatChangePlacesAreReadWhole: each page is sorted anew, by chance.
func TestD1PaymentsOfOneSecondThatChangePlacesAreReadWhole(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
		clock := w.StartToday()
		at := clock.Now().Add(-time.Hour)
		for range 5 {
			w.Pay(w.OpenOrder("minji"), paidAt(at))
		}
		turns := 0
		f.OnList(func(answer *httptest.ResponseRecorder, r *http.Request) { shufflePage(w, f, answer, r, &turns) })
		if run := w.runs(); run.Repaired != 5 || run.Listed != 5 || run.Error != "" {
			w.Errorf("unexpected run %+v", run)
		}
		w.WantBalance("minji", 5*domaintest.Full)
	})
}

// shufflePage answers a page of two from the whole list, which is turned by one place for each
// answer.
func shufflePage(w *world, f *domaintest.Front, answer *httptest.ResponseRecorder, r *http.Request, turns *int) {
	query := r.URL.Query()
	page := query.Get("page")
	query.Set("page", "1")
	query.Set("limit", "100")
	whole := httptest.NewRequest(http.MethodGet, r.URL.Path+"?"+query.Encode(), nil)
	whole.Header = r.Header
	all := httptest.NewRecorder()
	f.Sandbox.ServeHTTP(all, whole)
	var body struct {
		Code     int
		Response struct {
			Total, Previous, Next int
			List                  []json.RawMessage
		}
	}
	if err := json.Unmarshal(all.Body.Bytes(), &body); err != nil || all.Code != http.StatusOK {
		w.Error(errors.Join(err, errors.New(all.Body.String())))
		return
	}
	list := body.Response.List
	n := len(list)
	if n <= 2 {
		return
	}
	*turns++
	first := map[string]int{"1": 0, "2": 2, "3": 4}[page]
	var shown []json.RawMessage
	for i := first; i < min(first+2, n); i++ {
		shown = append(shown, list[(i+*turns)%n])
	}
	next := map[string]int{"1": 2, "2": 3, "3": 0}[page]
	text, err := json.Marshal(map[string]any{"code": 0, "response": map[string]any{"total": n, "next": next, "list": shown}})
	w.Must(err)
	answer.Body = bytes.NewBuffer(text)
}
