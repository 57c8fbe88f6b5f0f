package point_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
)

// TestAListThatIsNotWholeFailsTheReconciliation, which heals what was on it all the same.
func TestAListThatIsNotWholeFailsTheReconciliation(t *testing.T) {
	t.Parallel()
	cuts := map[string]func(f *front, answer *httptest.ResponseRecorder, r *http.Request){
		"it says that there is one more": func(_ *front, answer *httptest.ResponseRecorder, _ *http.Request) {
			text := strings.Replace(answer.Body.String(), `"total":5`, `"total":6`, 1)
			answer.Body = bytes.NewBufferString(text)
		},
		"its second page is the first again": func(f *front, answer *httptest.ResponseRecorder, r *http.Request) {
			if r.URL.Query().Get("page") == "2" {
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "page=2", "page=1", 1)
				answer.Body.Reset()
				f.gateway.ServeHTTP(answer, r)
				answer.Body = bytes.NewBufferString(strings.Replace(answer.Body.String(), `"next":2`, `"next":3`, 1))
			}
		},
		"it ends too early": func(_ *front, answer *httptest.ResponseRecorder, _ *http.Request) {
			text := strings.Replace(answer.Body.String(), `"next":3`, `"next":0`, 1)
			answer.Body = bytes.NewBufferString(text)
		},
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachForgetful(t, 100, func(w *world, f *front) {
				clock := w.stopClock()
				w.due(7 * day)
				impUIDs := longBefore(w, clock.now(), 5)
				f.onList(func(answer *httptest.ResponseRecorder, r *http.Request) { cut(f, answer, r) })
				clock.pass(day)
				run, err := w.ReconcileDue(w.Context())
				w.wantCode(err, point.GatewayUnavailable)
				if run.Error == "" || run.Healed < 3 {
					w.Errorf("unexpected run %+v", run)
				}
				f.say(f.gateway.ServeHTTP)
				w.due(day + time.Hour)
				w.wantBalance("minji", int64(len(impUIDs))*full)
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
			eachBehindFront(t, func(w *world, f *front) {
				clock := w.stopClock()
				bad := w.pay(w.order("junho"), paidAt(clock.now()), func(p *sandbox.Payment) { p.ImpUID = "imp_0" })
				longBefore(w, clock.now(), 3)
				f.say(func(rw http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/payments/"+bad {
						answer(rw, r)
						return
					}
					f.gateway.ServeHTTP(rw, r)
				})
				run := w.due(7 * day)
				if run.Healed != 3 || run.Differences != 1 {
					w.Errorf("unexpected run %+v", run)
				}
				w.wantBalance("minji", 3*full)
				for range 2 { // it is looked up again, although the lists are read from much later on
					clock.pass(10 * day)
					w.wantDifferences(w.due(10*day+time.Hour), "UNREADABLE "+bad)
				}
				f.say(f.gateway.ServeHTTP)
				w.wantDifferences(w.due(time.Hour), "MISSING_HERE "+bad+" healed")
				w.wantBalance("junho", full)
				clock.pass(day)
				w.wantDifferences(w.due(day + time.Hour))
			})
		})
	}
}

// TestAGatewayThatGoesDownAmongLookUpsFailsTheReconciliation, and is no difference of anybody's.
func TestAGatewayThatGoesDownAmongLookUpsFailsTheReconciliation(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		longBefore(w, clock.now(), 3)
		asked := 0
		f.say(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/payments/imp_") {
				asked++
			}
			if asked > 1 {
				rw.WriteHeader(http.StatusBadGateway)
				return
			}
			f.gateway.ServeHTTP(rw, r)
		})
		run, err := w.ReconcileDue(w.Context())
		w.wantCode(err, point.GatewayUnavailable)
		w.wantDifferences(run, "MISSING_HERE "+w.onlyPaid()+" healed")
		f.say(f.gateway.ServeHTTP)
		w.due(7 * day)
		w.wantBalance("minji", 3*full)
	})
}

// onlyPaid is the imp_uid of the only payment in the books.
func (w *world) onlyPaid() (impUID string) {
	w.Helper()
	w.must(w.DB.Raw("SELECT imp_uid FROM payments").Scan(&impUID).Error)
	return impUID
}

