package charge_test

import (
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

const cancelRoute = "POST /payments/cancel"

func (w *world) wantRefund(credited point.Transaction, reference string, status charge.RefundStatus) {
	w.Helper()
	var r charge.Refund
	w.Must(w.DB.Where("imp_uid = ? AND reference = ?", credited.ImpUID, reference).Take(&r).Error)
	if r.Status != status {
		w.Fatalf("the refund is %s, want %s", r.Status, status)
	}
}

// wantRefused fails unless the refund is refused with the code and nothing was asked of the
// gateway or held.
func (w *world) wantRefused(in charge.RefundInput, code apierror.Code) {
	w.Helper()
	asked := w.Sandbox.Requests()[cancelRoute]
	_, err := w.Refund(w.Context(), in)
	w.WantCode(err, code)
	if n := w.Sandbox.Requests()[cancelRoute]; n != asked {
		w.Fatal("the gateway was asked")
	}
	if n := w.Count("refunds", "reference = ?", in.Reference); n != 0 {
		w.Fatal("something was held")
	}
}

func TestRefundGivesMoneyAndPointsBack(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		r := w.MustRefund(domaintest.RefundOf(credited, 5000, "r-1"))
		if r.Status != charge.RefundDone || r.EndedAt == nil || r.Amount != 5000 || r.UserID != "minji" {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.WantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -5500")
		w.wantOrder(credited, charge.OrderCancelled)
		p, _ := w.Sandbox.Payment(*credited.ImpUID)
		if p.CancelAmount != "5000" || p.CancelReason != "변심" {
			w.Fatalf("the gateway has %+v", p)
		}
	})
}

func TestF15RefundsInPartsTakeTheirShareOfTheBonus(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		w.WantBalance("minji", domaintest.Full-1100)
		w.wantOrder(credited, charge.OrderPartiallyCancelled)
		w.MustRefund(domaintest.RefundOf(credited, 4000, "r-2"))
		w.WantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100", "CHARGE_CANCEL -4400")
	})
}

// TestF17OurOwnCancelNeedsNoWebhook: nobody syncs after the refund.
func TestF17OurOwnCancelNeedsNoWebhook(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
		w.WantBalance("minji", domaintest.Full-1100)
		w.MustSync(*credited.ImpUID) // and the webhook that comes all the same changes nothing
		w.WantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100")
	})
}

// TestD18AnOwnerMayRefundUntilTheEndOfTheSeventhDay, in Seoul: charged on the first of March,
// until the eighth ends.
func TestD18AnOwnerMayRefundUntilTheEndOfTheSeventhDay(t *testing.T) {
	t.Parallel()
	for charged, end := range map[string]string{
		"2026-02-28T15:00:00Z":        "2026-03-08T15:00:00Z", // the first moment of the day
		"2026-03-01T09:00:00Z":        "2026-03-08T15:00:00Z",
		"2026-03-01T14:59:59.999999Z": "2026-03-08T15:00:00Z", // the last one
		"2026-03-01T15:00:00Z":        "2026-03-09T15:00:00Z",
		"2026-12-28T15:00:00Z":        "2027-01-05T15:00:00Z",
	} {
		t.Run(charged, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) { w.wantWindow(charged, end) })
		})
	}
}

func (w *world) wantWindow(charged, end string) {
	w.Helper()
	clock := w.StopClock()
	var err error
	clock.At, err = time.Parse(time.RFC3339, charged)
	w.Must(err)
	credited := w.Charged()
	over, err := time.Parse(time.RFC3339, end)
	w.Must(err)
	clock.At = over.Add(-time.Microsecond)
	w.MustRefund(domaintest.RefundOf(credited, 1000, "r-1"))
	clock.Pass(time.Microsecond)
	w.wantRefused(domaintest.RefundOf(credited, 1000, "r-2"), apierror.RefundNotPossible)
	w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-2")))
}

func TestAnOwnerMayNotRefundWhatIsPartlyUsed(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustSpend(1, "order-1")
		w.wantRefused(domaintest.RefundOf(credited, 1000, "r-1"), apierror.RefundNotPossible)
		r := w.MustRefund(domaintest.ByAdmin(domaintest.RefundOf(credited, 1000, "r-1")))
		if r.Actor != domaintest.Sora() {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.WantBalance("minji", domaintest.Full-1101)
	})
}

func TestAnOwnerMayRefundOneChargeWhileAnotherIsUsed(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.StopClock()
		w.Charged()
		second := w.Charged()
		w.MustSpend(500, "order-1") // the first bonus
		w.MustRefund(domaintest.RefundOf(second, 5000, "r-1"))
		w.WantBalance("minji", 5000)
	})
}

func TestNobodyRefundsWhatIsSomebodyElses(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		in := domaintest.RefundOf(w.Charged(), 1000, "r-1")
		in.Actor.ID = "junho"
		w.wantRefused(in, apierror.NotFound)
		_, err := w.RefundQuote(w.Context(), point.Actor{Kind: point.ActorUser, ID: "junho"}, in.TransactionID)
		w.WantCode(err, apierror.NotFound)
	})
}

