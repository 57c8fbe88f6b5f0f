package reconcile

import (
	"context"
	"fmt"
	"iter"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/charge"
)

// DiscrepancyKind says what the gateway and our books disagree about.
type DiscrepancyKind string

// The kinds of discrepancies.
const (
	MissingHere      DiscrepancyKind = "MISSING_HERE"       // paid there for an order of ours, and not in our books
	MissingAtGateway DiscrepancyKind = "MISSING_AT_GATEWAY" // paid in our books, unknown there
	DifferentAmount  DiscrepancyKind = "AMOUNT"             // or currency, or deposits: from what we knew, or from its order's price
	DifferentCancel  DiscrepancyKind = "CANCELLED_AMOUNT"   // cancelled here and there by different amounts
	DifferentOwner   DiscrepancyKind = "OWNER"              // of another order, claimed by another user, a second one of its order
	DifferentMode    DiscrepancyKind = "SANDBOX"            // of the other mode, and credited
	UnreadableThere  DiscrepancyKind = "UNREADABLE"         // listed, but the gateway gave no usable answer about it
)

// DiscrepancyKinds are all kinds.
func DiscrepancyKinds() []DiscrepancyKind {
	return []DiscrepancyKind{MissingHere, MissingAtGateway, DifferentAmount, DifferentCancel, DifferentOwner, DifferentMode, UnreadableThere}
}

// DiscrepancyState says what became of a discrepancy.
type DiscrepancyState string

// The states.
const (
	Open     DiscrepancyState = "OPEN"
	Repaired DiscrepancyState = "REPAIRED" // the gateway and our books agree
	Ignored  DiscrepancyState = "IGNORED"  // an operator decided so; it opens again when it differs in another way
)

// Discrepancy (불일치) is one payment about which the gateway and our books disagree, and our row of it. A payment has
// at most one that is not repaired.
type Discrepancy struct {
	ID          string `gorm:"primaryKey"`
	ImpUID      string // empty for all payments that are listed without a usable imp_uid
	MerchantUID string
	Kind        DiscrepancyKind
	Ours        string // what our books say, for people; before the repair if it was repaired; empty if nothing
	Theirs      string // what the gateway says; empty if nothing
	State       DiscrepancyState
	HasProblem  bool   // the payment is on the list of problems, where an operator decides
	LastRunID   string // the run that wrote it last
	FirstSeen   time.Time
	LastSeen    time.Time  // when a run wrote it last
	Checks      int64      // look-ups since it differs in this way
	CheckAt     *time.Time // when it is looked up again; nil if look-ups cannot help
	ClosedAt    *time.Time // when it was repaired or ignored
}

// TableName is the table's name in SQL.
func (Discrepancy) TableName() string { return "discrepancies" }

func newDiscrepancy(kind DiscrepancyKind, ours *charge.LocalPayment, theirs charge.Payment) Discrepancy {
	return Discrepancy{ImpUID: theirs.ImpUID, MerchantUID: theirs.MerchantUID, Kind: kind, Ours: ours.String(), Theirs: describe(theirs),
		HasProblem: isOpenProblem(ours)}
}

// describe returns the gateway's payment in a line, for people. It changes whenever what we compare changes.
func describe(p charge.Payment) string {
	text := charge.DescribePayment(p)
	if n := len(p.Deposits); n > 0 {
		text += fmt.Sprintf(", %d deposits", n)
	}
	return text
}

// isSame tells whether another run would put the same question to an operator.
func (d Discrepancy) isSame(other Discrepancy) bool {
	return d.Kind == other.Kind && d.Theirs == other.Theirs
}

// isSettled tells whether nothing has changed since an earlier run wrote what was found. Then recheckOpen looks it up when
// it is due, and it is no candidate. A run that an operator asked for looks up everything.
func (c *activeRun) isSettled(current *Discrepancy, found Discrepancy) bool {
	if !c.record.Scheduled || current == nil || !current.isSame(found) {
		return false
	}
	return current.State == Ignored || current.Ours == found.Ours
}

