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
}

func readBooks(ctx context.Context, db *gorm.DB) (b books, err error) {
	b = books{orders: map[string]orderRow{}, wallets: map[string]int64{}, listed: map[string]string{}, decided: map[string][]decision{}}
	read := func(into any, sql string) {
		if err == nil {
			err = db.WithContext(ctx).Raw(sql).Scan(into).Error
		}
	}
	var orders []orderRow
	read(&orders, "SELECT merchant_uid, user_id, product_id, price, points, bonus_points FROM charge_orders")
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
	return b, nil
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
		attempts[p.MerchantUID] = append(attempts[p.MerchantUID], p)
		known[p.ImpUID] = true
	}
	for merchantUID, payments := range attempts {
		order, opened := b.orders[merchantUID]
		o, _ := offerOf(order.ProductID)
		for impUID, why := range judgeOrder(order.UserID, o, opened, payments, booked, b.listed, b.decided) {
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
		fresh := p.PayMethod == "card" && now.Sub(r.CreatedAt) < 3*time.Minute
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

// judgeBalances requires every balance to be the sum of lines, of the kinds that are judged above.
func (b books) judgeBalances(v verdict) {
	sums := map[string]int64{}
	for _, l := range b.lines {
		sums[l.UserID] += l.Amount
		if !slices.Contains([]string{"CHARGE", "BONUS", "CHARGE_CANCEL", "SPEND", "ADJUST"}, l.Kind) {
			v.add(l.UserID, "nobody asked for %+v", l)
		}
	}
	for user, balance := range b.wallets {
		if balance != sums[user] {
			v.add(user, "a balance of %d, and lines of %d", balance, sums[user])
		}
	}
}
