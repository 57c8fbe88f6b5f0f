package charge_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/page"
	"pointcharge/internal/sandbox"
)

// slowPrepare lets something happen while an order is registered.
type slowPrepare struct {
	charge.Gateway
	meanwhile func()
}

func (g slowPrepare) Prepare(ctx context.Context, merchantUID string, amount int64, currency string) error {
	g.meanwhile()
	return g.Gateway.Prepare(ctx, merchantUID, amount, currency)
}

// looks are the distinct moments at which the payment's row was written.
func (w *world) looks(impUID string, times int, clock *domaintest.Clock) int {
	w.Helper()
	seen := map[time.Time]bool{}
	for range times {
		clock.Pass(time.Second)
		w.MustSync(impUID)
		var p charge.Payment
		w.Must(w.DB.Where("imp_uid = ?", impUID).Take(&p).Error)
		seen[p.SyncedAt.UTC()] = true
	}
	return len(seen)
}

func TestS3NothingIsWrittenWhenNothingChanged(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StartToday()
		credited := *w.Charged().ImpUID
		wrong, _ := w.Mispaid()
		failed := w.Pay(w.OpenOrder("minji"), domaintest.WithStatus(sandbox.Failed))
		account := w.IssueAccount(w.OpenAccountOrder())
		w.MustSync(failed)
		for name, impUID := range map[string]string{"credited": credited, "problem": wrong, "failed": failed, "account": account} {
			if n := w.looks(impUID, 40, clock); n > 3 {
				w.Errorf("%s: it was written %d times", name, n)
			}
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestS3WhatChangedIsSeenAtOnce, after any number of looks that found nothing.
func TestS3WhatChangedIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := *w.Charged().ImpUID
		failed := w.Pay(w.OpenOrder("minji"), domaintest.WithStatus(sandbox.Failed))
		for range 3 {
			w.MustSync(credited)
			w.MustSync(failed)
		}
		w.CancelAtConsole(credited, 5000)
		w.EditPayment(failed, domaintest.WithStatus(sandbox.Paid))
		w.MustSync(failed)
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestS3ADiscountIsCreditedOnceTheShopAcceptsIt: a setting may change what an unchanged answer
// means.
func TestS3ADiscountIsCreditedOnceTheShopAcceptsIt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		impUID := w.Pay(w.OpenOrder("minji"), withDiscount("1"))
		w.MustSync(impUID)
		w.MustSync(impUID)
		w.AcceptDiscounts = true
		w.MustSync(impUID)
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestS5AttemptsWithoutMoneyAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenOrder("minji")
		for range 260 {
			w.Pay(order, domaintest.WithStatus(sandbox.Failed))
		}
		for range 2 {
			w.mustSyncOrder(order)
		}
		domaintest.WantPoints(w.T, "attempts", w.Count("payments", "TRUE"), 100)
		last := w.Pay(order, domaintest.WithStatus(sandbox.Failed))
		w.MustSync(last)
		domaintest.WantPoints(w.T, "attempts", w.Count("payments", "TRUE"), 100)
		w.EditPayment(last, domaintest.WithStatus(sandbox.Paid))
		w.mustSyncOrder(order)
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestD2AttemptsOfTheOtherModeAreCountedAndBounded: in live mode they cost nobody a won.
func TestD2AttemptsOfTheOtherModeAreCountedAndBounded(t *testing.T) {
	t.Parallel()
	eachLive(t, func(w *world) {
		order := w.OpenOrder("minji")
		for range 120 {
			w.Pay(order, func(p *sandbox.Payment) { p.Sandbox = true })
		}
		w.mustSyncOrder(order)
		w.WantProblems(nil)
		w.wantCounts(charge.ProblemKindCount{State: charge.Foreign, Problem: charge.WrongMode, Payments: 100})
		w.MustSync(w.Pay(order))
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestD2ProblemsArePagedAndDecidedTogether(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for range 5 {
			w.Mispaid()
		}
		stray := w.Sandbox.Put(sandbox.Payment{MerchantUID: "not-ours", Amount: "1000", Sandbox: true}).ImpUID
		w.MustSync(stray)
		request := page.Request{First: 2}
		listed := 0
		for {
			got, err := w.ProblemPage(w.Context(), charge.ProblemFilter{Problem: charge.WrongAmount}, request)
			w.Must(err)
			if listed += len(got.Edges); !got.PageInfo.HasNextPage {
				break
			}
			request.After = got.PageInfo.EndCursor
		}
		domaintest.WantPoints(w.T, "listed", int64(listed), 5)
		foreign, err := w.ProblemPage(w.Context(), charge.ProblemFilter{State: charge.Foreign}, page.Request{First: 10})
		w.Must(err)
		if len(foreign.Edges) != 1 || foreign.Edges[0].Node.ImpUID != stray {
			w.Fatalf("unexpected foreign payments %+v", foreign)
		}
		many := charge.ResolveManyInput{Filter: charge.ProblemFilter{Problem: charge.WrongAmount}, Limit: 3, Action: charge.Ignore,
			Reason: "정리", Actor: domaintest.Sora()}
		w.mustResolveMany(many, 3)
		many.Limit, many.Action = 500, charge.RefundIt
		w.mustResolveMany(many, 2)
		w.WantProblems(nil)
		domaintest.WantPoints(w.T, "decisions", w.Count("resolutions", "reason = '정리'"), 5)
		w.mustResolveMany(charge.ResolveManyInput{ImpUIDs: []string{stray}, Action: charge.Ignore, Reason: "남의 것", Actor: domaintest.Sora()}, 1)
		domaintest.WantPoints(w.T, "decided foreign payments", w.Count("payments", "imp_uid = ? AND problem_state = 'DECIDED'", stray), 1)
	})
}

func (w *world) mustResolveMany(in charge.ResolveManyInput, want int) {
	w.Helper()
	results, err := w.ResolveMany(w.Context(), in)
	w.Must(err)
	if len(results) != want {
		w.Fatalf("%d were decided about, want %d", len(results), want)
	}
	for _, r := range results {
		w.Must(r.Err)
	}
}

func TestD2ManyDecisionsNeedAnOperatorAndAKind(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		good := charge.ResolveManyInput{Filter: charge.ProblemFilter{Problem: charge.WrongAmount}, Limit: 3, Action: charge.Ignore,
			Reason: "정리", Actor: domaintest.Sora()}
		for name, edit := range map[string]func(*charge.ResolveManyInput){
			"no kind":      func(in *charge.ResolveManyInput) { in.Filter.Problem = "" },
			"no limit":     func(in *charge.ResolveManyInput) { in.Limit = 0 },
			"a high limit": func(in *charge.ResolveManyInput) { in.Limit = 501 },
			"many ids":     func(in *charge.ResolveManyInput) { in.ImpUIDs = make([]string, 501) },
			"accept":       func(in *charge.ResolveManyInput) { in.Action = charge.Accept },
			"no reason":    func(in *charge.ResolveManyInput) { in.Reason = "" },
		} {
			in := good
			edit(&in)
			if _, err := w.ResolveMany(w.Context(), in); apierror.CodeOf(err) != apierror.InvalidArgument {
				w.Errorf("%s: %v", name, err)
			}
		}
		good.Actor = domaintest.Minji()
		_, err := w.ResolveMany(w.Context(), good)
		w.WantCode(err, apierror.Forbidden)
	})
}

// broken makes every answer about one payment one that cannot be read.
func (w *world) broken(impUID string) {
	w.EditPayment(impUID, func(p *sandbox.Payment) { p.Currency = "?" })
}

func TestD8AnUnreadablePaymentCanBeDecided(t *testing.T) {
	t.Parallel()
	for _, action := range []charge.Action{charge.Ignore, charge.Accept} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				unknown := w.Pay(w.OpenOrder("minji"))
				w.broken(unknown)
				in := domaintest.Decision(unknown, action)
				if action == charge.Accept {
					in.UserID, in.Points = "minji", 700
				}
				w.MustResolve(in)
				w.wantUnresolved(in, apierror.NotFound)
				kept, err := w.Resolutions(w.Context(), unknown)
				w.Must(err)
				if len(kept) != 1 || kept[0].Note == "" || kept[0].Problem != charge.UnreadableAnswer {
					w.Fatalf("unexpected decisions %+v", kept)
				}
				w.EditPayment(unknown, func(p *sandbox.Payment) { p.Currency = "KRW" })
				w.MustSync(unknown)
				w.WantBalance("minji", map[charge.Action]int64{charge.Ignore: domaintest.Full, charge.Accept: 700}[action])
				w.WantProblems(nil)
			})
		})
	}
}

