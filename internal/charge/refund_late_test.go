package charge_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// delayed keeps the next cancellation somewhere on its way to the gateway, until it arrives.
func delayed(w *world, f *domaintest.Front) (arrive func()) {
	var request *http.Request
	f.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
		sent := body(w.T, r)
		request = r.Clone(context.Background()) // r's own ends with the caller's patience
		request.Body = io.NopCloser(strings.NewReader(sent))
		rw.WriteHeader(http.StatusBadGateway)
	})
	return func() {
		w.Helper()
		if request == nil {
			w.Fatal("nothing was asked for")
		}
		f.Sandbox.ServeHTTP(httptest.NewRecorder(), request)
	}
}

// givenUp asks for a refund that does not arrive, until it is released.
func (w *world) givenUp(f *domaintest.Front, clock *domaintest.Clock, in charge.RefundInput) (arrive func()) {
	w.Helper()
	arrive = delayed(w, f)
	r := w.MustRefund(in)
	clock.Pass(patience)
	w.MustSync(r.ImpUID)
	w.wantRefund(point.Transaction{ImpUID: &r.ImpUID}, in.Reference, charge.RefundReleased)
	return arrive
}

// TestAReleasedRefundThatHappensAllTheSameIsDone: whoever asks what became of it must not hear
// that it was never made.
func TestAReleasedRefundThatHappensAllTheSameIsDone(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		credited := w.Charged()
		w.givenUp(f, clock, domaintest.RefundOf(credited, 1000, "r-1"))()
		for range 2 {
			w.MustSync(*credited.ImpUID)
			w.wantRefund(credited, "r-1", charge.RefundDone)
			w.WantBalance("minji", domaintest.Full-1100)
		}
	})
}

// TestOneCancellationMakesOneRefundDone: the first of two alike was never made.
func TestOneCancellationMakesOneRefundDone(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		credited := w.Charged()
		w.givenUp(f, clock, domaintest.RefundOf(credited, 1000, "r-1"))
		f.Say(f.Sandbox.ServeHTTP)
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-2"))
		w.MustSync(*credited.ImpUID)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.wantRefund(credited, "r-2", charge.RefundDone)
		w.CancelAtConsole(*credited.ImpUID, 1000) // for another reason
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.WantBalance("minji", domaintest.Full-2200)
	})
}

// givenUpByOperator is givenUp for a refund that an operator decided on.
func (w *world) givenUpByOperator(f *domaintest.Front, clock *domaintest.Clock, impUID string) (arrive func(), reference string) {
	w.Helper()
	arrive = delayed(w, f)
	w.MustResolve(domaintest.Decision(impUID, charge.RefundIt))
	reference = w.wantOpenRefunds(1)[0].Reference
	clock.Pass(patience)
	w.MustSync(impUID)
	w.wantRefund(point.Transaction{ImpUID: &impUID}, reference, charge.RefundReleased)
	return arrive, reference
}

// TestAnOperatorsReleasedRefundThatHappensAllTheSameIsDone, too: its payment gave no points.
func TestAnOperatorsReleasedRefundThatHappensAllTheSameIsDone(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		wrong, _ := w.Mispaid()
		arrive, reference := w.givenUpByOperator(f, clock, wrong)
		w.WantProblems(map[string]charge.Problem{wrong: charge.WrongAmount})
		arrive()
		w.MustSync(wrong)
		w.wantRefund(point.Transaction{ImpUID: &wrong}, reference, charge.RefundDone)
		w.WantProblems(nil)
	})
}

// cancelFor cancels at the console for the reason that our own refunds give.
func (w *world) cancelFor(impUID string, won, left int64) {
	w.Helper()
	_, err := w.Gateway.Cancel(w.Context(), charge.Cancel{ImpUID: impUID, Currency: "KRW", Amount: won, Checksum: left, Reason: "변심"})
	w.Must(err)
	w.MustSync(impUID)
}

// TestAnEarlierCancellationIsNotTheRefund, however alike: what Iamport refused is not done.
func TestAnEarlierCancellationIsNotTheRefund(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited := w.Charged()
		w.cancelFor(*credited.ImpUID, 1000, 5000)
		f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"code":1,"message":"취소기간이 지났습니다.","response":null}`)
		})
		_, err := w.Refund(w.Context(), domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-1")))
		w.WantCode(err, apierror.RefundNotPossible)
		w.MustSync(*credited.ImpUID)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
	})
}

// TestACancellationIsTheRefundThatFitsItsPlace: the checksum of the other one would have been
// wrong.
func TestACancellationIsTheRefundThatFitsItsPlace(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		credited := w.Charged()
		delayed(w, f)
		w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-1")))
		w.CancelAtConsole(*credited.ImpUID, 500)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.givenUp(f, clock, domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-2")))()
		w.MustSync(*credited.ImpUID)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.wantRefund(credited, "r-2", charge.RefundDone)
	})
}

// TestAHistoryThatContradictsItselfConfirmsNothing: the item is of the refund under way, and is
// there before the sum.
func TestAHistoryThatContradictsItselfConfirmsNothing(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		credited := w.Charged()
		w.CancelAtConsole(*credited.ImpUID, 500)
		w.givenUp(f, clock, domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-1")))
		pending(w, f, *credited.ImpUID, "500")
		w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-2")))
		w.wantRefund(credited, "r-2", charge.RefundAccepted)
		w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) {
			p.CancelHistory = append(p.CancelHistory, sandbox.Cancellation{PGTID: "C2", Amount: "1000", CancelledAt: p.CancelledAt + 1,
				Reason: "변심", CancellationID: "can_2"})
		})
		w.MustSync(*credited.ImpUID)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) { p.CancelAmount = "1500" })
		w.MustSync(*credited.ImpUID)
		w.wantRefund(credited, "r-1", charge.RefundReleased)
		w.wantRefund(credited, "r-2", charge.RefundDone)
	})
}

// TestARefundThatTurnsUpAfterAllWasAccepted: the operator gave points when the refund seemed
// never to have been made.
func TestARefundThatTurnsUpAfterAllWasAccepted(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		wrong, _ := w.Mispaid()
		arrive, reference := w.givenUpByOperator(f, clock, wrong)
		w.MustResolve(domaintest.Decision(wrong, charge.Accept))
		clock.Pass(time.Second)
		arrive()
		w.MustSync(wrong)
		w.wantRefund(point.Transaction{ImpUID: &wrong}, reference, charge.RefundDone)
		w.WantProblems(map[string]charge.Problem{wrong: charge.AcceptedCancelled})
		w.WantBalance("minji", 4000)
	})
}
