package point

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
)

// LinesAfter returns at most limit lines of userID after the given number, in order.
func (s *Service) LinesAfter(ctx context.Context, userID string, seq int64, limit int) ([]Transaction, error) {
	lines, err := gorm.G[Transaction](s.db).Where("user_id = ? AND seq > ?", userID, seq).Order("seq").Limit(limit).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read new lines: %w", err)
	}
	return lines, nil
}

// NewestSeqs returns the numbers of the users' newest lines, in one statement. Users without a line
// are not in the map.
func (s *Service) NewestSeqs(ctx context.Context, userIDs []string) (map[string]int64, error) {
	wallets, err := gorm.G[Wallet](s.db).Select("user_id", "seq").Where("user_id IN ?", userIDs).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the newest lines: %w", err)
	}
	newest := make(map[string]int64, len(wallets))
	for _, w := range wallets {
		newest[w.UserID] = w.Seq
	}
	return newest, nil
}

// FollowFrom returns the number after which a follower of userID's ledger continues, and the newest
// line's number. The first is after, or the newest line's number if after is nil. The error is
// InvalidArgument for a number that the ledger never reached.
func (s *Service) FollowFrom(ctx context.Context, userID string, after *int) (from, newest int64, err error) {
	if err := apierror.CheckUserID(userID); err != nil {
		return 0, 0, err
	}
	found, err := s.NewestSeqs(ctx, []string{userID})
	newest = found[userID]
	if err != nil || after == nil {
		return newest, newest, err
	}
	if *after < 0 || int64(*after) > newest {
		return 0, 0, apierror.New(apierror.InvalidArgument, "after must be from 0 to the seq of the newest line.")
	}
	return int64(*after), newest, nil
}
