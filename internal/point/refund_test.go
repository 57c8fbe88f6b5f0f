package point_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

const cancelRoute = "POST /payments/cancel"

// asks is what minji asks for.
func asks(charge point.Transaction, won int64, reference string) point.RefundInput {
	return point.RefundInput{TransactionID: charge.ID, Amount: won, Reference: reference, Reason: "변심", RequestedBy: "minji"}
}

// byAdmin is the same, asked by an operator.
func byAdmin(in point.RefundInput) point.RefundInput {
	in.RequestedBy, in.Admin = "sora", true
	return in
}

func (w *world) refund(in point.RefundInput) point.Refund {
	w.Helper()
	r, err := w.Refund(w.Context(), in)
	w.must(err)
	return r
}

func (w *world) wantRefund(charge point.Transaction, reference string, status point.RefundStatus) {
	w.Helper()
	var r point.Refund
	w.must(w.DB.Where("imp_uid = ? AND reference = ?", charge.ImpUID, reference).Take(&r).Error)
	if r.Status != status {
		w.Fatalf("the refund is %s, want %s", r.Status, status)
	}
}

// wantRefused fails unless the refund is refused with the code and nothing was asked of the gateway or held.
func (w *world) wantRefused(in point.RefundInput, code point.Code) {
	w.Helper()
	asked := w.gateway.Requests()[cancelRoute]
	_, err := w.Refund(w.Context(), in)
	w.wantCode(err, code)
	if n := w.gateway.Requests()[cancelRoute]; n != asked {
		w.Fatal("the gateway was asked")
	}
	if n := w.count("refunds", "reference = ?", in.Reference); n != 0 {
		w.Fatal("something was held")
	}
}

func TestRefundGivesMoneyAndPointsBack(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		r := w.refund(asks(charge, 5000, "r-1"))
		if r.Status != point.RefundDone || r.EndedAt == nil || r.Amount != 5000 || r.UserID != "minji" {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.wantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -5500")
		w.wantOrder(charge, point.OrderCancelled)
		p, _ := w.gateway.Payment(*charge.ImpUID)
		if p.CancelAmount != "5000" || p.CancelReason != "변심" {
			w.Fatalf("the gateway has %+v", p)
		}
	})
}

func TestF15RefundsInPartsTakeTheirShareOfTheBonus(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.refund(asks(charge, 1000, "r-1"))
		w.wantBalance("minji", full-1100)
		w.wantOrder(charge, point.OrderPartiallyCancelled)
		w.refund(asks(charge, 4000, "r-2"))
		w.wantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100", "CHARGE_CANCEL -4400")
	})
}

// TestF17OurOwnCancelNeedsNoWebhook: nobody syncs after the refund.
func TestF17OurOwnCancelNeedsNoWebhook(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.refund(asks(charge, 1000, "r-1"))
		w.wantBalance("minji", full-1100)
		w.sync(*charge.ImpUID) // and the webhook that comes all the same changes nothing
		w.wantHistory("CHARGE 5000", "BONUS 500", "CHARGE_CANCEL -1100")
	})
}

func TestAnOwnerMayRefundForSevenDays(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		charge := charged(w)
		clock.pass(7 * day)
		w.refund(asks(charge, 1000, "r-1"))
		clock.pass(time.Microsecond)
		w.wantRefused(asks(charge, 1000, "r-2"), point.RefundNotPossible)
		w.refund(byAdmin(asks(charge, 1000, "r-2")))
	})
}

func TestAnOwnerMayNotRefundWhatIsPartlyUsed(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.spend(1, "order-1")
		w.wantRefused(asks(charge, 1000, "r-1"), point.RefundNotPossible)
		r := w.refund(byAdmin(asks(charge, 1000, "r-1")))
		if r.RequestedBy != "sora" {
			w.Fatalf("unexpected refund %+v", r)
		}
		w.wantBalance("minji", full-1101)
	})
}

func TestAnOwnerMayRefundOneChargeWhileAnotherIsUsed(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.stopClock()
		charged(w)
		second := charged(w)
		w.spend(500, "order-1") // the first bonus
		w.refund(asks(second, 5000, "r-1"))
		w.wantBalance("minji", 5000)
	})
}

func TestNobodyRefundsWhatIsSomebodyElses(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		in := asks(charged(w), 1000, "r-1")
		in.RequestedBy = "junho"
		w.wantRefused(in, point.NotFound)
		_, err := w.RefundQuote(w.Context(), in.TransactionID, "junho", false)
		w.wantCode(err, point.NotFound)
	})
}

