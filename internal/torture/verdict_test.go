//go:build unix

package torture_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

// orderRow is an order in the books.
type orderRow struct {
	MerchantUID, UserID, ProductID string
	Price, Points, BonusPoints     int64
	CreatedAt                      time.Time
}

// lineRow is a ledger line.
type lineRow struct {
	ID, UserID, Kind, ImpUID, Reference string
	Amount                              int64
}

// refundRow is a refund. Its reason names the request.
type refundRow struct {
	Reason, ImpUID, Status string
	Amount                 int64
	CreatedAt              time.Time
}

// books is all data that the verdict reads from the database. The torture never writes there.
type books struct {
	orders  map[string]orderRow
	lines   []lineRow
	refunds []refundRow
	wallets map[string]int64
	listed  map[string]string
	decided map[string][]decision
	stood   map[string]int64  // expired points that stood for cancellations, by imp_uid; the audit proves them
	heardOf map[string]string // the statuses of the payments with a row, by imp_uid
	// soonLots is how many lots have points that expire within a day.
	soonLots int
	// watermark is the end of the last scheduled reconciliation that succeeded.
	watermark time.Time
	foreign   int64 // payments of other shops that one reconciliation saw, at most
}

func readBooks(ctx context.Context, db *gorm.DB) (b books, err error) {
	b = books{orders: map[string]orderRow{}, wallets: map[string]int64{}, listed: map[string]string{}, decided: map[string][]decision{},
		stood: map[string]int64{}, heardOf: map[string]string{}}
	read := func(into any, sql string) {
		if err == nil {
			err = db.WithContext(ctx).Raw(sql).Scan(into).Error
		}
	}
	var orders []orderRow
	read(&orders, "SELECT merchant_uid, user_id, product_id, price, points, bonus_points, created_at FROM charge_orders")
	read(&b.lines, `SELECT id, user_id, kind, COALESCE(imp_uid, '') AS imp_uid, COALESCE(reference, '') AS reference, amount
		FROM point_transactions ORDER BY user_id, seq`)
	read(&b.refunds, "SELECT reason, imp_uid, status, amount, created_at FROM refunds")
	var decided []decision
	read(&decided, `SELECT imp_uid, problem, cancelled_amount, deposit_count, action, reason, actor_id AS operator,
		COALESCE(transaction_id, '') AS line FROM resolutions ORDER BY id`)
	var wallets []struct {
		UserID  string
		Balance int64
	}
	read(&wallets, "SELECT user_id, balance FROM wallets")
	for _, o := range orders {
		b.orders[o.MerchantUID] = o
	}
	for _, d := range decided {
		if _, name, found := strings.Cut(d.Operator, "/"); found { // behind the account of the operating system
			d.Operator = name
		}
		b.decided[d.ImpUID] = append(b.decided[d.ImpUID], d)
	}
	for _, w := range wallets {
		b.wallets[w.UserID] = w.Balance
	}
	if err != nil {
		return b, err
	}
	for p, err := range domaintest.NewServices(db, nil).Problems(ctx) {
		if err != nil {
			return b, err
		}
		b.listed[p.ImpUID] = string(p.Problem)
	}
	err = b.readHardships(ctx, db)
	return b, err
}

// readHardships reads what only wrong clocks, other shops' payments and fail-overs change.
func (b *books) readHardships(ctx context.Context, db *gorm.DB) (err error) {
	read := func(into any, sql string) {
		if err == nil {
			err = db.WithContext(ctx).Raw(sql).Scan(into).Error
		}
	}
	var foreign []struct{ ImpUID, Problem string }
	read(&foreign, "SELECT imp_uid, problem FROM payments WHERE problem_state = 'FOREIGN'")
	var stood []struct {
		ImpUID string
		Points int64
	}
	read(&stood, "SELECT imp_uid, CAST(SUM(expired_points + expired_bonus_points) AS bigint) AS points FROM payment_cancellations GROUP BY imp_uid")
	for _, s := range stood {
		b.stood[s.ImpUID] = s.Points
	}
	var heardOf []struct{ ImpUID, Status string }
	read(&heardOf, "SELECT imp_uid, status FROM payments")
	read(&b.soonLots, "SELECT COUNT(*) FROM point_lots WHERE remaining > 0 AND held = 0 AND expires_at < CURRENT_TIMESTAMP + INTERVAL '1 day'")
	read(&b.watermark, `SELECT COALESCE(MAX(to_at), 'epoch') FROM reconciliations
		WHERE scheduled AND finished_at IS NOT NULL AND error = '' AND to_at <= CURRENT_TIMESTAMP`)
	read(&b.foreign, "SELECT COALESCE(MAX(foreign_listed), 0) FROM reconciliations")
	for _, p := range heardOf {
		b.heardOf[p.ImpUID] = p.Status
	}
	for _, p := range foreign { // on a list of their own
		b.listed[p.ImpUID] = p.Problem
	}
	return err
}

