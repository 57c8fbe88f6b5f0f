package point

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/page"
)

// maxList is the longest list without pages.
const maxList = 50

// The schema's names of the lists there are.
type (
	// TransactionConnection is a page of a ledger.
	TransactionConnection = page.Connection[Transaction]
	// TransactionEdge is a line on a page.
	TransactionEdge = page.Edge[Transaction]
	// LotConnection is a page of a wallet's lots.
	LotConnection = page.Connection[Lot]
	// LotEdge is a lot on a page.
	LotEdge = page.Edge[Lot]
)

// ExpiringLots returns userID's lots that expire within the given days from now, soonest first; at
// most 50.
func (s *Service) ExpiringLots(ctx context.Context, userID string, days int) ([]Lot, error) {
	if days < 1 || days > 3650 {
		return nil, apierror.New(apierror.InvalidArgument, "withinDays must be from 1 to 3650.")
	}
	now := s.CurrentTime()
	found, err := gorm.G[Lot](s.db).Where("user_id = ? AND remaining > 0 AND expires_at > ? AND expires_at <= ?",
		userID, now, now.Add(time.Duration(days)*day)).Order(spendOrder).Limit(maxList).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read expiring lots: %w", err)
	}
	return found, nil
}

// Lots returns a page of all of userID's lots, the newest first: where each point of the wallet
// came from.
func (s *Service) Lots(ctx context.Context, userID string, request page.Request) (LotConnection, error) {
	// A range of one user, in the order of (user_id, id), leaves PostgreSQL only the fitting index.
	// With an equality, PostgreSQL may walk the newest lots of all users instead.
	q := gorm.G[Lot](s.db).Where("user_id BETWEEN ? AND ?", userID, userID).Order("user_id DESC, id DESC")
	if request.After != nil {
		id := page.DecodeCursor(*request.After)
		if apierror.CheckID("cursor", id) != nil {
			return LotConnection{}, apierror.Invalid("after", "after is not a cursor of this list.")
		}
		q = q.Where("(user_id, id) < (?, ?)", userID, id)
	}
	return page.Read(ctx, q, request, func(l Lot) string { return l.ID })
}

// LotUses returns the uses of a lot, in order; at most 50.
func (s *Service) LotUses(ctx context.Context, lot Lot) ([]LotUse, error) {
	return s.uses(ctx, "lot_id = ?", lot.ID, usesOfLotOrder)
}

// TransactionUses returns the lot uses of a line; at most 50.
func (s *Service) TransactionUses(ctx context.Context, line Transaction) ([]LotUse, error) {
	return s.uses(ctx, "transaction_id = ?", line.ID, usesOfLineOrder)
}

func (s *Service) uses(ctx context.Context, where, id, order string) ([]LotUse, error) {
	uses, err := gorm.G[LotUse](s.db).Where(where, id).Order(order).Limit(maxList).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read lot uses: %w", err)
	}
	return uses, nil
}

// Line returns the line with the given id, of any user: for the references of lines that the caller
// may read already.
func (s *Service) Line(ctx context.Context, id string) (Transaction, error) {
	return database.FindOne[Transaction](ctx, s.db, "transaction", "id = ?", id)
}

// Lot returns the lot with the given id, of any user, as Line does.
func (s *Service) Lot(ctx context.Context, id string) (Lot, error) {
	return database.FindOne[Lot](ctx, s.db, "lot", "id = ?", id)
}

// Transaction returns userID's line with the given id. The error is NotFound for an unknown line or
// another user's.
func (s *Service) Transaction(ctx context.Context, userID, id string) (Transaction, error) {
	if err := apierror.CheckID("id", id); err != nil {
		return Transaction{}, err
	}
	return database.FindOne[Transaction](ctx, s.db, "transaction", "id = ? AND user_id = ?", id, userID)
}

// maxKinds is the number of kinds of lines: no query needs more, and each kind is a parameter of
// the statement.
const maxKinds = 10

// Transactions is a page of userID's ledger, newest line first; of the given kinds only, if there
// are any.
func (s *Service) Transactions(ctx context.Context, userID string, request page.Request, kinds []Kind) (TransactionConnection, error) {
	if len(kinds) > maxKinds {
		return TransactionConnection{}, apierror.Invalid("kinds", "kinds are at most %d.", maxKinds)
	}
	q := gorm.G[Transaction](s.db).Where("user_id = ?", userID).Order("seq DESC")
	before := int64(math.MaxInt64)
	if request.After != nil {
		seq, err := strconv.ParseInt(page.DecodeCursor(*request.After), 10, 64)
		if err != nil {
			return TransactionConnection{}, apierror.New(apierror.InvalidArgument, "after is not a cursor of this list.")
		}
		before = seq
		q = q.Where("seq < ?", seq)
	}
	if len(kinds) > 0 {
		q = q.Where("id IN (?)", s.newestOfKinds(userID, kinds, before, request.First+1))
	}
	return page.Read(ctx, q, request, func(t Transaction) string { return strconv.FormatInt(t.Seq, 10) })
}

// newestOfKinds is a query for the ids of the newest lines of each kind. One condition for all
// kinds would read a long history to its end to find the lines of a rare one.
func (s *Service) newestOfKinds(userID string, kinds []Kind, before int64, limit int) *gorm.DB {
	var queries []string
	var parameters []any
	for _, kind := range kinds {
		queries = append(queries, `SELECT id FROM (SELECT id FROM point_transactions
			WHERE user_id = ? AND kind = ? AND seq < ? ORDER BY seq DESC LIMIT ?) newest`)
		parameters = append(parameters, userID, kind, before, limit)
	}
	return s.db.Raw(strings.Join(queries, " UNION ALL "), parameters...)
}
