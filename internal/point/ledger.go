package point

import (
	"fmt"
	"time"

	"gorm.io/gorm"
)

// How long points live. Paid points keep five years, as commercial claims do (상법 제64조).
const (
	paidLife  = 5 * 365 * 24 * time.Hour
	bonusLife = 365 * 24 * time.Hour
)

// Kind says what a ledger line records.
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
)

// Transaction is one immutable line of the ledger (포인트 거래내역).
type Transaction struct {
	ID             string `gorm:"primaryKey"`
	UserID         string
	Seq            int64 // 1, 2, 3, … without a gap in each wallet
	Kind           Kind
	Amount         int64 // points; negative when taken
	BalanceAfter   int64
	ImpUID         *string // the payment it comes from
	CancellationID *string
	Reference      *string // what it is for: the order's merchant_uid, or the caller's own word
	ReversesID     *string
	Description    string
	CreatedAt      time.Time
}

// TableName is the table's name in SQL.
func (Transaction) TableName() string { return "point_transactions" }

// Wallet is what a user has.
type Wallet struct {
	UserID  string `gorm:"primaryKey"`
	Balance int64  // 잔액, in points: the sum of the lines; negative is debt
	Seq     int64  // of the newest line
}

// TableName is the table's name in SQL.
func (Wallet) TableName() string { return "wallets" }

// LotKind tells points that were paid for from those given on top.
type LotKind string

// The kinds of lots.
const (
	LotPaid  LotKind = "PAID"
	LotBonus LotKind = "BONUS"
)

// Lot (적립 묶음) is the points of one credit, which expire together.
type Lot struct {
	ID            string `gorm:"primaryKey"`
	UserID        string
	TransactionID string
	Kind          LotKind
	Initial       int64
	Remaining     int64
	ExpiresAt     time.Time
}

// TableName is the table's name in SQL.
func (Lot) TableName() string { return "point_lots" }

// post writes a credit: the wallet, the line and its lot. The balance is only ever changed relative to
// itself, in one statement that also gives the line its number (contract §5, F5). The caller holds
// the order's lock; the wallet's comes second, here.
func post(tx *gorm.DB, line *Transaction, kind LotKind) (err error) {
	if line.ID, err = newID(); err != nil {
		return err
	}
	var w Wallet
	err = tx.Raw(`INSERT INTO wallets (user_id, balance, seq) VALUES (?, ?, 1)
		ON CONFLICT (user_id) DO UPDATE SET balance = wallets.balance + excluded.balance, seq = wallets.seq + 1
		RETURNING user_id, balance, seq`, line.UserID, line.Amount).Take(&w).Error
	if err != nil {
		return fmt.Errorf("credit wallet: %w", err)
	}
	line.BalanceAfter, line.Seq = w.Balance, w.Seq
	if err := tx.Create(line).Error; err != nil {
		return fmt.Errorf("write line: %w", err)
	}
	lot := Lot{UserID: line.UserID, TransactionID: line.ID, Kind: kind, Initial: line.Amount, Remaining: line.Amount,
		ExpiresAt: line.CreatedAt.Add(kind.life())}
	if lot.ID, err = newID(); err != nil {
		return err
	}
	return tx.Create(&lot).Error
}

func (k LotKind) life() time.Duration {
	if k == LotBonus {
		return bonusLife
	}
	return paidLife
}

// exactlyOne turns a conditional UPDATE that found nothing into an error, so that it rolls back.
func exactlyOne(done *gorm.DB) error {
	if done.Error == nil && done.RowsAffected != 1 {
		return fmt.Errorf("expected to change one row, changed %d", done.RowsAffected)
	}
	return done.Error
}