// credited returns the ledger's record of each payment.
func (b books) credited() map[string]credited {
	all := map[string]credited{}
	for _, l := range b.lines {
		c := all[l.ImpUID]
		switch l.Kind {
		case "CHARGE":
			c.user, c.lines, c.charged = l.UserID, append(c.lines, l.ID), c.charged+l.Amount
		case "BONUS":
			c.bonus += l.Amount
		case "CHARGE_CANCEL":
			c.taken -= l.Amount
		default:
			continue
		}
		all[l.ImpUID] = c
	}
	for impUID, points := range b.stood {
		c := all[impUID]
		c.stood = points
		all[impUID] = c
	}
	return all
}

// verdict holds every difference between the truth and the books, by imp_uid or another name.
type verdict map[string][]string

func (v verdict) add(about, format string, args ...any) {
	v[about] = append(v[about], fmt.Sprintf(format, args...))
}

// judge compares the books with Iamport's truth and with what the clients were promised.
func (b books) judge(truth []sandbox.Payment, j *journal, now time.Time) verdict {
	v := verdict{}
	b.judgeOrders(v, j)
	booked := b.credited()
	attempts := map[string][]sandbox.Payment{}
	known := map[string]bool{}
	for _, p := range truth {
		known[p.ImpUID] = true
		if b.mayIgnore(p, booked) {
			continue
		}
		attempts[p.MerchantUID] = append(attempts[p.MerchantUID], p)
	}
	for merchantUID, payments := range attempts {
		order, opened := b.orders[merchantUID]
		o, _ := offerOf(order.ProductID)
		asked := orderTruth{order.UserID, o, opened, opened && order.CreatedAt.Before(now.AddDate(0, 0, -30))}
		for impUID, why := range judgeOrder(asked, payments, booked, b.listed, b.decided) {
			v.add(impUID, "%s", why)
		}
	}
	for impUID := range booked {
		if !known[impUID] {
			v.add(impUID, "credited, and Iamport does not know it")
		}
	}
	b.judgeCharges(v, j)
	b.judgeSpends(v, j)
	b.judgeRefunds(v, j, truth, now)
	b.judgeDecisions(v, j, truth)
	b.judgeBalances(v)
	return v
}

// mayIgnore tells whether the books are right not to list a payment for no order of ours: nobody
// told us of it, or nobody since its status changed. Reconciliation takes it for another shop's.
func (b books) mayIgnore(p sandbox.Payment, booked map[string]credited) bool {
	_, ours := b.orders[p.MerchantUID]
	return !ours && !strings.EqualFold(b.heardOf[p.ImpUID], p.Status) && len(booked[p.ImpUID].lines) == 0
}

// judgeReconciliation requires that reconciliation has come further than the last visit, past the
// payments of other shops.
func (b books) judgeReconciliation(v verdict, shopped time.Time) {
	if b.watermark.Before(shopped.Truncate(time.Second)) {
		v.add("reconciliation", "it has come to %s, and people shopped until %s", b.watermark, shopped)
	}
	if *foreignFlag > 0 && b.foreign == 0 {
		v.add("reconciliation", "it has seen no payment of another shop")
	}
	if *clockFlag != "" && b.soonLots > 0 {
		v.add("expiry", "%d lots expire within a day", b.soonLots)
	}
}

// judgeOrders requires every opened order, with the offered price and points.
func (b books) judgeOrders(v verdict, j *journal) {
	for merchantUID, p := range j.orders {
		if o, ok := b.orders[merchantUID]; !ok || o.UserID != p.user || o.ProductID != p.product {
			v.add(merchantUID, "opened as %+v, and the books say %+v", p, o)
		}
	}
	for _, row := range b.orders {
		if o, ok := offerOf(row.ProductID); !ok || o.price != row.Price || o.points != row.Points || o.bonus != row.BonusPoints {
			v.add(row.MerchantUID, "offered as %+v, and the books say %+v", o, row)
		}
	}
}

