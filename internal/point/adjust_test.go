package point_test

import (
	"strings"
	"testing"

	"pointcharge/internal/point"
)

func TestAdjustGivesBonusPoints(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.stopClock()
		line := w.give(300, "ticket-1")
		lot := w.lot("transaction_id = ?", line.ID)
		if line.Kind != point.KindAdjust || *line.Operator != "sora" || line.Description != "사과" || lot.Kind != point.LotBonus ||
			!lot.ExpiresAt.Equal(clock.now().Add(365*day)) {
			w.Fatalf("unexpected line %+v, lot %+v", line, lot)
		}
		w.wantBalance("minji", 300)
	})
}

func TestAdjustTakesAsASpendDoes(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		line := w.give(-600, "ticket-1")
		w.wantUses(line, map[string]int64{w.bonusLot(charge).ID + " USE": 500, w.lot("transaction_id = ?", charge.ID).ID + " USE": 100})
		w.wantBalance("minji", full-600)
	})
}

func TestAdjustNeverLeavesLessThanNothing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charged(w)
		_, err := w.Adjust(w.Context(), adjustment(-full-1, "ticket-1"))
		w.wantCode(err, point.InsufficientPoints)
		w.give(-full, "ticket-1")
		w.wantBalance("minji", 0)
	})
}

func TestAdjustRepaysDebtFirst(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		charge := charged(w)
		w.spend(full, "order-1")
		w.consoleCancel(*charge.ImpUID, 5000)
		w.give(full+100, "ticket-1")
		w.wantSpendable(100)
	})
}

func TestAdjustIsDoneOncePerReference(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		first, again := w.give(300, "ticket-1"), w.give(300, "ticket-1")
		if first.ID != again.ID {
			w.Fatalf("first %+v, then %+v", first, again)
		}
		_, err := w.Adjust(w.Context(), adjustment(-300, "ticket-1"))
		w.wantCode(err, point.InvalidArgument)
		w.wantBalance("minji", 300)
	})
}

func TestAdjustNeedsAReasonAndAnOperator(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for name, edit := range map[string]func(*point.AdjustInput){
			"no reason":       func(in *point.AdjustInput) { in.Reason = "" },
			"a long reason":   func(in *point.AdjustInput) { in.Reason = strings.Repeat("가", 201) },
			"no operator":     func(in *point.AdjustInput) { in.Operator = "" },
			"a bad operator":  func(in *point.AdjustInput) { in.Operator = "a\x00" },
			"a long operator": func(in *point.AdjustInput) { in.Operator = strings.Repeat("a", 129) },
			"nothing":         func(in *point.AdjustInput) { in.Amount = 0 },
			"too much":        func(in *point.AdjustInput) { in.Amount = 1_000_000_001 },
			"too little":      func(in *point.AdjustInput) { in.Amount = -1_000_000_001 },
			"no reference":    func(in *point.AdjustInput) { in.Reference = "" },
		} {
			in := adjustment(1, "r")
			edit(&in)
			if _, err := w.Adjust(w.Context(), in); point.CodeOf(err) != point.InvalidArgument {
				w.Errorf("%s: %v", name, err)
			}
		}
	})
}
