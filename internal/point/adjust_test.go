package point_test

import (
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

func TestAdjustGivesBonusPoints(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		line := w.Give(300, "ticket-1")
		lot := w.LotWhere("transaction_id = ?", line.ID)
		if line.Kind != point.KindAdjust || line.Actor != domaintest.Sora() || line.Description != "사과" || lot.Kind != point.LotBonus ||
			!lot.ExpiresAt.Equal(clock.Now().Add(365*domaintest.Day)) {
			w.Fatalf("unexpected line %+v, lot %+v", line, lot)
		}
		w.WantBalance("minji", 300)
	})
}

func TestAdjustTakesAsASpendDoes(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		line := w.Give(-600, "ticket-1")
		w.wantUses(line, map[string]int64{w.BonusLot(credited).ID + " USE": 500, w.LotWhere("transaction_id = ?", credited.ID).ID + " USE": 100})
		w.WantBalance("minji", domaintest.Full-600)
	})
}

func TestAdjustNeverLeavesLessThanNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		_, err := w.Adjust(w.Context(), domaintest.Adjustment(-domaintest.Full-1, "ticket-1"))
		w.WantCode(err, apierror.InsufficientPoints)
		w.Give(-domaintest.Full, "ticket-1")
		w.WantBalance("minji", 0)
	})
}

func TestAdjustRepaysDebtFirst(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		credited := w.Charged()
		w.MustSpend(domaintest.Full, "order-1")
		w.CancelAtConsole(*credited.ImpUID, 5000)
		w.Give(domaintest.Full+100, "ticket-1")
		w.WantSpendable(100)
	})
}

func TestAdjustIsDoneOncePerReference(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		first, again := w.Give(300, "ticket-1"), w.Give(300, "ticket-1")
		if first.ID != again.ID {
			w.Fatalf("first %+v, then %+v", first, again)
		}
		_, err := w.Adjust(w.Context(), domaintest.Adjustment(-300, "ticket-1"))
		w.WantCode(err, apierror.InvalidArgument)
		w.WantBalance("minji", 300)
	})
}

func TestAdjustNeedsAReasonAndAnOperator(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for name, edit := range map[string]func(*point.AdjustInput){
			"no reason":       func(in *point.AdjustInput) { in.Reason = "" },
			"a long reason":   func(in *point.AdjustInput) { in.Reason = strings.Repeat("가", 201) },
			"no operator":     func(in *point.AdjustInput) { in.Actor.ID = "" },
			"a bad operator":  func(in *point.AdjustInput) { in.Actor.ID = "a\x00" },
			"a long operator": func(in *point.AdjustInput) { in.Actor.ID = strings.Repeat("a", 129) },
			"nothing":         func(in *point.AdjustInput) { in.Amount = 0 },
			"too much":        func(in *point.AdjustInput) { in.Amount = 1_000_000_001 },
			"too little":      func(in *point.AdjustInput) { in.Amount = -1_000_000_001 },
			"no reference":    func(in *point.AdjustInput) { in.Reference = "" },
		} {
			in := domaintest.Adjustment(1, "r")
			edit(&in)
			if _, err := w.Adjust(w.Context(), in); apierror.CodeOf(err) != apierror.InvalidArgument {
				w.Errorf("%s: %v", name, err)
			}
		}
	})
}
