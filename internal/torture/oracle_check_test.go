//go:build unix

package torture_test

import (
	"testing"

	"pointcharge/internal/sandbox"
)

// TestOracleFindsWrongBooks shows that the torture can fail. Each case is a book with one fault, or
// a correct book.
func TestOracleFindsWrongBooks(t *testing.T) {
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
		{"clawed back", []sandbox.Payment{half}, map[string]credited{"imp_1": with(func(b *credited) { b.taken = 3_333 + 34 })}, nil, 0},
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
		if wrong := judgeOrder(orderTruth{user: "minji", offer: o, known: true}, c.truth, c.booked, c.listed, nil); len(wrong) != c.wrong {
			t.Errorf("%s: %q", c.name, wrong)
		}
	}
	if wrong := judgeOrder(orderTruth{}, []sandbox.Payment{paid}, nil, nil, nil); len(wrong) != 1 {
		t.Errorf("a payment of no order: %q", wrong)
	}
}

// TestOracleFindsWrongDecisions judges a payment of the wrong amount. Each case is a decision and
// its effect, wrong in one way, or right.
func TestOracleFindsWrongDecisions(t *testing.T) {
	t.Parallel()
	ignored := decision{ImpUID: "imp_1", Problem: "AMOUNT", Action: "IGNORE", Reason: "d-1"}
	accepted := decision{ImpUID: "imp_1", Problem: "AMOUNT", Action: "ACCEPT", Reason: "d-1", Line: "l"}
	line := lineRow{ID: "l", UserID: "minji", Kind: "ADJUST", ImpUID: "imp_1", Amount: 9_999}
	asked := decision{ImpUID: "imp_1", Action: "ACCEPT", Reason: "d-1", user: "minji", points: 9_999}
	part := []sandbox.Cancellation{{Amount: "1000", Reason: "at the console"}}
	back := []sandbox.Cancellation{{Amount: "1000", Reason: "d-1"}}
	more := line
	more.Amount++
	for _, c := range []struct {
		name      string
		cancelled []sandbox.Cancellation
		deposits  int
		decided   []decision
		asked     decision
		lines     []lineRow
		listed    string
		wrong     bool
	}{
		{"nobody decided", nil, 0, nil, decision{}, nil, "AMOUNT", false},
		{"ignored", nil, 0, []decision{ignored}, ignored, nil, "", false},
		{"ignored, and listed", nil, 0, []decision{ignored}, ignored, nil, "AMOUNT", true},
		{"ignored, then cancelled in part", part, 0, []decision{ignored}, ignored, nil, "AMOUNT", false},
		{"ignored, then a deposit that is not listed", nil, 1, []decision{ignored}, ignored, nil, "", true},
		{"ignored, and nobody asked", nil, 0, []decision{ignored}, decision{}, nil, "", true},
		{"accepted", nil, 0, []decision{accepted}, asked, []lineRow{line}, "", false},
		{"accepted, then a deposit", nil, 1, []decision{accepted}, asked, []lineRow{line}, "DEPOSIT", false},
		{"accepted, then cancelled in part", part, 0, []decision{accepted}, asked, []lineRow{line}, "ACCEPTED_CANCELLED", false},
		{"accepted, cancelled, not listed", part, 0, []decision{accepted}, asked, []lineRow{line}, "", true},
		{"accepted for too much", nil, 0, []decision{accepted}, asked, []lineRow{more}, "", true},
		{"accepted and given back", back, 0, []decision{accepted}, asked, []lineRow{line}, "ACCEPTED_CANCELLED", true},
		{"points, and nobody decided", nil, 0, nil, decision{}, []lineRow{line}, "AMOUNT", true},
	} {
		p := sandbox.Payment{ImpUID: "imp_1", MerchantUID: "o", Amount: "9999", CancelAmount: "0", Currency: "KRW", Status: sandbox.Paid,
			CancelHistory: c.cancelled, DepositHistory: make([]sandbox.Deposit, c.deposits)}
		if len(c.cancelled) > 0 {
			p.CancelAmount = c.cancelled[0].Amount
		}
		for i := range p.DepositHistory {
			p.DepositHistory[i].Amount = "9999"
		}
		b := books{lines: c.lines, decided: map[string][]decision{"imp_1": c.decided}}
		j := newJournal()
		j.recordDecision(c.asked)
		v := verdict{}
		b.judgeDecisions(v, j, []sandbox.Payment{p})
		for impUID, why := range judgeOrder(orderTruth{user: "minji", offer: offers()[1], known: true}, []sandbox.Payment{p}, nil, map[string]string{"imp_1": c.listed}, b.decided) {
			v.add(impUID, "%s", why)
		}
		if len(v) > 0 != c.wrong {
			t.Errorf("%s: %q", c.name, v)
		}
	}
}
