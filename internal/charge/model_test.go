package charge_test

import (
	"slices"
	"time"

	"pointcharge/internal/domaintest"
)

// model is one user's points as a person would keep them on paper. It is written from the rules,
// not from the code, and knows neither SQL nor locks. Points die the moment their time comes.
type model struct {
	now     time.Time
	lots    []*paperLot
	debt    int64
	lines   int64 // all but those of expiry
	expired int64 // lots that died with points left
	// confirmed is expired as it was when an operator let points expire for the last time.
	confirmed int64
	charges   []*paperCharge
	spends    []*paperSpend
}

type paperLot struct {
	bonus   bool
	left    int64
	expired int64 // points that died in it, less those that stood for a cancellation since
	dies    time.Time
}

type paperCharge struct {
	id, impUID            string
	price, points, extra  int64
	at                    time.Time
	paid, bonus           *paperLot
	cancelled             int64 // won, as booked
	takenPaid, takenBonus int64 // for that
	refunds               int   // by whomever
	waiting               int64 // won, cancelled at the console and not yet heard of
}

type paperSpend struct {
	reference string
	amount    int64
	uses      []paperUse
}

type paperUse struct {
	lot *paperLot
	n   int64 // not given back
}

const (
	paidLife     = 300 * domaintest.Day
	bonusLife    = 60 * domaintest.Day
	returnedLife = 30 * domaintest.Day
)

func (m *model) pass(d time.Duration) {
	m.now = m.now.Add(d)
	for _, lot := range m.lots {
		if lot.left > 0 && !m.now.Before(lot.dies) {
			lot.expired, lot.left = lot.expired+lot.left, 0
			m.expired++
		}
	}
}

func (m *model) spendable() (sum int64) {
	for _, lot := range m.lots {
		sum += lot.left
	}
	return sum
}

func (m *model) balance() int64 { return m.spendable() - m.debt }

// add makes a lot, which repays debt first.
func (m *model) add(points int64, bonus bool, life time.Duration) *paperLot {
	repaid := min(m.debt, points)
	m.debt -= repaid
	lot := &paperLot{bonus: bonus, left: points - repaid, dies: m.now.Add(life)}
	m.lots = append(m.lots, lot)
	return lot
}

func (m *model) addCharge(id, impUID string, price, points, extra int64) *paperCharge {
	c := &paperCharge{id: id, impUID: impUID, price: price, points: points, extra: extra, at: m.now}
	c.paid = m.add(points, false, paidLife)
	m.lines++
	if extra > 0 {
		c.bonus = m.add(extra, true, bonusLife)
		m.lines++
	}
	m.charges = append(m.charges, c)
	return c
}

// inOrder are the lots as they are used up.
func (m *model) inOrder() []*paperLot {
	sorted := slices.Clone(m.lots)
	slices.SortStableFunc(sorted, func(a, b *paperLot) int {
		if c := a.dies.Compare(b.dies); c != 0 || a.bonus == b.bonus {
			return c
		}
		if a.bonus {
			return -1
		}
		return 1
	})
	return sorted
}

// take uses up to n points of the lots and says from where.
func take(lots []*paperLot, n int64) (uses []paperUse, missing int64) {
	for _, lot := range lots {
		part := min(lot.left, n)
		if part > 0 {
			lot.left -= part
			n -= part
			uses = append(uses, paperUse{lot, part})
		}
	}
	return uses, n
}

// spend tells whether there was enough.
func (m *model) spend(reference string, n int64) bool {
	if m.spendable() < n {
		return false
	}
	uses, _ := take(m.inOrder(), n)
	m.lines++
	if reference != "" {
		m.spends = append(m.spends, &paperSpend{reference, n, uses})
	}
	return true
}

func (m *model) give(n int64) {
	m.add(n, true, bonusLife)
	m.lines++
}

func (s *paperSpend) left() (sum int64) {
	for _, use := range s.uses {
		sum += use.n
	}
	return sum
}

// giveBack undoes n points of a spend, the last used first.
func (m *model) giveBack(s *paperSpend, n int64) bool {
	if n > s.left() {
		return false
	}
	m.lines++
	for i := len(s.uses) - 1; i >= 0; i-- {
		use := &s.uses[i]
		part := min(use.n, n)
		use.n, n = use.n-part, n-part
		if part > 0 && use.lot.dies.Before(m.now.Add(returnedLife)) { // returned points live at least so long
			m.add(part, use.lot.bonus, returnedLife)
			continue
		}
		repaid := min(m.debt, part)
		m.debt -= repaid
		use.lot.left += part - repaid
	}
	return true
}

// owes is what c takes back of each kind with the next won: what is kept buys whole points.
func (c *paperCharge) owes(won int64) (paid, bonus int64) {
	kept := c.price - c.cancelled - won
	return c.points - c.points*kept/c.price - c.takenPaid, c.extra - c.extra*kept/c.price - c.takenBonus
}

// hear books what was cancelled at the console.
func (m *model) hear(c *paperCharge) {
	m.cancel(c, c.waiting)
	c.waiting = 0
}

func (m *model) cancel(c *paperCharge, won int64) {
	if won == 0 {
		return
	}
	paid, bonus := c.owes(won)
	c.cancelled, c.takenPaid, c.takenBonus = c.cancelled+won, c.takenPaid+paid, c.takenBonus+bonus
	paid -= c.paid.forgive(paid - c.paid.left)
	if c.bonus != nil {
		bonus -= c.bonus.forgive(bonus - c.bonus.left)
		bonus -= c.paid.forgive(bonus - c.bonus.left - max(0, c.paid.left-paid))
	}
	if paid+bonus == 0 {
		return
	}
	m.lines++
	own := slices.DeleteFunc([]*paperLot{c.bonus, c.paid}, func(l *paperLot) bool { return l == nil })
	_, lackingPaid := take([]*paperLot{c.paid}, paid)
	lackingBonus := bonus
	if c.bonus != nil {
		_, lackingBonus = take([]*paperLot{c.bonus}, bonus)
	}
	_, missing := take(slices.Concat(own, m.inOrder()), lackingPaid+lackingBonus)
	m.debt += missing
}

// forgive is how many of the points lacking died in the lot; they stand for a cancellation once.
func (l *paperLot) forgive(lacking int64) int64 {
	dead := max(0, min(lacking, l.expired))
	l.expired -= dead
	return dead
}

// refundable tells whether so many won may be refunded of c.
func (m *model) refundable(c *paperCharge, won int64, admin bool) bool {
	rest := c.price - c.cancelled
	if won > rest || won < min(rest, c.least(admin)) {
		return false
	}
	if admin {
		return c.has(won, true)
	}
	day := c.at.Add(9 * time.Hour).Truncate(domaintest.Day) // of Seoul, as if it were UTC's
	return m.now.Add(9*time.Hour).Before(day.Add(8*domaintest.Day)) && c.refunds < 10 && c.has(rest, false)
}

func (c *paperCharge) least(admin bool) int64 {
	least := int64(1)
	for least*c.points < c.price {
		least++
	}
	if admin {
		return least
	}
	return max(least, 100)
}

// has tells whether the lots have what the won owe: bonus may come from the paid lot, not the
// reverse.
func (c *paperCharge) has(won int64, admin bool) bool {
	paid, bonus := c.owes(won)
	var lacking int64
	if c.bonus != nil {
		lacking = max(0, bonus-c.bonus.left-c.bonus.expired)
	}
	there := c.paid.left
	if admin {
		there += c.paid.expired
	}
	return paid+lacking <= there
}
