package charge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pointcharge/internal/apierror"
	"pointcharge/internal/audit"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/longtest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// machine does at random what can be done with one user's points, to the domain and to the model.
type machine struct {
	*rapid.T
	*domaintest.Services
	*model
	gateway *sandbox.Sandbox
	user    string
	count   int // of things that need a name of their own
}

// TestRandomLivesAgreeWithTheModel runs 400 sequences on SQLite and 100 on PostgreSQL, with LONG=1
// 2,000 and 300; -short divides these by five. A failure prints its seed (-rapid.seed) and leaves
// the smallest sequence that fails in testdata/rapid, with which later runs begin; -rapid.checks
// and -rapid.nofailfile work as always.
func TestRandomLivesAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	batches := map[string]int{databasetest.SQLite: longtest.Size(4, 20), databasetest.Postgres: longtest.Size(1, 3)}
	for dialect, batches := range batches {
		for batch := range batches { // of 100 sequences, which is rapid's default; of 20 with -short
			t.Run(fmt.Sprint(dialect, "-", batch), func(t *testing.T) {
				t.Parallel()
				lives(t, dialect)
			})
		}
	}
}

func lives(t *testing.T, dialect string) {
	t.Helper()
	const renew = 25 // sequences in one database: Audit reads it all after each
	var w *world
	sequence := 0
	rapid.Check(t, func(rt *rapid.T) {
		if sequence%renew == 0 {
			w = newWorld(t, databasetest.New(t, dialect), "sandbox")
			for i, p := range offers() {
				p.ID, p.Name, p.Active = fmt.Sprint("offer-", i), "포인트", true
				_, err := w.UpsertProduct(t.Context(), p)
				w.Must(err)
			}
		}
		sequence++
		m := &machine{T: rt, Services: domaintest.NewServices(w.DB, w.Gateway), gateway: w.Sandbox, user: fmt.Sprint("user-", sequence),
			model: &model{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}}
		m.Lifetimes = point.Lifetimes{Paid: point.Days(int(paidLife / domaintest.Day)), Bonus: point.Days(int(bonusLife / domaintest.Day)),
			Returned: point.Days(int(returnedLife / domaintest.Day))}
		m.Now = func() time.Time { return m.now }
		forgetOthers(rt, m.Services)
		m.live()
	})
}

// forgetOthers lets expire what earlier sequences left in the database: their clocks are not this
// one's, so that the share of all points that is due would look implausible, and what is due
// would not be written off before a clawback.
func forgetOthers(t *rapid.T, s *domaintest.Services) {
	now := s.Now
	defer func() { s.Now = now }()
	s.Now = func() time.Time { return now().AddDate(50, 0, 0) }
	if _, err := s.ExpireLargeShare(context.Background(), domaintest.Sora(), 1000); err != nil {
		t.Fatal(err)
	}
}

// offers are a usual domaintest.Product(), one whose price divides nothing, and one without a
// bonus.
func offers() []charge.Product {
	return []charge.Product{{Price: 5000, Points: 5000, BonusPoints: 500}, {Price: 997, Points: 331, BonusPoints: 17}, {Price: 100, Points: 100}}
}

func (m *machine) live() {
	actions := map[string]func(){
		"charge": m.doCharge, "sync": m.doSync, "spend": m.doSpend, "spend again": m.doSpendAgain, "cancel spend": m.doCancelSpend,
		"refund": m.doRefund, "console": m.doConsole, "wait": m.doWait, "expire": m.doExpire, "adjust": m.doAdjust,
	}
	names := slices.Sorted(maps.Keys(actions))
	m.doCharge()
	for _, action := range rapid.SliceOfN(rapid.SampledFrom(names), 3, 24).Draw(m.T, "actions") {
		m.Log(action)
		actions[action]()
		m.agree()
	}
	m.doExpire()
	if n := m.expiredLots(); n != m.expired {
		m.Fatalf("%d lots expired, the model has %d", n, m.expired)
	}
	findings, err := audit.Run(context.Background(), m.DB, domaintest.Invariants())
	if err != nil || len(findings) > 0 {
		m.Fatalf("audit: %v, %v", findings, err)
	}
}

// expiredLots counts the lots that had points left when they expired; one line may be of many.
func (m *machine) expiredLots() (n int64) {
	err := m.DB.Raw(`SELECT COUNT(*) FROM lot_uses u JOIN point_transactions t ON t.id = u.transaction_id
		WHERE t.user_id = ? AND t.kind = 'EXPIRE'`, m.user).Scan(&n).Error
	if err != nil {
		m.Fatal(err)
	}
	return n
}

func (m *machine) written(where string) (n int64) {
	if err := m.DB.Model(&point.Transaction{}).Where("user_id = ?", m.user).Where(where).Count(&n).Error; err != nil {
		m.Fatal(err)
	}
	return n
}

// agree compares the domain with the model.
func (m *machine) agree() {
	wallet, err := m.Wallet(context.Background(), m.user)
	if err != nil {
		m.Fatal(err)
	}
	if wallet.Balance != m.balance() || wallet.Spendable != m.spendable() || wallet.Debt() != m.debt {
		m.Fatalf("the wallet is %+v; the model has %d points, %d of them to spend, and owes %d", wallet, m.balance(), m.spendable(), m.debt)
	}
	if n := m.written("kind <> 'EXPIRE'"); n != m.lines {
		m.Fatalf("%d lines, the model has %d", n, m.lines)
	}
}

// want fails unless the domain refused exactly when the model did.
func (m *machine) want(err error, ok bool, code apierror.Code) {
	if ok {
		code = ""
	}
	if apierror.CodeOf(err) != code {
		m.Fatalf("got %v, the model wants %q", err, code)
	}
}

