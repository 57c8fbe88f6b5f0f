package charge_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

func booked(r charge.Refund, won int64) charge.ForceRefundInput {
	return charge.ForceRefundInput{RefundID: r.ID, Outcome: charge.BookIt, Amount: won, Reason: "결제사 관리자 화면에서 확인", Actor: domaintest.Sora()}
}

func released(r charge.Refund) charge.ForceRefundInput {
	return charge.ForceRefundInput{RefundID: r.ID, Outcome: charge.ReleaseIt, Reason: "결제사 관리자 화면에서 확인", Actor: domaintest.Sora()}
}

func (w *world) mustForce(in charge.ForceRefundInput) charge.Refund {
	w.Helper()
	r, err := w.ForceRefund(w.Context(), in)
	w.Must(err)
	return r
}

func (w *world) wantReason(err error, code apierror.Code, reason string) {
	w.Helper()
	w.WantCode(err, code)
	if got := apierror.ReasonOf(err); got != reason {
		w.Fatalf("the reason is %q (%v), want %q", got, err, reason)
	}
}

// endless is a refund of all of a charge that the gateway never ends, in one of the ways that
// were seen.
func (w *world) endless(f *domaintest.Front, clock *domaintest.Clock, way string) (credited point.Transaction, r charge.Refund) {
	w.Helper()
	credited = w.Charged()
	shown := "0"
	if way == "without the item" {
		shown = "5000"
	}
	pending(w, f, *credited.ImpUID, shown)
	r = w.MustRefund(domaintest.RefundOf(credited, 5000, "r-1"))
	f.Say(f.Sandbox.ServeHTTP)
	switch way {
	case "unreadable":
		w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) { p.Status = "partial_cancelled" })
	case "without keys":
		f.Say(func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(rw, `{"code":-1,"message":"Unauthorized","response":null}`)
		})
	}
	clock.Pass(400 * domaintest.Day)
	_, err := w.ReleaseRefund(w.Context(), domaintest.Sora(), r.ID, "결제사 확인")
	if err == nil {
		w.Fatal("the refund ends by itself")
	}
	return credited, r
}

func eachEndless(t *testing.T, test func(w *world, f *domaintest.Front, clock *domaintest.Clock, way string)) {
	t.Helper()
	for _, way := range []string{"without the item", "unreadable", "without keys"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) { test(w, f, w.StopClock(), way) })
		})
	}
}

// mend lets the gateway tell that so much was cancelled by the refund, and syncs.
func (w *world) mend(f *domaintest.Front, impUID, won string) {
	w.Helper()
	f.Say(f.Sandbox.ServeHTTP)
	w.EditPayment(impUID, func(p *sandbox.Payment) {
		p.Status, p.CancelAmount, p.CancelHistory = sandbox.Cancelled, json.Number(won), nil
		if won == "0" {
			p.Status = sandbox.Paid
			return
		}
		p.CancelHistory = []sandbox.Cancellation{{PGTID: "T", Amount: json.Number(won), CancelledAt: 1, Reason: "변심", CancellationID: "can_late"}}
	})
	for range 2 {
		w.MustSync(impUID)
	}
}