// TestD8ACreditedPaymentThatBecameUnreadableCanBeIgnored, and is nobody's problem once it can be
// read.
func TestD8ACreditedPaymentThatBecameUnreadableCanBeIgnored(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := *w.Charged().ImpUID
		w.broken(credited)
		w.MustResolve(domaintest.Decision(credited, charge.Ignore))
		local, err := w.LocalPayments(w.Context(), []string{credited})
		w.Must(err)
		if !local[credited].Decided {
			w.Fatalf("it is not decided: %+v", local[credited])
		}
		w.EditPayment(credited, func(p *sandbox.Payment) { p.Currency = "KRW" })
		w.MustSync(credited)
		w.WantProblem(credited, charge.NoProblem)
	})
}

func TestD8ADecisionNeedsNoGateway(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		ignored, _ := w.Mispaid()
		accepted, _ := w.Mispaid()
		f.Say(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) })
		w.wantUnresolved(domaintest.Decision(ignored, charge.RefundIt), apierror.GatewayUnavailable)
		w.MustResolve(domaintest.Decision(ignored, charge.Ignore))
		w.MustResolve(domaintest.Decision(accepted, charge.Accept))
		w.MustResolve(domaintest.Decision("imp_never_seen", charge.Ignore))
		w.WantProblems(nil)
		w.WantBalance("minji", 4000)
		domaintest.WantPoints(w.T, "decisions that say so", w.Count("resolutions", "note <> ''"), 3)
	})
}

