package point

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// maxPage is the longest page anybody may ask for.
const maxPage = 100

// maxList is the longest list that has no pages.
const maxList = 50

// Page asks for a part of a list: the First so many after the cursor After, or from the start.
type Page struct {
	First int
	After *string
}

// Connection is a page of a list, with a cursor for each node.
type Connection[T any] struct {
	Edges    []Edge[T]
	PageInfo PageInfo
}

// Edge is a node and its place in the list.
type Edge[T any] struct {
	Cursor string
	Node   T
}

// The schema's names of the lists there are.
type (
	// TransactionConnection is a page of a ledger.
	TransactionConnection = Connection[Transaction]
	// TransactionEdge is a line on it.
	TransactionEdge = Edge[Transaction]
	// OrderConnection is a page of charge orders.
	OrderConnection = Connection[Order]
	// OrderEdge is an order on it.
	OrderEdge = Edge[Order]
	// LotConnection is a page of a wallet's lots.
	LotConnection = Connection[Lot]
	// LotEdge is a lot on it.
	LotEdge = Edge[Lot]
)

// PageInfo says where a page ends.
type PageInfo struct {
	HasNextPage bool
	EndCursor   *string
}

// Wallet is what userID has at this moment: expired points count as gone, also before their EXPIRE line is
// written. It is empty until the first line.
func (s *Service) Wallet(ctx context.Context, userID string) (Wallet, error) {
	if err := checkUserID(userID); err != nil {
		return Wallet{}, err
	}
	w, now := Wallet{UserID: userID}, s.now()
	err := s.DB.WithContext(ctx).Raw(`SELECT w.user_id, w.seq,
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
		return nil, refuse(InvalidArgument, "withinDays must be from 1 to 3650.")
	}
	now := s.now()
	found, err := gorm.G[Lot](s.DB).Where("user_id = ? AND remaining > 0 AND expires_at > ? AND expires_at <= ?",
		userID, now, now.Add(time.Duration(days)*day)).Order(spendOrder).Limit(maxList).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read expiring lots: %w", err)
	}
	return found, nil
}

// Lots is a page of all of userID's lots, the newest first: where each point of the wallet came from.
func (s *Service) Lots(ctx context.Context, userID string, page Page) (LotConnection, error) {
	q := gorm.G[Lot](s.DB).Where("user_id = ?", userID).Order("id DESC")
	if page.After != nil {
		id := decodeCursor(*page.After)
		if checkID("cursor", id) != nil {
			return LotConnection{}, refuse(InvalidArgument, "after is not a cursor of this list.")
		}
		q = q.Where("id < ?", id)
	}
	return connect(ctx, q, page, func(l Lot) string { return l.ID })
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
	uses, err := gorm.G[LotUse](s.DB).Where(where, id).Order("transaction_id, reason, lot_id").Limit(maxList).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read lot uses: %w", err)
	}
	return uses, nil
}

// Line is the line of that id, whoever's it is: for following the references of what somebody may read already.
func (s *Service) Line(ctx context.Context, id string) (Transaction, error) {
	return one[Transaction](ctx, s.DB, "transaction", "id = ?", id)
}

// Lot is the lot of that id, whoever's it is, as Line is.
func (s *Service) Lot(ctx context.Context, id string) (Lot, error) {
	return one[Lot](ctx, s.DB, "lot", "id = ?", id)
}

// Order is userID's order of that number; an Error NotFound when there is none or it is not theirs.
func (s *Service) Order(ctx context.Context, userID, merchantUID string) (Order, error) {
	if err := checkID("merchantUid", merchantUID); err != nil {
		return Order{}, err
	}
	return one[Order](ctx, s.DB, "order", "merchant_uid = ? AND user_id = ?", merchantUID, userID)
}

// Transaction is userID's line of that id; an Error NotFound when there is none or it is not theirs.
func (s *Service) Transaction(ctx context.Context, userID, id string) (Transaction, error) {
	if err := checkID("id", id); err != nil {
		return Transaction{}, err
	}
	return one[Transaction](ctx, s.DB, "transaction", "id = ? AND user_id = ?", id, userID)
}

// OrderTransaction is the CHARGE line of an order; an Error NotFound until it is credited.
func (s *Service) OrderTransaction(ctx context.Context, o Order) (Transaction, error) {
	return one[Transaction](ctx, s.DB, "transaction", "user_id = ? AND kind = ? AND reference = ?",
		o.UserID, KindCharge, o.MerchantUID)
}

// TransactionOrder is the order a line was credited for; an Error NotFound when it comes from none.
func (s *Service) TransactionOrder(ctx context.Context, t Transaction) (Order, error) {
	return one[Order](ctx, s.DB, "order", "imp_uid = ? AND user_id = ?", t.ImpUID, t.UserID)
}

// OrderAccount is the virtual account that waits for the order's deposit, the latest if there are several; an
// Error NotFound when none was issued for exactly the order's price.
func (s *Service) OrderAccount(ctx context.Context, o Order) (VirtualAccount, error) {
	issued, err := gorm.G[Payment](s.DB).Where(offered+" AND status IN ('ready', 'paid')",
		o.MerchantUID, o.Price, o.Currency, !s.Live).Order(latestAccount).Limit(1).Find(ctx)
	if err != nil {
		return VirtualAccount{}, fmt.Errorf("read virtual account: %w", err)
	}
	if len(issued) == 0 {
		return VirtualAccount{}, refuse(NotFound, "There is no such virtual account.")
	}
	return issued[0].VirtualAccount, nil
}

// Known tells whether merchantUID is an order of ours. The webhook asks before it asks the gateway.
func (s *Service) Known(ctx context.Context, merchantUID string) (bool, error) {
	if checkID("merchantUid", merchantUID) != nil {
		return false, nil
	}
	_, err := one[Order](ctx, s.DB, "order", "merchant_uid = ?", merchantUID)
	if CodeOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}

// KnownPayment tells whether the books have impUID as a payment of the order merchantUID, paid or not. Only what the
// gateway said gets there.
func (s *Service) KnownPayment(ctx context.Context, merchantUID, impUID string) (bool, error) {
	_, err := one[Payment](ctx, s.DB, "payment", "imp_uid = ? AND merchant_uid = ?", impUID, merchantUID)
	if CodeOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}

// one reads a row; what is asked for may be missing, which is an Error NotFound.
func one[T any](ctx context.Context, db *gorm.DB, what, where string, args ...any) (row T, err error) {
	rows, err := gorm.G[T](db).Where(where, args...).Limit(1).Find(ctx)
	if err != nil {
		return row, fmt.Errorf("read %s: %w", what, err)
	}
	if len(rows) == 0 {
		return row, refuse(NotFound, "There is no such %s.", what)
	}
	return rows[0], nil
}

// maxKinds is how many kinds of lines there are: nobody needs to name more, and each is a parameter of the statement.
const maxKinds = 7

// Transactions is a page of userID's ledger, newest line first; of the given kinds only, if there are any.
func (s *Service) Transactions(ctx context.Context, userID string, page Page, kinds []Kind) (TransactionConnection, error) {
	if len(kinds) > maxKinds {
		return TransactionConnection{}, refuse(InvalidArgument, "kinds are at most %d.", maxKinds)
	}
	q := gorm.G[Transaction](s.DB).Where("user_id = ?", userID).Order("seq DESC")
	if page.After != nil {
		seq, err := strconv.ParseInt(decodeCursor(*page.After), 10, 64)
		if err != nil {
			return TransactionConnection{}, refuse(InvalidArgument, "after is not a cursor of this list.")
		}
		q = q.Where("seq < ?", seq)
	}
	if len(kinds) > 0 {
		q = q.Where("kind IN ?", kinds)
	}
	return connect(ctx, q, page, func(t Transaction) string { return strconv.FormatInt(t.Seq, 10) })
}

// Orders is a page of userID's charge orders, newest first.
func (s *Service) Orders(ctx context.Context, userID string, page Page) (OrderConnection, error) {
	q := gorm.G[Order](s.DB).Where("user_id = ?", userID).Order("created_at DESC, merchant_uid DESC")
	if page.After != nil {
		created, merchantUID, _ := strings.Cut(decodeCursor(*page.After), " ")
		at, err := time.Parse(time.RFC3339Nano, created)
		if err != nil || checkID("cursor", merchantUID) != nil {
			return OrderConnection{}, refuse(InvalidArgument, "after is not a cursor of this list.")
		}
		q = q.Where("(created_at, merchant_uid) < (?, ?)", at.UTC(), merchantUID)
	}
	return connect(ctx, q, page, func(o Order) string {
		return o.CreatedAt.Format(time.RFC3339Nano) + " " + o.MerchantUID
	})
}

// connect reads one row more than asked for, to know whether there is more without counting.
func connect[T any](ctx context.Context, q gorm.ChainInterface[T], page Page, key func(T) string) (c Connection[T], err error) {
	if page.First < 1 || page.First > maxPage {
		return c, refuse(InvalidArgument, "first must be from 1 to %d.", maxPage)
	}
	rows, err := q.Limit(page.First + 1).Find(ctx)
	if err != nil {
		return c, fmt.Errorf("read page: %w", err)
	}
	c.PageInfo.HasNextPage = len(rows) > page.First
	for _, row := range rows[:min(len(rows), page.First)] {
		c.Edges = append(c.Edges, Edge[T]{Cursor: encodeCursor(key(row)), Node: row})
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.EndCursor = &c.Edges[n-1].Cursor
	}
	return c, nil
}

// Cursors are opaque: clients must not build them.
func encodeCursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// decodeCursor is empty for what is no cursor.
func decodeCursor(cursor string) string {
	key, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return ""
	}
	return string(key)
}