// judgeCharges requires every returned line, returned by only one call.
func (b books) judgeCharges(v verdict, j *journal) {
	booked := b.credited()
	for impUID, given := range j.charges {
		if len(given) != 1 || !slices.Equal(given, booked[impUID].lines) {
			v.add(impUID, "clients were given the lines %q, the books have %q", given, booked[impUID].lines)
		}
	}
}

// judgeSpends requires every confirmed spend, once, and no spend without a request.
func (b books) judgeSpends(v verdict, j *journal) {
	found := map[string]int{}
	for _, l := range b.lines {
		if l.Kind != "SPEND" {
			continue
		}
		found[l.Reference]++
		if s := j.spends[l.Reference]; s == nil || s.user != l.UserID || s.amount != -l.Amount {
			v.add(l.Reference, "%+v was asked for as %+v", l, s)
		}
	}
	for reference, s := range j.spends {
		if n := found[reference]; n > 1 || s.confirmed && n == 0 {
			v.add(reference, "%d spends, success was told: %t", n, s.confirmed)
		}
	}
}

// judgeRefunds compares refunds with Iamport's cancellations. A refund gives money back once at
// most, and never after the release. A completed refund gave the money back, or the console was
// faster and cancelled as much, or everything. In the end only refunds of cards may be under way,
// and only for a short time.
func (b books) judgeRefunds(v verdict, j *journal, truth []sandbox.Payment, now time.Time) {
	payments := map[string]sandbox.Payment{}
	given := map[string][]int64{}
	for _, p := range truth {
		payments[p.ImpUID] = p
		for _, c := range p.CancelHistory {
			if _, ours := j.refunds[c.Reason]; ours {
				given[c.Reason] = append(given[c.Reason], minorUnits(p, c.Amount))
			}
		}
	}
	for _, r := range b.refunds {
		p, got := payments[r.ImpUID], given[r.Reason]
		itself := slices.Equal(got, []int64{r.Amount})
		if done := r.Status == "DONE"; done && !itself && (len(got) > 0 || !wasCancelled(p, r.Amount)) || !done && len(got) > 0 {
			v.add(r.ImpUID, "refund %+v, and Iamport gave back %d", r, got)
		}
		if asked := j.refunds[r.Reason]; asked == nil || asked.impUID != r.ImpUID || asked.amount != r.Amount && asked.amount != wholeRest {
			v.add(r.ImpUID, "refund %+v was asked for as %+v", r, asked)
		}
		age := now.Sub(r.CreatedAt)
		fresh := p.PayMethod == "card" && age > -time.Minute && age < 3*time.Minute
		if r.Status == "ACCEPTED" || r.Status == "HELD" && !fresh {
			v.add(r.ImpUID, "refund %+v is under way", r)
		}
		delete(given, r.Reason)
	}
	for reason, amounts := range given {
		v.add(reason, "Iamport gave back %d, and the books know of no refund", amounts)
	}
}

// wasCancelled tells whether the amount was cancelled as such, or everything was.
func wasCancelled(p sandbox.Payment, amount int64) bool {
	return won(p.CancelAmount) == won(p.Amount) ||
		slices.ContainsFunc(p.CancelHistory, func(c sandbox.Cancellation) bool { return minorUnits(p, c.Amount) == amount })
}

// minorUnits converts an amount of the payment into the unit of the books: dollars have cents.
func minorUnits(p sandbox.Payment, amount fmt.Stringer) int64 {
	if p.Currency == "USD" {
		return won(amount) * 100
	}
	return won(amount)
}

// judgeBalances requires every balance to be the sum of lines, of the kinds that are judged above,
// and every expiry to be undone, unless money went back for its points: no point is old enough.
func (b books) judgeBalances(v verdict) {
	sums, expired, stood := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, l := range b.lines {
		sums[l.UserID] += l.Amount
		if l.Kind == "EXPIRE" || l.Kind == "EXPIRE_CANCEL" {
			expired[l.UserID] += l.Amount
			continue
		}
		if !slices.Contains([]string{"CHARGE", "BONUS", "CHARGE_CANCEL", "SPEND", "ADJUST"}, l.Kind) {
			v.add(l.UserID, "nobody asked for %+v", l)
		}
	}
	for _, c := range b.credited() { // a line of which some points stood for a cancellation stays
		stood[c.user] += c.stood
	}
	for user, points := range expired {
		if points != 0 && stood[user] == 0 || -points < stood[user] {
			v.add(user, "expiries of %d are not undone, and %d stood for cancellations", points, stood[user])
		}
	}
	for user, balance := range b.wallets {
		if balance != sums[user] {
			v.add(user, "a balance of %d, and lines of %d", balance, sums[user])
		}
	}
}
