package point_test

import (
	"fmt"
	"slices"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

func TestBatchesAreWhatSingleReadsAre(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		first, second := w.Charged(), w.Charged()
		for i := range 4 {
			w.MustSpend(400, fmt.Sprint("order-", i))
		}
		spend := w.MustSpend(5400, "order-4")
		ids := []string{first.ID, spend.ID, second.ID, "none", spend.ID}
		lines, err := w.LinesByID(w.Context(), ids)
		w.Must(err)
		if len(lines) != 3 || lines[spend.ID].Amount != -5400 {
			w.Fatalf("read %+v", lines)
		}
		lot := w.LotWhere("transaction_id = ?", first.ID)
		lots, err := w.LotsByID(w.Context(), []string{lot.ID, "none"})
		w.Must(err)
		if len(lots) != 1 || lots[lot.ID].Initial != 5000 {
			w.Fatalf("read %+v", lots)
		}
		uses, err := w.UsesOfLines(w.Context(), ids, 50)
		w.Must(err)
		single, err := w.TransactionUses(w.Context(), spend)
		w.Must(err)
		if len(uses) != 1 || !slices.Equal(uses[spend.ID], single) || len(single) < 2 {
			w.Fatalf("read %+v, alone %+v", uses, single)
		}
		ofLots, err := w.UsesOfLots(w.Context(), []string{lot.ID, w.BonusLot(first).ID}, 2)
		w.Must(err)
		single, err = w.LotUses(w.Context(), w.BonusLot(first))
		w.Must(err)
		if got := ofLots[w.BonusLot(first).ID]; !slices.Equal(got, single[:min(2, len(single))]) || len(got) == 0 {
			w.Fatalf("read %+v, alone %+v", ofLots, single)
		}
	})
}

func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		many := make([]string, 1001)
		_, err := w.LinesByID(w.Context(), many)
		w.WantCode(err, apierror.InvalidArgument)
		_, err = w.UsesOfLots(w.Context(), many, 1)
		w.WantCode(err, apierror.InvalidArgument)
		for _, limit := range []int{0, 51} {
			_, err = w.UsesOfLines(w.Context(), []string{"a"}, limit)
			w.WantCode(err, apierror.InvalidArgument)
		}
		if lots, err := w.LotsByID(w.Context(), nil); err != nil || len(lots) != 0 {
			w.Fatalf("read %v, %v", lots, err)
		}
	})
}

func TestD6AWalletOfManyLotsIsSpentInSets(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		const n = 1300 // more than the first pages, and than two batches of expiry
		w.seedLots(n)
		w.MustSpend(700, "order-1")
		if uses := w.Count("lot_uses", "reason = 'USE'"); uses != 700 {
			w.Fatalf("%d lots were used", uses)
		}
		_, err := w.GiveBack("order-1", 650, "c-1")
		w.Must(err)
		w.WantSpendable(n - 50)
		clock.Pass(366 * domaintest.Day)
		w.give("minji", 2000)
		w.MustSpend(10, "order-2")
		w.WantSpendable(1990)
		if lines := w.Count("point_transactions", "kind = 'EXPIRE'"); lines > 1 {
			w.Fatalf("the spend wrote %d lines of expiry", lines)
		}
		in := point.ClawbackInput{UserID: "minji", Amount: 2000, Reference: "r", Reason: "r", Actor: domaintest.Sora()}
		_, err = w.RecordClawback(w.Context(), in)
		w.Must(err)
		w.WantBalance("minji", -10)
		if lots := w.Count("point_lots", "remaining > 0"); lots != 0 {
			w.Fatalf("%d lots are left beside a debt", lots)
		}
	})
}

// seedLots gives minji so many lots of a point.
func (w *world) seedLots(n int) {
	w.Helper()
	w.give("minji", 1)
	w.Must(w.DB.Exec(`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, reference, actor_id, actor_kind, description, created_at)
		WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < CAST(? AS integer))
		SELECT 'line-' || i, user_id, i, kind, 1, i, 'r-' || i, actor_id, actor_kind, '', created_at FROM n, point_transactions`, n).Error)
	w.Must(w.DB.Exec(`INSERT INTO point_lots (id, user_id, transaction_id, kind, initial, remaining, expires_at)
		SELECT 'lot-' || t.seq, t.user_id, t.id, l.kind, 1, 1, l.expires_at FROM point_transactions t, point_lots l WHERE t.seq > 1`).Error)
	w.Must(w.DB.Exec("UPDATE wallets SET balance = ?, seq = ?", n, n).Error)
}