func TestD3AnOperatorReleasesARefundWithoutTheGateway(t *testing.T) {
	t.Parallel()
	eachEndless(t, func(w *world, f *domaintest.Front, clock *domaintest.Clock, way string) {
		credited, r := w.endless(f, clock, way)
		if r := w.mustForce(released(r)); r.Status != charge.RefundReleased || r.EndedAt == nil {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.WantSpendable(5000) // the bonus expired meanwhile
		decisions, err := w.RefundDecisions(w.Context(), r.ID)
		w.Must(err)
		if len(decisions) != 1 || decisions[0].Actor != domaintest.Sora() || decisions[0].Outcome != charge.ReleaseIt ||
			decisions[0].Reason != "결제사 관리자 화면에서 확인" {
			w.Fatalf("unexpected decisions %+v", decisions)
		}
		w.mend(f, *credited.ImpUID, "5000") // it happened all the same
		w.wantRefund(credited, "r-1", charge.RefundDone)
		w.WantHistory("CHARGE 5000", "BONUS 500", "EXPIRE -500", "CHARGE_CANCEL -5000")
		w.WantProblem(*credited.ImpUID, charge.NoProblem)
	})
}

func TestD3AnOperatorBooksARefundWithoutTheGateway(t *testing.T) {
	t.Parallel()
	eachEndless(t, func(w *world, f *domaintest.Front, clock *domaintest.Clock, way string) {
		credited, r := w.endless(f, clock, way)
		if r := w.mustForce(booked(r, 5000)); r.Status != charge.RefundDone {
			w.Fatalf("unexpected refund %+v", r)
		}
		want := []string{"CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -5500"} // what it held has not expired
		w.WantHistory(want...)
		w.wantOrder(credited, charge.OrderCancelled)
		problem := charge.WrongCancellations // the gateway knows of no cancellation
		if way == "without the item" {
			problem = charge.NoProblem
		}
		w.WantProblem(*credited.ImpUID, problem)
		w.mend(f, *credited.ImpUID, "5000")
		w.WantHistory(want...)
		w.wantRefund(credited, "r-1", charge.RefundDone)
		w.wantOrder(credited, charge.OrderCancelled)
		w.WantProblem(*credited.ImpUID, charge.NoProblem)
	})
}

// TestD3WhatTheGatewayTellsOtherwiseIsAProblem: a part was booked.
func TestD3WhatTheGatewayTellsOtherwiseIsAProblem(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited, r := w.endless(f, w.StopClock(), "without keys")
		w.mustForce(booked(r, 3000))
		want := []string{"CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -3300", "EXPIRE -200"}
		w.WantHistory(want...)
		w.wantOrder(credited, charge.OrderPartiallyCancelled)
		w.mend(f, *credited.ImpUID, "0")
		w.WantHistory(want...)
		w.WantProblem(*credited.ImpUID, charge.WrongCancellations)
		w.WantProblems(map[string]charge.Problem{*credited.ImpUID: charge.WrongCancellations})
		w.mend(f, *credited.ImpUID, "1000") // less than was booked
		w.WantHistory(want...)
		w.WantProblem(*credited.ImpUID, charge.WrongCancellations)
		w.wantOrder(credited, charge.OrderPartiallyCancelled)
	})
}

// TestD3ABookingThatTheGatewayDoesNotKnowOfIsDecidedOnce: an answer that says the same asks
// nobody again.
func TestD3ABookingThatTheGatewayDoesNotKnowOfIsDecidedOnce(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited, r := w.endless(f, w.StopClock(), "without keys")
		w.mustForce(booked(r, 3000))
		w.mend(f, *credited.ImpUID, "0")
		w.MustResolve(domaintest.Decision(*credited.ImpUID, charge.Ignore))
		w.WantProblems(nil)
		w.EditPayment(*credited.ImpUID, func(p *sandbox.Payment) { p.ReceiptURL = "https://example.com/another" })
		w.MustSync(*credited.ImpUID)
		w.WantProblems(nil)
		w.WantProblem(*credited.ImpUID, charge.WrongCancellations)
		w.mend(f, *credited.ImpUID, "1000")
		w.WantProblems(map[string]charge.Problem{*credited.ImpUID: charge.WrongCancellations})
	})
}

func TestD3ABookingOfWhatTheGatewayDoesNotKnowAnyMoreIsAProblem(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited, r := w.endless(f, w.StopClock(), "without keys")
		local, err := w.LocalPayments(w.Context(), []string{*credited.ImpUID})
		w.Must(err)
		w.Must(w.FlagMissing(w.Context(), local[*credited.ImpUID]))
		w.WantProblem(*credited.ImpUID, charge.NotAtGateway)
		w.mustForce(booked(r, 3000))
		w.WantProblem(*credited.ImpUID, charge.WrongCancellations)
		w.mend(f, *credited.ImpUID, "3000")
		w.WantProblem(*credited.ImpUID, charge.NoProblem)
	})
}

