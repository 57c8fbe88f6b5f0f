package reconcile_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

// TestAListThatIsNotWholeFailsTheReconciliation, which repairs what was on it all the same: each
// list that is not empty promises one payment more than it has.
func TestAListThatIsNotWholeFailsTheReconciliation(t *testing.T) {
	t.Parallel()
	eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		w.due(7 * domaintest.Day)
		longBefore(w, clock.Now(), 5)
		f.OnList(func(answer *httptest.ResponseRecorder, _ *http.Request) {
			text := answer.Body.String()
			for n := 5; n > 0; n-- {
				text = strings.Replace(text, `"total":`+strconv.Itoa(n)+`}`, `"total":`+strconv.Itoa(n+1)+`}`, 1)
			}
			answer.Body = bytes.NewBufferString(text)
		})
		clock.Pass(domaintest.Day)
		run, err := w.ReconcileDue(w.Context())
		w.WantCode(err, apierror.GatewayUnavailable)
		if run.Error == "" || run.Repaired != 5 {
			w.Errorf("unexpected run %+v", run)
		}
		f.Say(f.Sandbox.ServeHTTP)
		w.due(domaintest.Day + time.Hour)
		w.WantBalance("minji", 5*domaintest.Full)
	})
}

// TestAListWhosePagesLieIsReadInHalves, of which each has one page in the end.
func TestAListWhosePagesLieIsReadInHalves(t *testing.T) {
	t.Parallel()
	cuts := map[string]func(f *domaintest.Front, answer *httptest.ResponseRecorder, r *http.Request){
		"its second page is the first again": func(f *domaintest.Front, answer *httptest.ResponseRecorder, r *http.Request) {
			if r.URL.Query().Get("page") == "2" {
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "page=2", "page=1", 1)
				answer.Body.Reset()
				f.Sandbox.ServeHTTP(answer, r)
				answer.Body = bytes.NewBufferString(strings.Replace(answer.Body.String(), `"next":2`, `"next":3`, 1))
			}
		},
		"it ends too early": func(_ *domaintest.Front, answer *httptest.ResponseRecorder, _ *http.Request) {
			text := strings.Replace(answer.Body.String(), `"next":3`, `"next":0`, 1)
			answer.Body = bytes.NewBufferString(text)
		},
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachForgetful(t, 100, func(w *world, f *domaintest.Front) {
				clock := w.StopClock()
				w.due(7 * domaintest.Day)
				longBefore(w, clock.Now(), 5)
				f.OnList(func(answer *httptest.ResponseRecorder, r *http.Request) { cut(f, answer, r) })
				clock.Pass(domaintest.Day)
				if run := w.due(domaintest.Day + time.Hour); run.Repaired != 5 || run.Listed != 5 {
					w.Errorf("unexpected run %+v", run)
				}
				w.WantBalance("minji", 5*domaintest.Full)
			})
		})
	}
}

// TestOnePaymentThatCannotBeLookedUpKeepsNoOtherFromItsOwner: it comes first, and each time.
func TestOnePaymentThatCannotBeLookedUpKeepsNoOtherFromItsOwner(t *testing.T) {
	t.Parallel()
	answers := map[string]http.HandlerFunc{
		"it is down":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"HTML":            func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"an error in 200": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"code":1,"response":null}`) },
		"an amount in words": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"code":0,"response":{"amount":"abc"}}`)
		},
		"a currency of ten": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"code":0,"response":{"currency":"₩"}}`)
		},
		"forbidden": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"code":-1,"response":null}`)
		},
		"it is not there": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code":1,"response":null}`)
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) {
				clock := w.StopClock()
				bad := w.Pay(w.OpenOrder("junho"), paidAt(clock.Now()), func(p *sandbox.Payment) { p.ImpUID = "imp_0" })
				longBefore(w, clock.Now(), 3)
				f.Say(func(rw http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/payments/"+bad {
						answer(rw, r)
						return
					}
					f.Sandbox.ServeHTTP(rw, r)
				})
				run := w.due(7 * domaintest.Day)
				if run.Repaired != 3 || run.Discrepancies != 1 {
					w.Errorf("unexpected run %+v", run)
				}
				w.WantBalance("minji", 3*domaintest.Full)
				for range 2 { // it is looked up again, although the lists are read from much later on
					clock.Pass(10 * domaintest.Day)
					w.wantDiscrepancies(w.due(10*domaintest.Day+time.Hour), "UNREADABLE "+bad)
				}
				f.Say(f.Sandbox.ServeHTTP)
				clock.Pass(domaintest.Day)
				w.wantDiscrepancies(w.due(domaintest.Day+time.Hour), "MISSING_HERE "+bad+" repaired")
				w.WantBalance("junho", domaintest.Full)
				clock.Pass(domaintest.Day)
				w.wantDiscrepancies(w.due(7 * domaintest.Day))
			})
		})
	}
}

// TestAGatewayThatGoesDownAmongLookUpsFailsTheReconciliation, and is no difference of anybody's.
func TestAGatewayThatGoesDownAmongLookUpsFailsTheReconciliation(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		longBefore(w, clock.Now(), 3)
		var asked atomic.Int64
		f.Say(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/payments/imp_") {
				asked.Add(1)
			}
			if asked.Load() > 1 {
				rw.WriteHeader(http.StatusBadGateway)
				return
			}
			f.Sandbox.ServeHTTP(rw, r)
		})
		run, err := w.ReconcileDue(w.Context())
		w.WantCode(err, apierror.GatewayUnavailable)
		w.wantDiscrepancies(run, "MISSING_HERE "+w.onlyPaid()+" repaired")
		f.Say(f.Sandbox.ServeHTTP)
		w.Gateway = domaintest.NewClient(w.T, f, false) // the other one leaves the gateway alone for a while
		w.due(7 * domaintest.Day)
		w.WantBalance("minji", 3*domaintest.Full)
	})
}