// TestAPanicAboutOnePaymentIsReportedAndStopsNoWatermark: the next run looks it up again, however long it lasts.
func TestAPanicAboutOnePaymentIsReportedAndStopsNoWatermark(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		trapped := w.pay(w.order("junho"), func(p *sandbox.Payment) { p.ImpUID = "imp_0" })
		w.pay(w.order("minji"))
		w.setTrap("/payments/" + trapped)
		run, err := w.Reconcile(w.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		w.wantTrapped(err)
		if run.Error != "" || run.Note != "1 payments could not be looked into." || run.Healed != 1 || run.Differences != 1 {
			w.Errorf("unexpected run %+v", run)
		}
		w.wantBalance("minji", full)
	})
}

// TestAnUnreadablePaymentIsCreditedOnceItCanBeRead, by whichever comes first: the sweep, or a reconciliation.
func TestAnUnreadablePaymentIsCreditedOnceItCanBeRead(t *testing.T) {
	t.Parallel()
	for name, heal := range map[string]func(w *world) error{
		"sweep":     func(w *world) error { _, err := w.Sweep(w.Context(), 100); return err },
		"reconcile": func(w *world) error { _, err := w.ReconcileDue(w.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				impUID := w.pays(fault.Unreadable)
				clock := &clock{at: time.Now().Add(time.Hour)}
				w.Now = clock.now
				run, err := w.ReconcileDue(w.Context())
				w.must(err)
				w.wantDifferences(run, "UNREADABLE "+impUID)
				_, err = w.Sweep(w.Context(), 100)
				if !errors.Is(err, point.ErrUntrustworthy) {
					w.Errorf("the sweep says %v", err)
				}
				w.wantBalance("minji", 0)
				w.gateway.Flush()
				clock.pass(day)
				w.must(heal(w))
				w.wantOneCharge(impUID)
			})
		})
	}
}

// TestAnUnreadableAttemptHidesNotThePaidOne: of its order's attempts one cannot be read, and its payer has paid.
func TestAnUnreadableAttemptHidesNotThePaidOne(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		order := w.order("minji")
		w.pay(order, status(sandbox.Failed), func(p *sandbox.Payment) { p.Currency = "?" })
		w.pay(order)
		clock.pass(time.Hour)
		_, err := w.Sweep(w.Context(), 100)
		if !errors.Is(err, point.ErrUntrustworthy) {
			w.Errorf("the sweep says %v", err)
		}
		w.wantBalance("minji", full)
	})
}

// wantOpen fails unless just these differences are open, each "KIND imp_uid", the newest run's first.
func (w *world) wantOpen(want ...string) {
	w.Helper()
	open, err := w.OpenDifferences(w.Context())
	w.must(err)
	got := []string{}
	for _, d := range open {
		got = append(got, string(d.Kind)+" "+d.ImpUID)
	}
	if !slices.Equal(got, want) {
		w.Fatalf("open are %q, want %q", got, want)
	}
}

func TestADifferenceIsOpenUntilItIsSettledOrAProblem(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		clock := w.stopClock()
		w.wantOpen()
		bad := w.pay(w.order("junho"), paidAt(clock.now()), func(p *sandbox.Payment) { p.Currency = "?" })
		w.pay(w.order("minji"), paidAt(clock.now()), func(p *sandbox.Payment) { p.Amount = "10" }) // a problem
		w.pay(w.order("minji"), paidAt(clock.now()))                                               // healed
		w.due(7 * day)
		w.wantOpen("UNREADABLE " + bad)
		clock.pass(time.Minute)
		later := w.pay(w.order("junho"), paidAt(clock.now()), func(p *sandbox.Payment) { p.Currency = "?" })
		f.down(4) // after the lists of paid and cancelled payments until a minute ago, and of the paid ones since
		_, err := w.ReconcileDue(w.Context())
		w.wantCode(err, point.GatewayUnavailable)
		f.say(f.gateway.ServeHTTP)
		w.wantOpen("UNREADABLE " + bad)
		clock.pass(time.Minute)
		w.due(time.Hour + 2*time.Minute)
		w.wantOpen(slices.Sorted(slices.Values([]string{"UNREADABLE " + bad, "UNREADABLE " + later}))...)
		_, err = w.Reconcile(w.Context(), clock.now().Add(-time.Hour), clock.now()) // an operator's is not the schedule's
		w.must(err)
		w.edit(bad, func(p *sandbox.Payment) { p.Currency = "KRW" })
		clock.pass(20 * time.Hour)
		w.due(21 * time.Hour)
		w.wantOpen("UNREADABLE " + later)
	})
}