func TestD3ABookingHidesNoOtherProblem(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		deposited, r := w.endless(f, clock, "without the item")
		w.EditPayment(*deposited.ImpUID, func(p *sandbox.Payment) {
			p.DepositHistory = []sandbox.Deposit{{Amount: "5000", DepositedAt: 1}, {Amount: "5000", DepositedAt: 1}}
		})
		w.MustSync(*deposited.ImpUID)
		w.WantProblem(*deposited.ImpUID, charge.WrongCancellations)
		w.mustForce(booked(r, 5000))
		w.MustSync(*deposited.ImpUID)
		w.WantProblem(*deposited.ImpUID, charge.WrongDeposit)
		inEscrow, r := w.endless(f, clock, "without keys")
		f.Say(f.Sandbox.ServeHTTP)
		w.EditPayment(*inEscrow.ImpUID, func(p *sandbox.Payment) { p.Escrow = true })
		w.MustSync(*inEscrow.ImpUID)
		w.mustForce(booked(r, 3000))
		w.WantProblem(*inEscrow.ImpUID, charge.InEscrow)
	})
}

func TestD3WhatTheGatewayTellsBeyondTheBookingIsTaken(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited, r := w.endless(f, w.StopClock(), "without keys")
		w.mustForce(booked(r, 3000))
		w.mend(f, *credited.ImpUID, "5000")
		w.WantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -3300", "EXPIRE -200", "CHARGE_CANCEL -2000")
		w.WantBalance("minji", 0)
		w.WantProblem(*credited.ImpUID, charge.NoProblem)
		w.wantOrder(credited, charge.OrderCancelled)
	})
}

// TestD3ForceMeetsALateAnswer: whoever comes first, the points are taken once.
func TestD3ForceMeetsALateAnswer(t *testing.T) {
	t.Parallel()
	for _, force := range []func(charge.Refund) charge.ForceRefundInput{released, func(r charge.Refund) charge.ForceRefundInput { return booked(r, r.Amount) }} {
		t.Run(string(force(charge.Refund{}).Outcome), func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) {
				for n := range 5 {
					w.raceForce(f, force, n)
				}
			})
		})
	}
}

func (w *world) raceForce(f *domaintest.Front, force func(charge.Refund) charge.ForceRefundInput, n int) {
	w.Helper()
	credited := w.Charged()
	pending(w, f, *credited.ImpUID, "0")
	r := w.MustRefund(domaintest.RefundOf(credited, 5000, "r-1"))
	f.Say(f.Sandbox.ServeHTTP)
	w.Must(w.Sandbox.Cancel(*credited.ImpUID, "5000"))
	decide := func() {
		if _, err := w.ForceRefund(w.Context(), force(r)); err != nil && apierror.ReasonOf(err) != charge.ReasonEnded {
			w.Errorf("force: %v", err)
		}
	}
	domaintest.Together(append(domaintest.Repeat(3, decide), domaintest.Repeat(3, func() { w.SyncInRace(*credited.ImpUID) })...)...)
	w.MustSync(*credited.ImpUID)
	w.WantBalance("minji", 0)
	if taken := w.Count("point_transactions", "imp_uid = ? AND kind = 'CHARGE_CANCEL'", credited.ImpUID); taken != 1 {
		w.Fatalf("round %d: points were taken %d times", n, taken)
	}
	if decided := w.Count("refund_decisions", "refund_id = ?", r.ID); decided > 1 {
		w.Fatalf("round %d: %d decisions", n, decided)
	}
	w.WantProblem(*credited.ImpUID, charge.NoProblem)
	w.wantOrder(credited, charge.OrderCancelled)
}

