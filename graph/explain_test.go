package graph_test

import (
	"encoding/json"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/point"
)

const explain = `query($first: Int!, $after: String) { viewer { balanceExplained(first: $first, after: $after) {
	edges { cursor node { id kind initial remaining held expiresAt transaction { kind impUid } }
		uses { reason amount transaction { kind } } }
	pageInfo { hasNextPage endCursor } } } }`

// The test follows two charges, with their bonus, through a spend, its cancellation and a refund.
func TestEveryPointIsExplained(t *testing.T) {
	t.Parallel()
	w := newBonusWorld(t, point.Days(10))
	w.charged("minji")
	line := w.charged("minji")
	w.wantCode(w.spend("minji", 1_500, "order-1"), "")
	w.wantCode(w.unspend("minji", 200, "order-1", "c1"), "")
	w.wantCode(w.refund(w.adminToken(), line, 2_000, "r1"), "")
	r := w.ask("minji", explain, "first", 20)
	w.wantAddsUp(r)
	edges := r.at("viewer", "balanceExplained", "edges")
	w.wantList(pluck(edges, "node", "kind"), "BONUS", "PAID", "BONUS", "PAID")
	w.wantList(pluck(edges, "node", "transaction", "kind"), "BONUS", "CHARGE", "BONUS", "CHARGE")
	w.wantList(pluck(edges, "node", "initial"), 500.0, 5000.0, 500.0, 5000.0)
	w.wantList(pluck(pluck(edges, "uses")[3], "transaction", "kind"), "SPEND", "SPEND_CANCEL")
	w.wantList(pluck(pluck(edges, "uses")[3], "reason"), "USE", "RETURN")
	w.wantList(pluck(pluck(edges, "uses")[3], "amount"), 500.0, -200.0)
	w.wantList(pluck(pluck(edges, "uses")[1], "transaction", "kind"), "CHARGE_CANCEL")
	w.wantAudited()
}

// wantAddsUp fails unless the remainder and the uses of each lot add up to its initial points.
func (w *world) wantAddsUp(r reply) {
	w.Helper()
	var explained struct {
		Data struct {
			Viewer struct {
				BalanceExplained struct {
					Edges []struct {
						Node struct{ Initial, Remaining int64 }
						Uses []struct{ Amount int64 }
					}
				}
			}
		}
	}
	w.must(json.Unmarshal([]byte(r.text), &explained))
	for i, lot := range explained.Data.Viewer.BalanceExplained.Edges {
		sum := lot.Node.Remaining
		for _, use := range lot.Uses {
			sum += use.Amount
		}
		if sum != lot.Node.Initial {
			w.Errorf("lot %d: what is left and its uses are %d, not %d", i, sum, lot.Node.Initial)
		}
	}
}

func TestThePagesOfTheExplanationAreTheExplanation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.charged("minji")
	}
	w.wantCode(w.spend("minji", 6_000, "order-1"), "")
	w.charged("junho")
	for _, first := range []int{1, 2, 3, 100} {
		w.wantList(w.list("balanceExplained", "remaining", first), 5000.0, 4000.0, 0.0)
	}
}

func TestTheUsesOfEachPageAreItsLots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charged("minji")
	w.charged("minji")
	w.wantCode(w.spend("minji", 6_000, "order-1"), "")
	first := w.ask("minji", explain, "first", 1)
	w.wantList(pluck(pluck(first.at("viewer", "balanceExplained", "edges"), "uses")[0], "amount"), 1000.0)
	cursor := first.at("viewer", "balanceExplained", "pageInfo", "endCursor")
	second := w.ask("minji", explain, "first", 1, "after", cursor).at("viewer", "balanceExplained", "edges")
	w.wantList(pluck(pluck(second, "uses")[0], "amount"), 5000.0)
}

func TestAHeldLotIsShownSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := w.charged("minji")
	w.must(w.db.Exec(`INSERT INTO refunds (id, imp_uid, user_id, reference, amount, cancelled_before, reason, actor_id, status, created_at)
		SELECT 'r', imp_uid, user_id, 'r', 2000, 0, 'x', 'minji', 'HELD', created_at FROM point_transactions WHERE id = ?`, line).Error)
	w.must(w.db.Exec("UPDATE point_lots SET held = 2000").Error)
	w.wantWallet("minji", 5_000, 3_000, 0)
	w.wantList(pluck(w.ask("minji", explain, "first", 1).at("viewer", "balanceExplained", "edges"), "node", "held"), 2000.0)
	if b := w.spend("minji", 3_001, "order-1").Errors[0].Extensions.Balance; b == nil || *b != 3_000 {
		t.Errorf("held points were offered: %v", b)
	}
	w.wantAudited()
}

func TestExpiringPointsAreTheSoonestFirst(t *testing.T) {
	t.Parallel()
	w := newBonusWorld(t, point.Days(10)) // whose bonus lives ten days
	w.charged("minji")
	w.charged("junho")
	lots := w.ask("minji", `{ viewer { expiringPoints { remaining kind } } }`).at("viewer", "expiringPoints")
	w.wantList(pluck(lots, "remaining"), 500.0)
	for days, want := range map[int][]any{9: {}, 10: {"BONUS"}, 1825: {"BONUS"}, 1828: {"BONUS", "PAID"}} { // five calendar years and the last day's rest
		r := w.ask("minji", `query($d: Int!) { viewer { expiringPoints(withinDays: $d) { kind } } }`, "d", days)
		w.wantList(pluck(r.at("viewer", "expiringPoints"), "kind"), want...)
	}
}

func TestExpiringPointsLookAheadOneDayToTenYears(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for days, code := range map[string]apierror.Code{
		"1": "", "3650": "", "0": apierror.InvalidArgument, "-1": apierror.InvalidArgument, "3651": apierror.InvalidArgument,
		"2147483647": apierror.InvalidArgument, "2147483648": apierror.InvalidArgument, "9007199254740992": apierror.InvalidArgument,
		"1.5": apierror.InvalidArgument, `"30"`: apierror.InvalidArgument, "null": apierror.InvalidArgument, "{}": apierror.InvalidArgument,
	} {
		r := w.ask("minji", `{ viewer { expiringPoints(withinDays: `+days+`) { id } } }`)
		if w.wantCode(r, code); t.Failed() {
			t.Fatalf("withinDays: %s", days)
		}
	}
}

// The EXPIRE line is written later, by the next writer or by the job.
func TestExpiredPointsAreGoneBeforeAnybodyWroteSo(t *testing.T) {
	t.Parallel()
	clock := new(movableClock)
	w := newWorld(t, clock.set)
	w.charged("minji")
	w.wantCode(w.adjust("minji", 700, "a1"), "") // a bonus, which lives a year
	clock.pass(366*day + time.Second)
	w.wantWallet("minji", 5_000, 5_000, 0)
	w.wantList(w.list("pointTransactions", "kind", 20), "ADJUST", "CHARGE")
	w.wantCode(w.spend("minji", 5_001, "order-1"), apierror.InsufficientPoints)
	w.wantCode(w.spend("minji", 1_000, "order-1"), "")
	w.wantList(w.list("pointTransactions", "amount", 20), -1000.0, -700.0, 700.0, 5000.0)
	w.wantWallet("minji", 4_000, 4_000, 0)
	w.wantAudited()
}
