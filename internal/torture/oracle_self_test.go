//go:build unix

package torture_test

import (
	"testing"

	"pointcharge/internal/sandbox"
)

// TestTheOracleNotices shows that the torture can fail: each case is a book that is wrong in one way, or right.
func TestTheOracleNotices(t *testing.T) {
	t.Parallel()
	o := offers()[1]
	paid := sandbox.Payment{ImpUID: "imp_1", Amount: "10000", CancelAmount: "0", Currency: "KRW", Status: sandbox.Paid, Sandbox: true}
	edited := func(edit func(*sandbox.Payment)) sandbox.Payment {
		p := paid
		edit(&p)
		return p
	}
	half := edited(func(p *sandbox.Payment) {
		p.Status, p.CancelAmount, p.CancelHistory = sandbox.Cancelled, "3333", []sandbox.Cancellation{{Amount: "3333"}}
	})
	second := edited(func(p *sandbox.Payment) { p.ImpUID = "imp_2" })
	deposits := edited(func(p *sandbox.Payment) { p.DepositHistory = []sandbox.Deposit{{Amount: "10000"}, {Amount: "10000"}} })
	right := credited{user: "minji", lines: []string{"l"}, charged: 10_000, bonus: 100}
	with := func(edit func(*credited)) credited {
		b := right
		edit(&b)
		return b
	}
	for _, c := range []struct {
		name   string
		truth  []sandbox.Payment
		booked map[string]credited
		listed map[string]string
		wrong  int
	}{
		{"credited", []sandbox.Payment{paid}, map[string]credited{"imp_1": right}, nil, 0},
		{"forgotten", []sandbox.Payment{paid}, nil, nil, 1},
		{"listed without a reason to", []sandbox.Payment{paid}, map[string]credited{"imp_1": right}, map[string]string{"imp_1": "AMOUNT"}, 1},
		{"twice", []sandbox.Payment{paid}, map[string]credited{"imp_1": with(func(b *credited) { b.lines = []string{"l", "m"} })}, nil, 1},
		{"too much", []sandbox.Payment{paid}, map[string]credited{"imp_1": with(func(b *credited) { b.charged++ })}, nil, 1},
		{"no bonus", []sandbox.Payment{paid}, map[string]credited{"imp_1": with(func(b *credited) { b.bonus = 0 })}, nil, 1},
		{"of a stranger", []sandbox.Payment{paid}, map[string]credited{"imp_1": with(func(b *credited) { b.user = "junho" })}, nil, 1},
		{"not clawed back", []sandbox.Payment{half}, map[string]credited{"imp_1": right}, nil, 1},
		{"clawed back", []sandbox.Payment{half}, map[string]credited{"imp_1": with(func(b *credited) { b.taken = 3_333 + 33 })}, nil, 0},
		{"unpaid and credited", []sandbox.Payment{edited(func(p *sandbox.Payment) { p.Status = sandbox.Ready })}, map[string]credited{"imp_1": right}, nil, 1},
		{"another amount, credited", []sandbox.Payment{edited(func(p *sandbox.Payment) { p.Amount = "9999" })}, map[string]credited{"imp_1": right}, nil, 1},
		{"another amount, listed", []sandbox.Payment{edited(func(p *sandbox.Payment) { p.Amount = "9999" })}, nil, map[string]string{"imp_1": "AMOUNT"}, 0},
		{"another currency, unlisted", []sandbox.Payment{edited(func(p *sandbox.Payment) { p.Currency = "USD" })}, nil, nil, 1},
		{"another currency, wrongly listed", []sandbox.Payment{edited(func(p *sandbox.Payment) { p.Currency = "USD" })}, nil, map[string]string{"imp_1": "AMOUNT"}, 1},
		{"two payments, both credited", []sandbox.Payment{paid, second}, map[string]credited{"imp_1": right, "imp_2": right}, nil, 1},
		{"two payments, one unlisted", []sandbox.Payment{paid, second}, map[string]credited{"imp_1": right}, nil, 1},
		{"two payments, one listed", []sandbox.Payment{paid, second}, map[string]credited{"imp_2": right}, map[string]string{"imp_1": "ORDER_ALREADY_PAID"}, 0},
		{"a second deposit, unlisted", []sandbox.Payment{deposits}, map[string]credited{"imp_1": right}, nil, 1},
		{"a second deposit, listed", []sandbox.Payment{deposits}, map[string]credited{"imp_1": right}, map[string]string{"imp_1": "DEPOSIT"}, 0},
		{"cancellations that do not add up", []sandbox.Payment{edited(func(p *sandbox.Payment) { p.CancelAmount = "5" })}, map[string]credited{"imp_1": right}, nil, 1},
	} {
		if wrong := judgeOrder("minji", o, true, c.truth, c.booked, c.listed); len(wrong) != c.wrong {
			t.Errorf("%s: %q", c.name, wrong)
		}
	}
	if wrong := judgeOrder("", offer{}, false, []sandbox.Payment{paid}, nil, nil); len(wrong) != 1 {
		t.Errorf("a payment of no order: %q", wrong)
	}
}