func TestOnlyChargesAreRefunded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		w.wantRefused(asks(w.spend(100, "order-1"), 100, "r-1"), point.NotFound)
		w.wantRefused(byAdmin(asks(w.give(100, "gift"), 100, "r-1")), point.NotFound)
		w.wantRefused(asks(point.Transaction{ID: "no such/line"}, 100, "r-1"), point.InvalidArgument)
	})
}

func TestF19RefundRefusesNonsense(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		good := asks(charged(w), 1000, "r-1")
		account := point.RefundAccount{Holder: "홍길동", Bank: "04", Number: "110-1", Phone: "010"}
		for name, edit := range map[string]func(*point.RefundInput){
			"no amount":          func(in *point.RefundInput) { in.Amount = 0 },
			"less than nothing":  func(in *point.RefundInput) { in.Amount = -1000 },
			"a huge amount":      func(in *point.RefundInput) { in.Amount = 1_000_000_001 },
			"no reference":       func(in *point.RefundInput) { in.Reference = "" },
			"a long reference":   func(in *point.RefundInput) { in.Reference = strings.Repeat("r", 101) },
			"NUL in reference":   func(in *point.RefundInput) { in.Reference = "\x00" },
			"no reason":          func(in *point.RefundInput) { in.Reason = "" },
			"a long reason":      func(in *point.RefundInput) { in.Reason = strings.Repeat("가", 201) },
			"NUL in reason":      func(in *point.RefundInput) { in.Reason = "\x00" },
			"an empty account":   func(in *point.RefundInput) { in.Account = &point.RefundAccount{} },
			"no holder":          func(in *point.RefundInput) { a := account; a.Holder = ""; in.Account = &a },
			"a long holder":      func(in *point.RefundInput) { a := account; a.Holder = strings.Repeat("가", 17); in.Account = &a },
			"a long bank":        func(in *point.RefundInput) { a := account; a.Bank = "00004"; in.Account = &a },
			"a long number":      func(in *point.RefundInput) { a := account; a.Number = strings.Repeat("1", 17); in.Account = &a },
			"NUL in the phone":   func(in *point.RefundInput) { a := account; a.Phone = "\x00"; in.Account = &a },
			"a long phone":       func(in *point.RefundInput) { a := account; a.Phone = strings.Repeat("1", 17); in.Account = &a },
			"more than all paid": func(in *point.RefundInput) { in.Amount = 5001; in.Reference = "r-2" },
		} {
			in := good
			edit(&in)
			want := point.InvalidArgument
			if in.Reference == "r-2" {
				want = point.RefundNotPossible
			}
			if _, err := w.Refund(w.Context(), in); point.CodeOf(err) != want {
				w.Errorf("%s: %v", name, err)
			}
		}
		if n := w.gateway.Requests()[cancelRoute]; n != 0 {
			w.Fatalf("the gateway was asked %d times", n)
		}
	})
}

func TestRefundTakesInputsAtTheirLimits(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		in := asks(charged(w), 1, strings.Repeat("r", 100))
		in.Reason = strings.Repeat("가", 200)
		in.Account = &point.RefundAccount{Holder: strings.Repeat("가", 16), Bank: "0004", Number: strings.Repeat("1", 16), Phone: strings.Repeat("1", 16)}
		w.refund(in)
		w.wantBalance("minji", full-1)
	})
}

func TestAVirtualAccountsRefundNeedsAnAccount(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *front) {
		charge, err := w.Charge(w.Context(), "minji", w.pay(w.order("minji"), func(p *sandbox.Payment) { p.PayMethod = "vbank" }))
		w.must(err)
		in := asks(charge, 1000, "r-1")
		w.wantRefused(in, point.InvalidArgument)
		var sent string
		f.onCancel(func(rw http.ResponseWriter, r *http.Request) {
			sent = body(w.T, r)
			f.gateway.ServeHTTP(rw, r)
		})
		in.Account = &point.RefundAccount{Holder: "홍길동", Bank: "04", Number: "110-1", Phone: "010"}
		w.refund(in)
		for _, part := range []string{`"refund_holder":"홍길동"`, `"refund_bank":"04"`, `"refund_account":"110-1"`, `"refund_tel":"010"`,
			`"amount":1000`, `"checksum":5000`, `"enable_webhook":true`} {
			if !strings.Contains(sent, part) {
				w.Errorf("sent %s, without %s", sent, part)
			}
		}
	})
}
