package point

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
)

// LinesAfter are userID's lines that follow the one with that number, in their order; at most limit.
func (s *Service) LinesAfter(ctx context.Context, userID string, seq int64, limit int) ([]Transaction, error) {
	lines, err := gorm.G[Transaction](s.db).Where("user_id = ? AND seq > ?", userID, seq).Order("seq").Limit(limit).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read new lines: %w", err)
	}
	return lines, nil
}

// NewestSeqs are the numbers of the users' newest lines, in one statement; who has no line is not in it.
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

// FollowFrom is the number after which somebody who follows userID's ledger continues: after, or the newest line's when
// that is nil; and the newest line's. An Error InvalidArgument when the ledger has never come as far as after.
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
