package point

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/apierror"
)

// Wallet is a user's balance.
type Wallet struct {
	UserID  string `gorm:"primaryKey"`
	Balance int64  // 잔액, in points; negative is debt (미회수 잔액)
	Seq     int64  // of the newest line
	// The part of the balance that is neither expired nor held by a refund.
	Spendable int64 `gorm:"->"`
	// Expired points without an EXPIRE line; not in Balance.
	Due int64 `gorm:"->"`
}

// TableName is the table's name in SQL.
func (Wallet) TableName() string { return "wallets" }

// Debt (미회수 잔액) returns the points that the next credits repay before new points become spendable.
func (w Wallet) Debt() int64 { return max(0, -w.Balance) }

// LockWallet keeps all other writers from the user's wallet and lots until the transaction ends. A
// missing wallet is created for the lock.
func LockWallet(tx *gorm.DB, userID string) error {
	lock := func() *gorm.DB {
		return tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).
			Select("user_id").Where("user_id = ?", userID).Limit(1).Find(&Wallet{})
	}
	if found := lock(); found.Error != nil || found.RowsAffected == 1 {
		return found.Error
	}
	err := tx.Exec("INSERT INTO wallets (user_id, balance, seq) VALUES (?, 0, 0) ON CONFLICT DO NOTHING", userID).Error
	if err != nil {
		return err
	}
	return lock().Error
}

// Wallet returns userID's wallet at this moment: expired points count as gone, also before their
// EXPIRE line is written. Before the first line the wallet is empty. The error is InvalidArgument.
func (s *Service) Wallet(ctx context.Context, userID string) (Wallet, error) {
	if err := apierror.CheckUserID(userID); err != nil {
		return Wallet{}, err
	}
	return readWallet(s.db.WithContext(ctx), userID, s.CurrentTime())
}

// readWallet adds up only the expired or held lots, which are few: the balance is the sum of all
// lots, as the audit proves.
func readWallet(tx *gorm.DB, userID string, now time.Time) (Wallet, error) {
	w := Wallet{UserID: userID}
	err := tx.Raw(`SELECT w.user_id, w.seq, w.balance - expired.due AS balance, expired.due AS due,
			CASE WHEN w.balance > 0 THEN w.balance ELSE 0 END - expired.points - refunded.held AS spendable
		FROM wallets w, (
			SELECT CAST(COALESCE(SUM(remaining), 0) AS bigint) AS points,
				CAST(COALESCE(SUM(CASE WHEN held = 0 THEN remaining ELSE 0 END), 0) AS bigint) AS due
			FROM point_lots WHERE user_id = ? AND remaining > 0 AND expires_at <= ?) expired, (
			SELECT CAST(COALESCE(SUM(held), 0) AS bigint) AS held
			FROM point_lots WHERE user_id = ? AND held > 0 AND expires_at > ?) refunded
		WHERE w.user_id = ?`, userID, now, userID, now, userID).Scan(&w).Error
	if err != nil {
		return Wallet{}, fmt.Errorf("read wallet: %w", err)
	}
	return w, nil
}