// onlyPaid is the imp_uid of the only payment in the books.
func (w *world) onlyPaid() (impUID string) {
	w.Helper()
	w.Must(w.DB.Raw("SELECT imp_uid FROM payments").Scan(&impUID).Error)
	return impUID
}

// TestAPanicAboutOnePaymentIsReportedAndStopsNoWatermark: the next run looks it up again, however
// long it lasts.
func TestAPanicAboutOnePaymentIsReportedAndStopsNoWatermark(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		trapped := w.Pay(w.OpenOrder("junho"), func(p *sandbox.Payment) { p.ImpUID = "imp_0" })
		w.Pay(w.OpenOrder("minji"))
		w.SetTrap("/payments/" + trapped)
		run, err := w.Reconcile(w.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		w.WantTrapped(err)
		if run.Error != "" || run.Note != "1 payments could not be looked into." || run.Repaired != 1 || run.Discrepancies != 1 {
			w.Errorf("unexpected run %+v", run)
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestAnUnreadablePaymentIsCreditedOnceItCanBeRead, by whichever comes first: the sweep, or a
// reconciliation.
func TestAnUnreadablePaymentIsCreditedOnceItCanBeRead(t *testing.T) {
	t.Parallel()
	for name, repair := range map[string]func(w *world) error{
		"sweep":     func(w *world) error { _, err := w.Sweep(w.Context(), 100); return err },
		"reconcile": func(w *world) error { _, err := w.ReconcileDue(w.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.PayWithFault(fault.Unreadable)
				clock := &domaintest.Clock{At: time.Now().Add(time.Hour)}
				w.Now = clock.Now
				run, err := w.ReconcileDue(w.Context())
				w.Must(err)
				w.wantDiscrepancies(run, "UNREADABLE "+impUID)
				_, err = w.Sweep(w.Context(), 100)
				if !errors.Is(err, charge.ErrUntrustworthy) {
					w.Errorf("the sweep says %v", err)
				}
				w.WantBalance("minji", 0)
				w.Sandbox.Flush()
				clock.Pass(domaintest.Day)
				w.Must(repair(w))
				w.WantOneCharge(impUID)
			})
		})
	}
}

// TestAnUnreadableAttemptHidesNotThePaidOne: of its order's attempts one cannot be read, and its
// payer has paid.
func TestAnUnreadableAttemptHidesNotThePaidOne(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		order := w.OpenOrder("minji")
		w.Pay(order, domaintest.WithStatus(sandbox.Failed), func(p *sandbox.Payment) { p.Currency = "?" })
		w.Pay(order)
		clock.Pass(time.Hour)
		_, err := w.Sweep(w.Context(), 100)
		if !errors.Is(err, charge.ErrUntrustworthy) {
			w.Errorf("the sweep says %v", err)
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

// wantOpen fails unless just these discrepancies are open, each "KIND imp_uid", the oldest first.
func (w *world) wantOpen(want ...string) {
	w.Helper()
	open, err := w.OpenDiscrepancies(w.Context(), "", 100)
	w.Must(err)
	got := []string{}
	for _, d := range open {
		got = append(got, string(d.Kind)+" "+d.ImpUID)
	}
	if !slices.Equal(got, want) {
		w.Fatalf("open are %q, want %q", got, want)
	}
}

func TestADiscrepancyIsOpenUntilItIsSettledOrAProblem(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		w.wantOpen()
		bad := w.Pay(w.OpenOrder("junho"), paidAt(clock.Now()), func(p *sandbox.Payment) { p.Currency = "?" })
		w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()), func(p *sandbox.Payment) { p.Amount = "10" }) // a problem
		w.Pay(w.OpenOrder("minji"), paidAt(clock.Now()))                                               // repaired
		w.due(7 * domaintest.Day)
		w.wantOpen("UNREADABLE " + bad)
		clock.Pass(time.Minute)
		later := w.Pay(w.OpenOrder("junho"), paidAt(clock.Now()), func(p *sandbox.Payment) { p.Currency = "?" })
		f.FailFromList(4) // after the lists of paid and cancelled payments until a minute ago, and of the paid ones since
		_, err := w.ReconcileDue(w.Context())
		w.WantCode(err, apierror.GatewayUnavailable)
		f.Say(f.Sandbox.ServeHTTP)
		w.wantOpen("UNREADABLE " + bad)
		clock.Pass(time.Minute)
		w.due(time.Hour + 2*time.Minute)
		w.wantOpen("UNREADABLE "+bad, "UNREADABLE "+later)
		_, err = w.Reconcile(w.Context(), clock.Now().Add(-time.Hour), clock.Now()) // an operator's is not the schedule's
		w.Must(err)
		w.EditPayment(bad, func(p *sandbox.Payment) { p.Currency = "KRW" })
		clock.Pass(20 * time.Hour)
		w.due(21 * time.Hour)
		w.wantOpen("UNREADABLE " + later)
	})
}
