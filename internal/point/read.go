package point

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/page"
)

// maxList is the longest list that has no pages.
const maxList = 50

// The schema's names of the lists there are.
type (
	// TransactionConnection is a page of a ledger.
	TransactionConnection = page.Connection[Transaction]
	// TransactionEdge is a line on it.
	TransactionEdge = page.Edge[Transaction]
	// LotConnection is a page of a wallet's lots.
	LotConnection = page.Connection[Lot]
	// LotEdge is a lot on it.
	LotEdge = page.Edge[Lot]
)

// Wallet is what userID has at this moment: expired points count as gone, also before their EXPIRE line is
// written. It is empty until the first line.
func (s *Service) Wallet(ctx context.Context, userID string) (Wallet, error) {
	if err := apierror.CheckUserID(userID); err != nil {
		return Wallet{}, err
	}
	w, now := Wallet{UserID: userID}, s.CurrentTime()
	err := s.db.WithContext(ctx).Raw(`SELECT w.user_id, w.seq,
			w.balance - COALESCE(SUM(CASE WHEN l.expires_at <= ? AND l.held = 0 THEN l.remaining ELSE 0 END), 0) AS balance,
			COALESCE(SUM(CASE WHEN l.expires_at > ? THEN l.remaining - l.held ELSE 0 END), 0) AS spendable
		FROM wallets w LEFT JOIN point_lots l ON l.user_id = w.user_id AND l.remaining > 0
		WHERE w.user_id = ? GROUP BY w.user_id, w.balance, w.seq`, now, now, userID).Scan(&w).Error
	if err != nil {
		return Wallet{}, fmt.Errorf("read wallet: %w", err)
	}
	return w, nil
}

// ExpiringLots are userID's lots that will expire within so many days from now, soonest first; at most 50.
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

// Lots is a page of all of userID's lots, the newest first: where each point of the wallet came from.
func (s *Service) Lots(ctx context.Context, userID string, request page.Request) (LotConnection, error) {
	q := gorm.G[Lot](s.db).Where("user_id = ?", userID).Order("id DESC")
	if request.After != nil {
		id := page.DecodeCursor(*request.After)
		if apierror.CheckID("cursor", id) != nil {
			return LotConnection{}, apierror.New(apierror.InvalidArgument, "after is not a cursor of this list.")
		}
		q = q.Where("id < ?", id)
	}
	return page.Read(ctx, q, request, func(l Lot) string { return l.ID })
}

// LotUses are what lines took from a lot or gave back to it, in their order; at most 50.
func (s *Service) LotUses(ctx context.Context, lot Lot) ([]LotUse, error) {
	return s.uses(ctx, "lot_id = ?", lot.ID)
}

// TransactionUses are the lots that a line took from or gave back to; at most 50.
func (s *Service) TransactionUses(ctx context.Context, line Transaction) ([]LotUse, error) {
	return s.uses(ctx, "transaction_id = ?", line.ID)
}

func (s *Service) uses(ctx context.Context, where, id string) ([]LotUse, error) {
	uses, err := gorm.G[LotUse](s.db).Where(where, id).Order("transaction_id, reason, lot_id").Limit(maxList).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read lot uses: %w", err)
	}
	return uses, nil
}

// Line is the line of that id, whoever's it is: for following the references of what somebody may read already.
func (s *Service) Line(ctx context.Context, id string) (Transaction, error) {
	return database.FindOne[Transaction](ctx, s.db, "transaction", "id = ?", id)
}

// Lot is the lot of that id, whoever's it is, as Line is.
func (s *Service) Lot(ctx context.Context, id string) (Lot, error) {
	return database.FindOne[Lot](ctx, s.db, "lot", "id = ?", id)
}

// Transaction is userID's line of that id; an Error NotFound when there is none or it is not theirs.
func (s *Service) Transaction(ctx context.Context, userID, id string) (Transaction, error) {
	if err := apierror.CheckID("id", id); err != nil {
		return Transaction{}, err
	}
	return database.FindOne[Transaction](ctx, s.db, "transaction", "id = ? AND user_id = ?", id, userID)
}

// maxKinds is how many kinds of lines there are: nobody needs to name more, and each is a parameter of the statement.
const maxKinds = 7

// Transactions is a page of userID's ledger, newest line first; of the given kinds only, if there are any.
func (s *Service) Transactions(ctx context.Context, userID string, request page.Request, kinds []Kind) (TransactionConnection, error) {
	if len(kinds) > maxKinds {
		return TransactionConnection{}, apierror.New(apierror.InvalidArgument, "kinds are at most %d.", maxKinds)
	}
	q := gorm.G[Transaction](s.db).Where("user_id = ?", userID).Order("seq DESC")
	if request.After != nil {
		seq, err := strconv.ParseInt(page.DecodeCursor(*request.After), 10, 64)
		if err != nil {
			return TransactionConnection{}, apierror.New(apierror.InvalidArgument, "after is not a cursor of this list.")
		}
		q = q.Where("seq < ?", seq)
	}
	if len(kinds) > 0 {
		q = q.Where("kind IN ?", kinds)
	}
	return page.Read(ctx, q, request, func(t Transaction) string { return strconv.FormatInt(t.Seq, 10) })
}
