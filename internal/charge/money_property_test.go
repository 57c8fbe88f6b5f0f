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

// TestMoneyAndPointsAgree buys at any ratio of price and points, and spends, gives back, refunds,
// cancels, lets expire and undoes that at random. After every step the sums are taken from the
// books and the gateway, not from a model:
//   - The points that a user has and has used are no more than the money buys that the shop kept.
//   - Paid points are no more than that money buys, but for bonus that was taken in their place.
//   - Each kind of points gives its own share of what goes back.
//
// A failure prints its seed (-rapid.seed).
func TestMoneyAndPointsAgree(t *testing.T) {
	t.Parallel()
	for run := range longtest.Size(1, 10) { // of 100 sequences; of 20 with -short
		t.Run(fmt.Sprint("hundred-", run), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, databasetest.New(t, databasetest.SQLite), "sandbox")
			sequence := 0
			rapid.Check(t, func(rt *rapid.T) {
				sequence++
				b := newBuyer(rt, w, fmt.Sprint("buyer-", sequence))
				forgetOthers(rt, b.Services)
				b.live()
			})
		})
	}
}

// buyer is one user, and what the shop sold to them.
type buyer struct {
	*rapid.T
	*domaintest.Services

	gateway *sandbox.Sandbox
	actor   point.Actor
	now     time.Time
	count   int
	bought  []*purchase
	spends  []string
}

type purchase struct {
	line                 point.Transaction
	price, points, bonus int64
	reported             int64 // won that were cancelled, as far as the books know
}