func TestD3AnOperatorEndsTheRefundOfAPaymentWithoutPoints(t *testing.T) {
	t.Parallel()
	for _, outcome := range []charge.RefundOutcome{charge.ReleaseIt, charge.BookIt} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			eachBehindFront(t, func(w *world, f *domaintest.Front) {
				wrong, _ := w.Mispaid()
				cancelling(f, accepting(f, wrong))
				w.MustResolve(domaintest.Decision(wrong, charge.RefundIt))
				in, want := booked(w.wantOpenRefunds(1)[0], 4000), map[string]charge.Problem{}
				if in.Outcome = outcome; outcome == charge.ReleaseIt {
					in.Amount, want[wrong] = 0, charge.WrongAmount // the money is still here
				}
				w.mustForce(in)
				w.wantOpenRefunds(0)
				w.WantProblems(want)
				w.WantProblem(wrong, charge.WrongAmount)
				w.CancelAtConsole(wrong, 4000) // late
				w.WantProblems(nil)
				w.WantHistory()
			})
		})
	}
}

func TestForceRefundRefusesNonsense(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		credited := w.Charged()
		f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		r := w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		_, err := w.ForceRefund(w.Context(), released(r))
		w.wantReason(err, apierror.RefundNotPossible, charge.ReasonOnItsWay)
		clock.Pass(time.Minute)
		for name, edit := range map[string]func(*charge.ForceRefundInput){
			"no outcome":             func(in *charge.ForceRefundInput) { in.Outcome = "" },
			"no amount":              func(in *charge.ForceRefundInput) { in.Amount = 0 },
			"more than the refund":   func(in *charge.ForceRefundInput) { in.Amount = 1001 },
			"an amount of a release": func(in *charge.ForceRefundInput) { in.Outcome = charge.ReleaseIt },
			"no reason":              func(in *charge.ForceRefundInput) { in.Reason = "" },
			"a long reason":          func(in *charge.ForceRefundInput) { in.Reason = strings.Repeat("가", 201) },
			"no actor":               func(in *charge.ForceRefundInput) { in.Actor = point.Actor{} },
			"no id":                  func(in *charge.ForceRefundInput) { in.RefundID = "" },
		} {
			in := booked(r, 1000)
			edit(&in)
			if _, err := w.ForceRefund(w.Context(), in); apierror.CodeOf(err) != apierror.InvalidArgument {
				w.Errorf("%s: %v", name, err)
			}
		}
		in := booked(r, 1000)
		in.Actor = domaintest.Minji()
		_, err = w.ForceRefund(w.Context(), in)
		w.WantCode(err, apierror.Forbidden)
		in = booked(charge.Refund{ID: "none"}, 1000)
		_, err = w.ForceRefund(w.Context(), in)
		w.WantCode(err, apierror.NotFound)
		w.mustForce(booked(r, 1000))
		_, err = w.ForceRefund(w.Context(), booked(r, 1000))
		w.wantReason(err, apierror.RefundNotPossible, charge.ReasonEnded)
	})
}

func TestDecisionsAreNeverChanged(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		_, r := w.endless(f, w.StopClock(), "without keys")
		w.mustForce(released(r))
		for _, sql := range []string{"UPDATE refund_decisions SET reason = 'another'", "DELETE FROM refund_decisions"} {
			if err := w.QuietDB().Exec(sql).Error; err == nil {
				w.Errorf("%s was accepted", sql)
			}
		}
	})
}

func TestTheOldestOpenRefundIsKnown(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		clock := w.StopClock()
		oldest, err := w.OldestOpenRefund(w.Context())
		w.Must(err)
		if !oldest.IsZero() {
			w.Fatalf("unexpected time %s", oldest)
		}
		began := clock.Now()
		for range 2 {
			credited := w.Charged()
			pending(w, f, *credited.ImpUID, "0")
			w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
			clock.Pass(time.Hour)
		}
		if oldest, err = w.OldestOpenRefund(w.Context()); err != nil || !oldest.Equal(began) {
			w.Fatalf("the oldest is of %s, %v; want %s", oldest, err, began)
		}
	})
}