func (m *machine) name(what string) string {
	m.count++
	return fmt.Sprint(what, "-", m.count)
}

func number(m *machine, name string, least, most int64) int64 {
	return rapid.Int64Range(least, max(least, most)).Draw(m.T, name)
}

// one of the list; nil when there is none.
func one[T any](m *machine, of []*T) *T {
	if len(of) == 0 {
		return nil
	}
	return rapid.SampledFrom(of).Draw(m.T, "which")
}

func (m *machine) doCharge() {
	which := rapid.IntRange(0, len(offers())-1).Draw(m.T, "offer")
	offer := offers()[which]
	order, err := m.Open(context.Background(), m.user, fmt.Sprint("offer-", which), charge.PayByCard)
	m.want(err, true, "")
	paid := m.gateway.Put(sandbox.Payment{MerchantUID: order.MerchantUID, Amount: sandbox.Won(offer.Price), Sandbox: true})
	line, err := m.Charge(context.Background(), m.user, paid.ImpUID)
	m.want(err, true, "")
	m.addCharge(line.ID, paid.ImpUID, offer.Price, offer.Points, offer.BonusPoints)
}

func (m *machine) sync(c *paperCharge) {
	_, err := m.Sync(context.Background(), domaintest.Webhook(), c.impUID)
	m.want(err, true, "")
	m.hear(c)
}

func (m *machine) doSync() { m.sync(one(m, m.charges)) }

func (m *machine) doSpend() {
	in := point.SpendInput{UserID: m.user, Amount: number(m, "points", 1, m.spendable()*5/4+1), Reference: m.name("order"), Actor: domaintest.Minji()}
	_, err := m.Spend(context.Background(), in)
	before := m.spendable()
	m.want(err, m.spend(in.Reference, in.Amount), apierror.InsufficientPoints)
	if n, _ := apierror.Param[int64](err, apierror.ParamBalance); err != nil && n != before {
		m.Fatalf("the refusal names %d points, the model has %d", n, before)
	}
}

func (m *machine) doSpendAgain() {
	if s := one(m, m.spends); s != nil {
		_, err := m.Spend(context.Background(), point.SpendInput{UserID: m.user, Amount: s.amount, Reference: s.reference, Actor: domaintest.Minji()})
		m.want(err, true, "")
	}
}

func (m *machine) doCancelSpend() {
	s := one(m, m.spends)
	if s == nil {
		return
	}
	in := point.CancelSpendInput{UserID: m.user, Reference: s.reference, Amount: number(m, "points", 1, s.left()*5/4+1), Cancellation: m.name("c"), Actor: domaintest.Minji()}
	_, err := m.CancelSpend(context.Background(), in)
	m.want(err, m.giveBack(s, in.Amount), apierror.InvalidArgument)
}

func (m *machine) doRefund() {
	c := one(m, m.charges)
	admin := rapid.Bool().Draw(m.T, "admin")
	in := charge.RefundInput{TransactionID: c.id, Amount: number(m, "won", 1, c.price-c.cancelled), Reference: m.name("r"), Reason: "변심",
		Actor: point.Actor{Kind: point.ActorUser, ID: m.user}}
	if admin {
		in.Actor = domaintest.Sora()
	}
	r, err := m.Refund(context.Background(), in)
	m.hear(c)
	ok := m.refundable(c, in.Amount, admin)
	m.want(err, ok, apierror.RefundNotPossible)
	if !ok {
		return
	}
	c.refunds++
	if m.cancel(c, in.Amount); r.Status != charge.RefundDone {
		m.Fatalf("the refund is %s", r.Status)
	}
}

// doConsole cancels a part or all at the console; the webhook may come late.
func (m *machine) doConsole() {
	c := one(m, m.charges)
	if c.waiting > 0 {
		m.sync(c)
	}
	left := c.price - c.cancelled
	if left == 0 {
		return
	}
	c.waiting = number(m, "won", 1, left)
	if rapid.Bool().Draw(m.T, "all") {
		c.waiting = left
	}
	if err := m.gateway.Cancel(c.impUID, json.Number(strconv.FormatInt(c.waiting, 10))); err != nil {
		m.Fatal(err)
	}
	if rapid.Bool().Draw(m.T, "told") {
		m.sync(c)
	}
}

func (m *machine) doWait() {
	m.pass(rapid.SampledFrom([]time.Duration{time.Minute, domaintest.Day, 7 * domaintest.Day, 30 * domaintest.Day, 60 * domaintest.Day, 300 * domaintest.Day}).Draw(m.T, "time"))
	if m.expired-m.confirmed >= manyLots { // else the share of all points that is due would look implausible
		m.doExpire()
	}
}

// manyLots is fewer lots than the ledger calls an implausible share of all points.
const manyLots = 20

func (m *machine) doExpire() {
	// The operator confirms: a model's clock jumps, so that all points of all models are due at
	// once.
	_, err := m.ExpireLargeShare(context.Background(), domaintest.Sora(), 1000)
	m.want(err, true, "")
	m.confirmed = m.expired
}

func (m *machine) doAdjust() {
	in := point.AdjustInput{UserID: m.user, Amount: number(m, "points", -300, 300), Reference: m.name("ticket"), Reason: "사과", Actor: domaintest.Sora()}
	_, err := m.Adjust(context.Background(), in)
	switch {
	case in.Amount > 0:
		m.want(err, true, "")
		m.give(in.Amount)
	case in.Amount == 0:
		m.want(err, false, apierror.InvalidArgument)
	default:
		m.want(err, m.spend("", -in.Amount), apierror.InsufficientPoints)
	}
}