func newBuyer(rt *rapid.T, w *world, user string) *buyer {
	b := &buyer{T: rt, Services: domaintest.NewServices(w.DB, w.Gateway), gateway: w.Sandbox,
		actor: point.Actor{Kind: point.ActorUser, ID: user}, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	b.Lifetimes = point.Lifetimes{Paid: point.Days(30), Bonus: point.Days(3), Returned: point.Days(2)}
	b.Now = func() time.Time { return b.now }
	return b
}

func (b *buyer) live() {
	actions := map[string]func(){"buy": b.buy, "spend": b.spend, "give back": b.giveBack, "refund": b.refund,
		"refund again": b.refund, "console": b.console, "wait": b.wait, "undo expiry": b.undoExpiry}
	names := slices.Sorted(maps.Keys(actions))
	b.buy()
	for _, action := range rapid.SliceOfN(rapid.SampledFrom(names), 2, 16).Draw(b.T, "actions") {
		b.Log(action)
		actions[action]()
		b.checkSums()
	}
	findings, err := audit.Run(context.Background(), b.DB, domaintest.Invariants())
	if err != nil || len(findings) > 0 {
		b.Fatalf("audit: %v, %v", findings, err)
	}
}

func (b *buyer) must(err error) {
	if err != nil {
		b.Fatal(err)
	}
}

func (b *buyer) name(of string) string {
	b.count++
	return fmt.Sprint(b.actor.ID, "-", of, "-", b.count)
}

// size draws small numbers, round ones and large ones alike.
func (b *buyer) size(what string, least int64) int64 {
	return rapid.OneOf(rapid.Int64Range(least, 12), rapid.SampledFrom([]int64{least, 100, 997, 5000, 10_000, 1_000_000}),
		rapid.Int64Range(least, 30_000)).Draw(b.T, what)
}

func (b *buyer) buy() {
	offer := charge.Product{ID: b.name("offer"), Name: "포인트", Active: true,
		Price: b.size("price", 1), Points: b.size("points", 1), BonusPoints: b.size("bonus", 0)}
	_, err := b.UpsertProduct(context.Background(), offer)
	b.must(err)
	order, err := b.Open(context.Background(), b.actor.ID, offer.ID, charge.PayByCard)
	b.must(err)
	paid := b.gateway.Put(sandbox.Payment{MerchantUID: order.MerchantUID, Amount: sandbox.Won(order.Price), Sandbox: true})
	line, err := b.Charge(context.Background(), b.actor.ID, paid.ImpUID)
	b.must(err)
	b.bought = append(b.bought, &purchase{line: line, price: offer.Price, points: offer.Points, bonus: offer.BonusPoints})
}

func (b *buyer) spend() {
	wallet, err := b.Wallet(context.Background(), b.actor.ID)
	b.must(err)
	if wallet.Spendable == 0 {
		return
	}
	reference := b.name("order")
	_, err = b.Spend(context.Background(), point.SpendInput{UserID: b.actor.ID, Reference: reference, Actor: b.actor,
		Amount: rapid.Int64Range(1, wallet.Spendable).Draw(b.T, "points")})
	b.must(err)
	b.spends = append(b.spends, reference)
}

func (b *buyer) giveBack() {
	if len(b.spends) == 0 {
		return
	}
	reference := rapid.SampledFrom(b.spends).Draw(b.T, "spend")
	left := -b.sum(`SELECT SUM(t.amount) FROM point_transactions s JOIN point_transactions t ON t.id = s.id OR t.reverses_id = s.id
		WHERE s.kind = 'SPEND' AND s.reference = ?`, reference)
	if left == 0 {
		return
	}
	_, err := b.CancelSpend(context.Background(), point.CancelSpendInput{UserID: b.actor.ID, Reference: reference, Actor: b.actor,
		Amount: rapid.Int64Range(1, left).Draw(b.T, "points"), Cancellation: b.name("cancellation")})
	b.must(err)
}

// refund asks for what may be refunded, and for anything.
func (b *buyer) refund() {
	p := rapid.SampledFrom(b.bought).Draw(b.T, "purchase")
	actor := b.actor
	if rapid.Bool().Draw(b.T, "admin") {
		actor = domaintest.Sora()
	}
	b.hear(p)
	quote, err := b.RefundQuote(context.Background(), actor, p.line.ID)
	b.must(err)
	won := rapid.Int64Range(1, p.price).Draw(b.T, "won")
	if quote.Amount > 0 && rapid.Bool().Draw(b.T, "as quoted") {
		won = rapid.Int64Range(quote.Minimum, quote.Amount).Draw(b.T, "of the quote")
	}
	before := b.lots(p)
	r, err := b.Refund(context.Background(), charge.RefundInput{TransactionID: p.line.ID, Amount: won, Reference: b.name("r"),
		Reason: "변심", Actor: actor})
	allowed := quote.Minimum <= won && won <= quote.Amount
	if allowed != (err == nil) || (err != nil && apierror.CodeOf(err) != apierror.RefundNotPossible) {
		b.Fatalf("%d won of %+v: %+v, %v", won, quote, r, err)
	}
	if err == nil {
		b.checkShares(p, before, true)
	}
}

// console cancels at the gateway. Its notice may get lost.
func (b *buyer) console() {
	p := rapid.SampledFrom(b.bought).Draw(b.T, "purchase")
	left := p.price - b.cancelled(p)
	if left == 0 {
		return
	}
	b.hear(p)
	won := rapid.Int64Range(1, left).Draw(b.T, "won")
	b.must(b.gateway.Cancel(*p.line.ImpUID, json.Number(strconv.FormatInt(won, 10))))
	if rapid.Bool().Draw(b.T, "told") {
		b.hear(p)
	}
}

// hear syncs what the gateway has, and checks what it took.
func (b *buyer) hear(p *purchase) {
	b.expire()
	before := b.lots(p)
	_, err := b.Sync(context.Background(), domaintest.Webhook(), *p.line.ImpUID)
	b.must(err)
	b.checkShares(p, before, false)
}

// expire writes what has expired, so that the lots show what is left. An operator confirms it,
// because the clock jumps.
func (b *buyer) expire() {
	_, err := b.ExpireLargeShare(context.Background(), domaintest.Sora(), 1000)
	b.must(err)
}

// undoExpiry gives expired points back, unless money went back for them.
func (b *buyer) undoExpiry() {
	var lines []string
	b.must(b.DB.Raw("SELECT id FROM point_transactions WHERE user_id = ? AND kind = 'EXPIRE' ORDER BY seq", b.actor.ID).Scan(&lines).Error)
	if len(lines) == 0 {
		return
	}
	_, err := b.UndoExpiry(context.Background(), point.UndoExpiryInput{TransactionID: rapid.SampledFrom(lines).Draw(b.T, "line"),
		Reason: "시계 오류", Actor: domaintest.Sora()})
	if apierror.CodeOf(err) != apierror.InvalidArgument {
		b.must(err)
	}
}

func (b *buyer) wait() {
	b.now = b.now.Add(rapid.SampledFrom([]time.Duration{time.Hour, domaintest.Day, 3 * domaintest.Day, 8 * domaintest.Day, 30 * domaintest.Day}).Draw(b.T, "time"))
	if rapid.Bool().Draw(b.T, "job") {
		b.expire()
	}
}

func (b *buyer) sum(sql string, args ...any) int64 {
	var n *int64
	b.must(b.DB.Raw(sql, args...).Scan(&n).Error)
	if n == nil {
		return 0
	}
	return *n
}

// cancelled is what the gateway has cancelled of a purchase, in won.
func (b *buyer) cancelled(p *purchase) int64 {
	payment, _ := b.gateway.Payment(*p.line.ImpUID)
	won, err := payment.CancelAmount.Int64()
	b.must(err)
	return won
}

// lots is what the purchase's own lots have, and what of them has expired.
type lots struct{ paid, bonus, expired int64 }

func (b *buyer) lots(p *purchase) lots {
	const own = ` FROM point_lots l JOIN point_transactions t ON t.id = l.transaction_id WHERE t.imp_uid = ? AND t.kind = ?`
	return lots{
		paid:  b.sum("SELECT SUM(l.remaining)"+own, p.line.ImpUID, point.KindCharge),
		bonus: b.sum("SELECT SUM(l.remaining)"+own, p.line.ImpUID, point.KindBonus),
		expired: b.sum(`SELECT SUM(u.amount) FROM lot_uses u JOIN point_transactions e ON e.id = u.transaction_id AND e.kind = 'EXPIRE'
			JOIN point_lots l ON l.id = u.lot_id JOIN point_transactions t ON t.id = l.transaction_id WHERE t.imp_uid = ?`, p.line.ImpUID),
	}
}

// checkShares compares what the purchase's own lots gave with the share of each kind.
func (b *buyer) checkShares(p *purchase, before lots, refund bool) {
	cancelled := b.cancelled(p)
	kept, keptBefore := p.price-cancelled, p.price-p.reported
	p.reported = cancelled
	after := b.lots(p)
	paidDue, bonusDue := p.points*keptBefore/p.price-p.points*kept/p.price, p.bonus*keptBefore/p.price-p.bonus*kept/p.price
	paid, bonus := before.paid-after.paid, before.bonus-after.bonus
	if after.expired > 0 { // the sums tell what expired points stand for
		return
	}
	switch {
	case paid < min(paidDue, before.paid) || bonus < min(bonusDue, before.bonus):
		b.Fatalf("%+v gave %d paid points and %d of bonus; due are %d and %d of %+v", p, paid, bonus, paidDue, bonusDue, before)
	case refund && (paid+bonus != paidDue+bonusDue || bonus > bonusDue):
		b.Fatalf("a refund of %+v took %d paid points and %d of bonus; due are %d and %d of %+v", p, paid, bonus, paidDue, bonusDue, before)
	}
}

// checkSums compares what the user has and used with what the money that was kept buys, as far as
// the books know.
func (b *buyer) checkSums() {
	var paid, all int64
	for _, p := range b.bought {
		kept := p.price - p.reported
		paid += p.points * kept / p.price
		all += p.points*kept/p.price + p.bonus*kept/p.price
	}
	user := b.actor.ID
	balance := b.sum("SELECT SUM(amount) FROM point_transactions WHERE user_id = ?", user)
	used := -b.sum("SELECT SUM(amount) FROM point_transactions WHERE user_id = ? AND kind IN ('SPEND', 'SPEND_CANCEL')", user)
	if balance+used > all {
		b.Fatalf("%d points left and %d used; the money that was kept buys %d: %+v", balance, used, all, b.bought)
	}
	left := b.sum("SELECT SUM(remaining) FROM point_lots WHERE user_id = ? AND kind = 'PAID'", user)
	if stead := b.bonusInStead(); left > paid+stead {
		b.Fatalf("%d paid points are left; the money that was kept buys %d, and %d of bonus went in their place: %+v", left, paid, stead, b.bought)
	}
}

// bonusInStead is how much bonus was taken beyond its share: for paid points that were not there,
// or that were owed.
func (b *buyer) bonusInStead() int64 {
	return b.sum(`SELECT SUM(CASE WHEN bonus > due THEN bonus - due ELSE 0 END) FROM (
			SELECT COALESCE(SUM(u.amount), 0) AS bonus, c.bonus_points - c.expired_bonus_points AS due
			FROM payment_cancellations c
			JOIN point_transactions t ON t.imp_uid = c.imp_uid AND t.cancellation_id = c.cancellation_id
			JOIN lot_uses u ON u.transaction_id = t.id
			JOIN point_lots l ON l.id = u.lot_id AND l.kind = 'BONUS'
			WHERE t.user_id = ? GROUP BY t.id, c.bonus_points, c.expired_bonus_points) taken`, b.actor.ID) +
		b.sum(`SELECT SUM(u.amount) FROM lot_uses u JOIN point_lots l ON l.id = u.lot_id
			WHERE l.user_id = ? AND l.kind = 'BONUS' AND u.reason = 'DEBT'`, b.actor.ID)
}
