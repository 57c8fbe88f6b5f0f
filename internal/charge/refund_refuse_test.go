package charge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

// says answers cancellations with a status and a body.
func says(f *domaintest.Front, status int, body string) {
	f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	})
}

const monthOver = `{"code":1,"message":"휴대폰결제는 당월에만 취소할 수 있습니다","response":null}`

func TestD15TheGatewaysWordsAreKept(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) {
				credited := w.Charged()
				var asked atomic.Int64
				f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) {
					asked.Add(1)
					rw.WriteHeader(status)
					_, _ = io.WriteString(rw, monthOver)
				})
				for range 2 { // D16: the same reference gets the same answer
					r, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 5000, "r-1"))
					w.wantReason(err, apierror.RefundNotPossible, charge.ReasonGatewayRefused)
					if r != (charge.Refund{}) || !strings.Contains(err.Error(), "당월에만") {
						w.Fatalf("%+v, %v", r, err)
					}
					if refusal, _ := errors.AsType[*apierror.Error](err); strings.Contains(refusal.Message, "당월") {
						w.Fatalf("users see %q", refusal.Message)
					}
				}
				domaintest.WantPoints(w.T, "times asked", asked.Load(), 1)
				if n := w.Count("refunds", "status = 'RELEASED' AND NOT never_sent AND refusal LIKE '%당월에만 취소할 수 있습니다%'"); n != 1 {
					w.Fatalf("%d refunds have the words", n)
				}
				w.WantSpendable(domaintest.Full)
			})
		})
	}
}

// beforeCancel is a gateway to which something happens just before it is asked to cancel.
type beforeCancel struct {
	charge.Gateway
	do func()
}

func (g beforeCancel) Cancel(ctx context.Context, c charge.Cancel) (charge.Payment, error) {
	g.do()
	return g.Gateway.Cancel(ctx, c)
}

// wantUnsent fails unless a refund is released at once, and the same reference refunds once the
// gateway is well.
func (w *world) wantUnsent(f *domaintest.Front, well charge.Gateway, reason string) {
	w.Helper()
	line, err := w.Charge(w.Context(), "minji", w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.PayMethod = "kakaopay" }))
	w.Must(err)
	_, err = w.Refund(w.Context(), domaintest.RefundOf(line, 5000, "r-1"))
	w.wantReason(err, apierror.GatewayUnavailable, reason)
	w.wantOpenRefunds(0)
	w.WantSpendable(domaintest.Full)
	if n := w.Count("refunds", "status = 'RELEASED' AND never_sent AND refusal <> ''"); n != 1 {
		w.Fatalf("%d refunds are known never to have been sent", n)
	}
	w.Gateway = well
	f.Say(f.Sandbox.ServeHTTP)
	if r := w.MustRefund(domaintest.RefundOf(line, 5000, "r-1")); r.Status != charge.RefundDone || r.NeverSent || r.Refusal != "" {
		w.Fatalf("unexpected refund %+v", r)
	}
	w.WantBalance("minji", 0)
	domaintest.WantPoints(w.T, "refunds", w.Count("refunds", "1 = 1"), 1)
}

func TestD9ARefundThatIsTurnedAwayIsReleasedAtOnce(t *testing.T) {
	t.Parallel()
	for status, reason := range map[int]string{403: charge.ReasonGatewayRefused, 429: charge.ReasonNotSent} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) {
				well := w.Gateway
				w.Gateway = beforeCancel{well, func() { says(f, status, `{"code":-1,"message":"no","response":null}`) }}
				w.wantUnsent(f, well, reason)
			})
		})
	}
}

func TestD9ARefundWithTheBreakerOpenIsReleasedAtOnce(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		broken := w.Gateway
		w.Gateway = beforeCancel{broken, func() {
			f.Say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
			for range 12 { // other calls fail meanwhile
				_, _ = broken.Payment(w.Context(), "imp_other")
			}
		}}
		w.wantUnsent(f, domaintest.NewClient(w.T, f, false), charge.ReasonNotSent)
	})
}

