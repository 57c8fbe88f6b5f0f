package point

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

// Kind is the kind of a ledger line.
type Kind string

// The kinds of lines.
const (
	KindCharge       Kind = "CHARGE"        // 충전: points for a paid payment
	KindBonus        Kind = "BONUS"         // 보너스: points on top of a charge
	KindSpend        Kind = "SPEND"         // 사용
	KindSpendCancel  Kind = "SPEND_CANCEL"  // 사용취소
	KindChargeCancel Kind = "CHARGE_CANCEL" // 회수, 환불
	KindExpire       Kind = "EXPIRE"        // 소멸
	KindAdjust       Kind = "ADJUST"        // 조정
	KindClawback     Kind = "CLAWBACK"      // 수기 회수: points that an operator takes back, into debt if need be
	KindExpireCancel Kind = "EXPIRE_CANCEL" // 소멸취소: an EXPIRE line that an operator undid
	KindAdjustCancel Kind = "ADJUST_CANCEL" // 조정취소: an ADJUST line that an operator undid
)

// Transaction is one immutable line of the ledger (포인트 거래내역).
type Transaction struct {
	ID             string `gorm:"primaryKey"`
	UserID         string
	Seq            int64 // 1, 2, 3, … without a gap in each wallet
	Kind           Kind
	Amount         int64 // points; negative when taken
	BalanceAfter   int64
	ImpUID         *string // the payment behind the line
	CancellationID *string // of a CHARGE_CANCEL: Iamport's id of the cancellation
	Reference      *string // the purpose: the order's merchant_uid, or the caller's own word
	ReversesID     *string // the line reversed by this one, fully or in part
	Service        string  // the calling service's sub, whose word the reference is; empty for other actors
	Actor          Actor   `gorm:"embedded;embeddedPrefix:actor_"` // author of the line
	Description    string
	CreatedAt      time.Time
}

// TableName is the table's name in SQL.
func (Transaction) TableName() string { return "point_transactions" }

// mayLeaveDebt tells whether a line of the kind may take more points than there are.
func (k Kind) mayLeaveDebt() bool {
	return k == KindChargeCancel || k == KindClawback || k == KindAdjustCancel
}

// appendLine writes a line. The balance changes relative to itself, in one statement that also
// numbers the line (contract §5, F5). An order's lock, if the caller has one, comes before the
// wallet's.
func appendLine(tx *gorm.DB, line *Transaction) (err error) {
	if line.ID, err = database.NewID(); err != nil {
		return err
	}
	var w Wallet
	if line.Amount > 0 {
		err = tx.Raw(`INSERT INTO wallets (user_id, balance, seq) VALUES (?, ?, 1)
			ON CONFLICT (user_id) DO UPDATE SET balance = wallets.balance + excluded.balance, seq = wallets.seq + 1
			RETURNING user_id, balance, seq`, line.UserID, line.Amount).Take(&w).Error
	} else {
		err = tx.Raw(`UPDATE wallets SET balance = balance + ?, seq = seq + 1
			WHERE user_id = ? AND (balance + ? >= 0 OR ?)
			RETURNING user_id, balance, seq`, line.Amount, line.UserID, line.Amount, line.Kind.mayLeaveDebt()).Take(&w).Error
	}
	if err != nil {
		return fmt.Errorf("move the balance: %w", err)
	}
	line.BalanceAfter, line.Seq = w.Balance, w.Seq
	if err := tx.Create(line).Error; err != nil {
		return fmt.Errorf("write line: %w", err)
	}
	return nil
}

// debtRepaid returns how much of a credit's points repays debt: the balance below zero before the
// line.
func (t Transaction) debtRepaid() int64 {
	return min(t.Amount, max(0, t.Amount-t.BalanceAfter))
}

// MaxAmount bounds every price and number of points. The bound is more than any payment provider
// takes at once, and small enough that the product of two fits in 64 bits, here and in SQL.
const MaxAmount = 1_000_000_000
