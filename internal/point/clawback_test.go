package point_test

import (
	"maps"
	"testing"

	"pointcharge/internal/point"
)

// TestAChargesOwnLotsGiveTheirShareFirst is about a charge of 5,000 points and a bonus of 500.
// Whether a lot has expired makes no difference: what is still in it has not been written off.
func TestAChargesOwnLotsGiveTheirShareFirst(t *testing.T) {
	t.Parallel()
	lots := func(bonus, bonusHeld, paid, paidHeld int64) []point.Lot {
		return []point.Lot{{ID: "bonus", Kind: point.LotBonus, Remaining: bonus, Held: bonusHeld},
			{ID: "paid", Kind: point.LotPaid, Remaining: paid, Held: paidHeld}}
	}
	for name, c := range map[string]struct {
		own                  []point.Lot
		share                point.Share
		n                    int64
		bonus, paid, missing int64
	}{
		"each kind its own":             {lots(500, 0, 5000, 0), point.Share{Paid: 1000, Bonus: 100}, 1100, 100, 1000, 0},
		"all":                           {lots(500, 0, 5000, 0), point.Share{Paid: 5000, Bonus: 500}, 5500, 500, 5000, 0},
		"the bonus is spent":            {lots(0, 0, 5000, 0), point.Share{Paid: 1000, Bonus: 100}, 1100, 0, 1100, 0},
		"some bonus is left":            {lots(30, 0, 5000, 0), point.Share{Paid: 1000, Bonus: 100}, 1100, 30, 1070, 0},
		"the paid points are spent":     {lots(500, 0, 400, 0), point.Share{Paid: 1000, Bonus: 100}, 1100, 500, 400, 200},
		"a refund holds some":           {lots(500, 450, 5000, 4500), point.Share{Paid: 1000, Bonus: 100}, 1100, 50, 500, 550},
		"a refund holds all":            {lots(500, 500, 5000, 5000), point.Share{Paid: 1000, Bonus: 100}, 1100, 0, 0, 1100},
		"expired paid points for bonus": {lots(500, 0, 0, 0), point.Share{Paid: -100, Bonus: 150}, 50, 50, 0, 0},
		"no share, the bonus first":     {lots(500, 0, 5000, 0), point.Share{}, 700, 500, 200, 0},
		"without a bonus":               {lots(0, 0, 5000, 0)[1:], point.Share{Paid: 1000}, 1000, 0, 1000, 0},
		"no lots":                       {nil, point.Share{Paid: 1000}, 1000, 0, 0, 1000},
	} {
		want := map[string]int64{}
		for id, n := range map[string]int64{"bonus": c.bonus, "paid": c.paid} {
			if n > 0 {
				want[id] = n
			}
		}
		if taken, missing := point.TakeOwn(c.own, c.share, c.n); !maps.Equal(taken, want) || missing != c.missing {
			t.Errorf("%s: took %v and misses %d, want %v and %d", name, taken, missing, want, c.missing)
		}
	}
}
