//go:build unix

package torture_test

import (
	"fmt"
	"slices"
	"strconv"

	"pointcharge/internal/sandbox"
)

// The oracle computes the right books from the pretend Iamport's payments and the shop's offers
// alone. The oracle is a second implementation on purpose, and shares no code with the domains.

// credited is the ledger's record of one payment.
type credited struct {
	user                  string
	lines                 []string // ids of its CHARGE lines
	charged, bonus, taken int64    // points
	stood                 int64    // expired points that stood for what was cancelled
}

// orderTruth is what the attempts to pay one order were for.
type orderTruth struct {
	user  string
	offer offer
	known bool // the order was opened
	// backdated says that a clock of the past dated the order: by a right clock its payment is
	// LATE.
	backdated bool
}

// judgeOrder compares the attempts to pay one order with the books. listed holds the reasons on
// the operator's list of problems and decided the operators' decisions, both by imp_uid. The
// result has the differences by imp_uid.
func judgeOrder(o orderTruth, attempts []sandbox.Payment, booked map[string]credited,
	listed map[string]string, decided map[string][]decision,
) map[string]string {
	wrong := map[string]string{}
	paidBy := ""
	for _, p := range attempts {
		if len(booked[p.ImpUID].lines) == 0 {
			continue
		}
		if paidBy != "" {
			wrong[p.ImpUID] = "the order is credited for " + paidBy + " already"
		}
		paidBy = p.ImpUID
	}
	for _, p := range attempts {
		t := truth{p, o, paidBy != "" && paidBy != p.ImpUID, decided[p.ImpUID]}
		if why := t.judge(booked[p.ImpUID], listed[p.ImpUID]); why != "" && wrong[p.ImpUID] == "" {
			wrong[p.ImpUID] = why
		}
	}
	return wrong
}

// truth is one attempt to pay, as Iamport has it.
type truth struct {
	sandbox.Payment

	orderTruth

	otherPaid bool // another payment of the order is credited
	decided   []decision
}

func won(n fmt.Stringer) int64 {
	whole, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		return -1 // the torture pays no fractions
	}
	return whole
}

// judge returns the difference between the books and the payment, or "".
func (t truth) judge(b credited, reason string) string {
	if len(b.lines) == 0 {
		if b.bonus != 0 || b.taken != 0 {
			return fmt.Sprintf("not charged, but with lines: %+v", b)
		}
		if t.mayBeLate() && reason == t.listing("LATE") {
			return ""
		}
		return differ("the reason", t.listing(t.uncredited()), reason)
	}
	if t.misfit() != "" || !t.everPaid() {
		return fmt.Sprintf("credited, though it must not be: %s", t.misfit())
	}
	cancelled := t.explained()
	want := fmt.Sprintf("1 line of %d, bonus %d, %d taken, for %s, reason %q", t.offer.points, t.offer.bonus,
		t.offer.goBack(cancelled)-b.stood, t.user, t.listing(t.odd()))
	return differ("the books", want,
		fmt.Sprintf("%d line of %d, bonus %d, %d taken, for %s, reason %q", len(b.lines), b.charged, b.bonus, b.taken, b.user, reason))
}

// goBack returns the points that go back for so many won cancelled: all but the whole points that
// the rest of the money buys.
func (o offer) goBack(cancelled int64) int64 {
	kept := max(0, o.price-cancelled)
	return o.points + o.bonus - o.points*kept/o.price - o.bonus*kept/o.price
}

func differ(what, want, got string) string {
	if want == got {
		return ""
	}
	return fmt.Sprintf("%s: want %s, got %s", what, want, got)
}

// uncredited returns the reason that must be listed for a payment without points.
func (t truth) uncredited() string {
	switch {
	case !t.everPaid():
		return ""
	case t.left() == 0 && !t.oddDeposits():
		return ""
	case t.misfit() != "":
		return t.misfit()
	case t.otherPaid:
		return "ORDER_ALREADY_PAID"
	case t.odd() != "":
		return t.odd()
	}
	return "credited"
}

// mayBeLate tells whether the payment may be LATE instead of credited or odd.
func (t truth) mayBeLate() bool {
	return t.backdated && t.everPaid() && t.misfit() == "" && !t.otherPaid && (t.left() > 0 || t.oddDeposits())
}

// listing returns the reason required on the list after the operators' decisions. A payment
// accepted by hand is listed again after a later cancellation or deposit. Any decision but a refund
// holds until either changes.
func (t truth) listing(reason string) string {
	i := slices.IndexFunc(t.decided, decision.hasPoints)
	switch {
	case i >= 0 && won(t.CancelAmount) > 0:
		reason = "ACCEPTED_CANCELLED"
	case i >= 0 && len(t.DepositHistory) > t.decided[i].DepositCount:
		reason = "DEPOSIT"
	case i >= 0:
		return ""
	}
	if slices.ContainsFunc(t.decided, func(d decision) bool { return d.settles(reason, t.Payment) }) {
		return ""
	}
	return reason
}

func (t truth) everPaid() bool { return t.Status == sandbox.Paid || t.Status == sandbox.Cancelled }

func (t truth) left() int64 { return won(t.Amount) - won(t.CancelAmount) }

// misfit returns why the payment can never pay for its order.
func (t truth) misfit() string {
	switch {
	case !t.known:
		return "UNKNOWN_ORDER"
	case t.Currency != "KRW":
		return "CURRENCY"
	case won(t.Amount) != t.offer.price:
		return "AMOUNT"
	}
	return ""
}

// odd returns why an operator must look at a payment with the order's price and currency.
func (t truth) odd() string {
	switch {
	case t.explained() != won(t.CancelAmount):
		return "CANCELLED_AMOUNT"
	case t.oddDeposits():
		return "DEPOSIT"
	}
	return ""
}

// explained returns the sum of the single cancellations.
func (t truth) explained() (sum int64) {
	for _, c := range t.CancelHistory {
		sum += won(c.Amount)
	}
	return sum
}

func (t truth) oddDeposits() bool {
	sum := int64(0)
	for _, d := range t.DepositHistory {
		sum += won(d.Amount)
	}
	return len(t.DepositHistory) > 1 || len(t.DepositHistory) == 1 && sum != won(t.Amount)
}