func TestD10RoundingNeverFavoursWhoeverAsks(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.ChargeFor(10_000, 1, 0)
		for _, in := range []charge.RefundInput{domaintest.RefundOf(credited, 9999, "r-1"), domaintest.ByAdmin(domaintest.RefundOf(credited, 9999, "r-1"))} {
			_, err := w.Refund(w.Context(), in)
			w.wantReason(err, apierror.RefundNotPossible, charge.ReasonTooSmall)
			if least, _ := apierror.Param[int64](err, apierror.ParamLimit); least != 10_000 {
				w.Fatalf("the least is %d", least)
			}
		}
		w.CancelAtConsole(*credited.ImpUID, 9999) // by the shop itself
		w.WantBalance("minji", 0)
		w.MustRefund(domaintest.RefundOf(credited, 1, "r-1")) // all that is left
		w.WantBalance("minji", 0)
	})
}

func TestS8RefundsHaveALeastAmount(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		_, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 99, "r-1"))
		w.wantReason(err, apierror.RefundNotPossible, charge.ReasonTooSmall)
		w.MustRefund(domaintest.RefundOf(credited, 100, "r-1"))
		w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 1, "r-2")))
		w.MustRefund(domaintest.RefundOf(credited, 4850, "r-3"))
		_, err = w.Refund(w.Context(), domaintest.RefundOf(credited, 48, "r-4"))
		w.wantReason(err, apierror.RefundNotPossible, charge.ReasonTooSmall)
		w.MustRefund(domaintest.RefundOf(credited, 49, "r-4")) // all that is left
		w.WantBalance("minji", 0)
	})
}

func TestS8AChargeIsRefundedInTenParts(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		for n := range 10 {
			w.MustRefund(domaintest.RefundOf(credited, 100, fmt.Sprint("r-", n)))
		}
		_, err := w.Refund(w.Context(), domaintest.RefundOf(credited, 4000, "more"))
		w.wantReason(err, apierror.RefundNotPossible, charge.ReasonTooManyTimes)
		q, err := w.RefundQuote(w.Context(), domaintest.Minji(), credited.ID)
		w.Must(err)
		if q.Amount != 0 || q.ReasonCode != charge.ReasonTooManyTimes {
			w.Fatalf("unexpected quote %+v", q)
		}
		w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 4000, "more")))
	})
}

func TestD14ARefundTakesItsShareOfEachKind(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustRefund(domaintest.RefundOf(credited, 500, "r-1"))
		domaintest.WantPoints(w.T, "bonus points", w.BonusLot(credited).Remaining, 450)
		domaintest.WantPoints(w.T, "paid points", w.LotRemaining(credited), 4500)
		w.MustRefund(domaintest.RefundOf(credited, 4500, "r-2"))
		domaintest.WantPoints(w.T, "bonus points", w.BonusLot(credited).Remaining, 0)
		domaintest.WantPoints(w.T, "paid points", w.LotRemaining(credited), 0)
	})
}

// TestD16OneRefundThatFailsIsNotTheJobsFailure, nor is the only one, if it is its payment that
// cannot be read.
func TestD16OneRefundThatFailsIsNotTheJobsFailure(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 2} {
		t.Run(fmt.Sprint("with others: ", others), func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) {
				for n := range others + 1 {
					credited := w.Charged()
					pending(w, f, *credited.ImpUID, "0")
					w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
					if n == 0 {
						w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) { p.Status = "partial_cancelled" })
					}
				}
				f.Say(f.Sandbox.ServeHTTP)
				report, err := w.SyncRefunds(w.Context())
				w.Must(err)
				if report.Checked != others+1 || report.Failed != 1 || report.Err == nil {
					w.Fatalf("unexpected report %+v", report)
				}
				f.Say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
				report, err = w.SyncRefunds(w.Context())
				w.WantCode(err, apierror.GatewayUnavailable)
				if report.Failed != others+1 {
					w.Fatalf("unexpected report %+v", report)
				}
			})
		})
	}
}