func TestOnlyChargesAreRefunded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		w.wantRefused(domaintest.RefundOf(w.MustSpend(100, "order-1"), 100, "r-1"), apierror.NotFound)
		w.wantRefused(domaintest.ByAdmin(domaintest.RefundOf(w.Give(100, "gift"), 100, "r-1")), apierror.NotFound)
		w.wantRefused(domaintest.RefundOf(point.Transaction{ID: "no such/line"}, 100, "r-1"), apierror.InvalidArgument)
	})
}

func TestF19RefundRefusesNonsense(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		good := domaintest.RefundOf(w.Charged(), 1000, "r-1")
		account := charge.RefundAccount{Holder: "홍길동", Bank: "04", Number: "110-1", Phone: "010"}
		for name, edit := range map[string]func(*charge.RefundInput){
			"no amount":          func(in *charge.RefundInput) { in.Amount = 0 },
			"less than nothing":  func(in *charge.RefundInput) { in.Amount = -1000 },
			"a huge amount":      func(in *charge.RefundInput) { in.Amount = 1_000_000_001 },
			"no reference":       func(in *charge.RefundInput) { in.Reference = "" },
			"a long reference":   func(in *charge.RefundInput) { in.Reference = strings.Repeat("r", 101) },
			"NUL in reference":   func(in *charge.RefundInput) { in.Reference = "\x00" },
			"no reason":          func(in *charge.RefundInput) { in.Reason = "" },
			"a long reason":      func(in *charge.RefundInput) { in.Reason = strings.Repeat("가", 201) },
			"NUL in reason":      func(in *charge.RefundInput) { in.Reason = "\x00" },
			"an empty account":   func(in *charge.RefundInput) { in.Account = &charge.RefundAccount{} },
			"no holder":          func(in *charge.RefundInput) { a := account; a.Holder = ""; in.Account = &a },
			"a long holder":      func(in *charge.RefundInput) { a := account; a.Holder = strings.Repeat("가", 17); in.Account = &a },
			"a long bank":        func(in *charge.RefundInput) { a := account; a.Bank = "00004"; in.Account = &a },
			"a long number":      func(in *charge.RefundInput) { a := account; a.Number = strings.Repeat("1", 17); in.Account = &a },
			"NUL in the phone":   func(in *charge.RefundInput) { a := account; a.Phone = "\x00"; in.Account = &a },
			"a long phone":       func(in *charge.RefundInput) { a := account; a.Phone = strings.Repeat("1", 17); in.Account = &a },
			"more than all paid": func(in *charge.RefundInput) { in.Amount = 5001; in.Reference = "r-2" },
		} {
			in := good
			edit(&in)
			want := apierror.InvalidArgument
			if in.Reference == "r-2" {
				want = apierror.RefundNotPossible
			}
			if _, err := w.Refund(w.Context(), in); apierror.CodeOf(err) != want {
				w.Errorf("%s: %v", name, err)
			}
		}
		if n := w.Sandbox.Requests()[cancelRoute]; n != 0 {
			w.Fatalf("the gateway was asked %d times", n)
		}
	})
}

func TestRefundTakesInputsAtTheirLimits(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		in := domaintest.RefundOf(w.Charged(), 100, strings.Repeat("r", 100))
		in.Reason = strings.Repeat("가", 200)
		in.Account = &charge.RefundAccount{Holder: strings.Repeat("가", 16), Bank: "0004", Number: strings.Repeat("1", 16), Phone: strings.Repeat("1", 16)}
		w.MustRefund(in)
		w.WantBalance("minji", domaintest.Full-110)
	})
}

func TestAVirtualAccountsRefundNeedsAnAccount(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		credited, err := w.Charge(w.Context(), "minji", w.Pay(w.OpenOrder("minji"), func(p *sandbox.Payment) { p.PayMethod = "vbank" }))
		w.Must(err)
		in := domaintest.RefundOf(credited, 1000, "r-1")
		w.wantRefused(in, apierror.InvalidArgument)
		var sent string
		f.OnCancel(func(rw http.ResponseWriter, r *http.Request) {
			sent = body(w.T, r)
			f.Sandbox.ServeHTTP(rw, r)
		})
		in.Account = &charge.RefundAccount{Holder: "홍길동", Bank: "04", Number: "110-1", Phone: "010"}
		w.MustRefund(in)
		for _, part := range []string{`"refund_holder":"홍길동"`, `"refund_bank":"04"`, `"refund_account":"110-1"`, `"refund_tel":"010"`,
			`"amount":1000`, `"checksum":5000`, `"enable_webhook":true`} {
			if !strings.Contains(sent, part) {
				w.Errorf("sent %s, without %s", sent, part)
			}
		}
	})
}