// TestD8OneUnreadableAttemptBlocksNoAccountAndNoOtherAttempt.
func TestD8OneUnreadableAttemptBlocksNoAccountAndNoOtherAttempt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		order := w.OpenAccountOrder()
		w.broken(w.Pay(order, domaintest.WithStatus(sandbox.Failed)))
		account := w.IssueAccount(order)
		_, err := w.RevokeVirtualAccount(w.Context(), domaintest.Minji(), order.MerchantUID)
		w.Must(err)
		var p charge.Payment
		w.Must(w.DB.Where("imp_uid = ?", account).Take(&p).Error)
		if p.RevokedAt == nil {
			w.Error("its account is not revoked")
		}
		w.Pay(order)
		if _, err := w.SyncOrder(w.Context(), domaintest.Webhook(), order.MerchantUID); err == nil {
			w.Error("nothing is said of the unreadable attempt")
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

// TestAProblemOfAnOlderServerGetsItsState: such a server knows no states, and runs beside the new
// one for a while.
func TestAProblemOfAnOlderServerGetsItsState(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		wrong, _ := w.Mispaid()
		w.Must(w.DB.Exec("UPDATE payments SET problem_state = '' WHERE imp_uid = ?", wrong).Error)
		w.WantProblems(nil)
		w.MustSync(wrong)
		w.WantProblems(map[string]charge.Problem{wrong: charge.WrongAmount})
		w.MustResolve(domaintest.Decision(wrong, charge.Ignore))
		w.Must(w.DB.Exec("UPDATE payments SET problem_state = '' WHERE imp_uid = ?", wrong).Error)
		w.MustSync(wrong)
		w.WantProblems(nil)
		domaintest.WantPoints(w.T, "decided payments", w.Count("payments", "problem_state = 'DECIDED'"), 1)
	})
}
