package reconcile

import (
	"context"
	"fmt"
	"iter"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/charge"
)

// DiscrepancyKind says how the gateway and the books differ.
type DiscrepancyKind string

// The kinds of discrepancies.
const (
	// paid at the gateway for a known order, and not in the books
	MissingHere DiscrepancyKind = "MISSING_HERE"
	// paid in the books, unknown at the gateway
	MissingAtGateway DiscrepancyKind = "MISSING_AT_GATEWAY"
	// amount, currency or deposits differ from the books, or from the order's price
	DifferentAmount DiscrepancyKind = "AMOUNT"
	// cancelled by different amounts
	DifferentCancel DiscrepancyKind = "CANCELLED_AMOUNT"
	// of another order, claimed by another user, or the second payment of an order
	DifferentOwner DiscrepancyKind = "OWNER"
	// of the other mode, and credited
	DifferentMode DiscrepancyKind = "SANDBOX"
	// listed, but the look-up got no usable answer
	UnreadableThere DiscrepancyKind = "UNREADABLE"
)

// DiscrepancyKinds are all kinds.
func DiscrepancyKinds() []DiscrepancyKind {
	return []DiscrepancyKind{MissingHere, MissingAtGateway, DifferentAmount, DifferentCancel, DifferentOwner, DifferentMode, UnreadableThere}
}

// DiscrepancyState is the state of a discrepancy.
type DiscrepancyState string

// The states.
const (
	Open     DiscrepancyState = "OPEN"
	Repaired DiscrepancyState = "REPAIRED" // the gateway and the books agree
	// by an operator's decision; opens again when the payment differs in another way
	Ignored DiscrepancyState = "IGNORED"
)

// Discrepancy (불일치) is one payment about which the gateway and the books disagree, and a row of the
// database. A payment has at most one discrepancy that is not repaired.
type Discrepancy struct {
	ID          string `gorm:"primaryKey"`
	ImpUID      string // empty for all payments listed without a usable imp_uid
	MerchantUID string
	Kind        DiscrepancyKind
	// the payment in the books, for people; before the repair if repaired; empty if unknown
	Ours       string
	Theirs     string // the payment at the gateway, for people; empty if unknown
	State      DiscrepancyState
	HasProblem bool   // the payment is on the list of problems, where an operator decides
	LastRunID  string // the last run that wrote this row
	FirstSeen  time.Time
	LastSeen   time.Time  // when a run last wrote this row
	Checks     int64      // look-ups since the payment differs in this way
	CheckAt    *time.Time // the next look-up; nil if look-ups cannot help
	ClosedAt   *time.Time // the time of the repair or of the decision
}

// TableName is the table's name in SQL.
func (Discrepancy) TableName() string { return "discrepancies" }

func newDiscrepancy(kind DiscrepancyKind, ours *charge.LocalPayment, theirs charge.Payment) Discrepancy {
	return Discrepancy{ImpUID: theirs.ImpUID, MerchantUID: theirs.MerchantUID, Kind: kind, Ours: ours.String(), Theirs: describePayment(theirs),
		HasProblem: isOpenProblem(ours)}
}

// describePayment returns the gateway's payment in one line, for people. A change of any compared
// field changes the line.
func describePayment(p charge.Payment) string {
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

// isSettled tells whether an earlier run wrote the same finding. A settled payment is no candidate;
// recheckOpen looks the payment up when due. Runs started by an operator look up every payment.
func (c *activeRun) isSettled(current *Discrepancy, found Discrepancy) bool {
	if !c.record.Scheduled || current == nil || !current.isSame(found) {
		return false
	}
	return current.State == Ignored || current.Ours == found.Ours
}

// compareToGateway says how the books and the gateway's payment p differ. The result is empty when
// both agree. local is nil if the books do not know the payment. A payment may agree and still not
// be creditable: the reason is its Problem.
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

// OpenDiscrepancies returns a page of the open discrepancies whose payments are not on the list of
// problems: the operator's other list, oldest finding first. after is the id of the last
// discrepancy read; empty at first.
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
	Oldest *time.Time                // when the oldest discrepancy was first seen; nil for an empty list
}

// CountOpenDiscrepancies counts the list of OpenDiscrepancies. At most 10,000 rows are read.
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

// Discrepancies reads a run's discrepancies, repaired ones included, except rows written again by a
// later run. Batches keep a long list out of memory. An error comes with the last pair.
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