// compareToGateway says what our books and p disagree about, local being nil if our books do not know the payment; empty
// when they agree. What the gateway says about a payment may be right and still be no good to us: then it is its Problem.
func compareToGateway(local *charge.LocalPayment, p charge.Payment) DiscrepancyKind {
	switch {
	case local == nil:
		return MissingHere
	case local.MerchantUID != p.MerchantUID:
		return DifferentOwner
	case local.Sandbox != p.Sandbox:
		return DifferentMode
	case local.Amount != p.Amount || local.Currency != p.Currency || local.DepositCount != len(p.Deposits):
		return DifferentAmount
	case local.Status != p.Status && (local.Status == charge.Ready || local.Status == charge.Failed):
		return MissingHere
	case local.CancelledAmount != p.CancelledAmount || local.Status != p.Status:
		return DifferentCancel
	case local.Decided:
		return ""
	case local.Problem != charge.NoProblem:
		return discrepancyOfProblem(local.Problem)
	case local.Charges == 0 && p.HoldsMoney():
		return MissingHere
	}
	return ""
}

func discrepancyOfProblem(p charge.Problem) DiscrepancyKind {
	switch p {
	case charge.Accepted: // an operator has made the books agree
		return ""
	case charge.WrongMode:
		return DifferentMode
	case charge.UnknownOrder:
		return MissingHere
	case charge.WrongCurrency, charge.WrongAmount, charge.WrongDeposit,
		charge.KeyIssuing, charge.Discounted, charge.InEscrow:
		return DifferentAmount
	case charge.OrderAlreadyPaid, charge.AnotherUser, charge.OrderClosed, charge.Late:
		return DifferentOwner
	case charge.WrongCancellations, charge.AcceptedCancelled:
		return DifferentCancel
	}
	return MissingAtGateway
}

// isOnOperatorsList selects the open discrepancies that are not on the list of problems as well.
const isOnOperatorsList = "state = 'OPEN' AND NOT has_problem"

// OpenDiscrepancies returns a page of the open discrepancies whose payments are not on the list of problems: the
// operator's other list, in the order in which they were found. after is the id of the last one read; empty at first.
func (s *Service) OpenDiscrepancies(ctx context.Context, after string, limit int) ([]Discrepancy, error) {
	found, err := gorm.G[Discrepancy](s.db).Where(isOnOperatorsList+" AND id > ?", after).Order("id").Limit(limit).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read open discrepancies: %w", err)
	}
	return found, nil
}

// maxCounted is how many open discrepancies are counted.
const maxCounted = 10_000

// OpenCount is how many discrepancies are on the operator's list.
type OpenCount struct {
	ByKind map[DiscrepancyKind]int64 // of the oldest 10,000
	Oldest *time.Time                // when the oldest one was first seen; nil if there is none
}

// CountOpenDiscrepancies counts what OpenDiscrepancies lists. It reads 10,000 rows at most.
func (s *Service) CountOpenDiscrepancies(ctx context.Context) (OpenCount, error) {
	count := OpenCount{ByKind: map[DiscrepancyKind]int64{}}
	oldest, err := s.OpenDiscrepancies(ctx, "", 1)
	if err != nil || len(oldest) == 0 {
		return count, err
	}
	count.Oldest = &oldest[0].FirstSeen
	var kinds []struct {
		Kind  DiscrepancyKind
		Found int64
	}
	err = s.db.WithContext(ctx).Raw("SELECT kind, COUNT(*) AS found FROM (SELECT kind FROM discrepancies WHERE "+isOnOperatorsList+
		" ORDER BY id LIMIT ?) counted GROUP BY kind", maxCounted).Scan(&kinds).Error
	if err != nil {
		return OpenCount{}, fmt.Errorf("count open discrepancies: %w", err)
	}
	for _, k := range kinds {
		count.ByKind[k.Kind] = k.Found
	}
	return count, nil
}

// Discrepancies reads what the run found and no later run wrote again, the repaired ones included. There may be many, so
// they come in batches; the last pair has the error that ended them, if one did.
func (s *Service) Discrepancies(ctx context.Context, runID string) iter.Seq2[Discrepancy, error] {
	return func(yield func(Discrepancy, error) bool) {
		for last := ""; ; {
			batch, err := gorm.G[Discrepancy](s.db).Where("last_run_id = ? AND id > ?", runID, last).Order("id").Limit(batchSize).Find(ctx)
			if err != nil {
				yield(Discrepancy{}, fmt.Errorf("read discrepancies: %w", err))
				return
			}
			for _, d := range batch {
				if last = d.ID; !yield(d, nil) {
					return
				}
			}
			if len(batch) < batchSize {
				return
			}
		}
	}
}
