package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// gatewayAccount is a row of the accounts that a database has served. The one with the highest
// number is in force.
type gatewayAccount struct {
	Number    int64 `gorm:"primaryKey;autoIncrement:false"`
	Account   string
	Reason    string
	ActorKind string
	ActorID   string
	CreatedAt time.Time
}

// TableName is the table's name in SQL.
func (gatewayAccount) TableName() string { return "gateway_accounts" }

// ErrOtherAccount says that a database serves another gateway account.
var ErrOtherAccount = errors.New("this database belongs to another account of the payment gateway")

// StampAccount writes the gateway account into a database at its first start, and refuses a
// database that serves another one with ErrOtherAccount: every payment would look lost there. The
// account is the client's Account, never a secret.
func StampAccount(ctx context.Context, db *gorm.DB, account string) error {
	first := gatewayAccount{Number: 1, Account: account, Reason: "first start", ActorKind: "JOB", ActorID: "start", CreatedAt: time.Now().UTC()}
	// Read first: a standby takes no writes, and most starts are not the first.
	inForce, err := accountInForce(db.WithContext(ctx))
	if err == nil && inForce.Account == account {
		return nil
	}
	err = Transact(ctx, db, func(tx *gorm.DB) (err error) {
		if inForce, err = accountInForce(tx); err != nil || inForce.Number > 0 {
			return err
		}
		err = tx.Exec(`INSERT INTO gateway_accounts (number, account, reason, actor_kind, actor_id, created_at)
			VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO NOTHING`, first.Number, first.Account, first.Reason, first.ActorKind,
			first.ActorID, first.CreatedAt).Error
		if err != nil {
			return err
		}
		inForce, err = accountInForce(tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("stamp database with the gateway account: %w", err)
	}
	if inForce.Account != account {
		return fmt.Errorf("%w: it serves %s since %s, and the configured keys are for %s: correct the keys, use another "+
			"DATABASE_URL, or change the account deliberately (`pointcharge account -change`)", ErrOtherAccount, inForce.Account,
			inForce.CreatedAt.UTC().Format(time.RFC3339), account)
	}
	return nil
}

// AccountInForce returns the gateway account that a database serves and since when; empty when it
// serves none yet.
func AccountInForce(ctx context.Context, db *gorm.DB) (account string, since time.Time, err error) {
	inForce, err := accountInForce(db.WithContext(ctx))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("read the gateway account: %w", err)
	}
	return inForce.Account, inForce.CreatedAt, nil
}

func accountInForce(tx *gorm.DB) (account gatewayAccount, err error) {
	var rows []gatewayAccount
	if err := tx.Order("number DESC").Limit(1).Find(&rows).Error; err != nil || len(rows) == 0 {
		return gatewayAccount{}, err
	}
	return rows[0], nil
}

// AccountChange is the deliberate decision that a database serves another gateway account from
// now on.
type AccountChange struct {
	From, To  string // accounts; From must be the one in force
	Reason    string
	ActorKind string
	ActorID   string
}

// ChangeAccount stamps a database with another gateway account and keeps who decided it and why.
// It refuses with ErrOtherAccount when From is not the account in force. Changing to the account
// in force does nothing.
func ChangeAccount(ctx context.Context, db *gorm.DB, change AccountChange) error {
	if change.To == "" || change.Reason == "" || change.ActorKind == "" || change.ActorID == "" {
		return errors.New("a change of the gateway account needs the account, a reason and an actor")
	}
	err := Transact(ctx, db, func(tx *gorm.DB) error {
		inForce, err := accountInForce(tx)
		switch {
		case err != nil || inForce.Account == change.To:
			return err
		case inForce.Account != change.From:
			return fmt.Errorf("%w: it serves %s, not %s", ErrOtherAccount, inForce.Account, change.From)
		}
		// Of two changes at once the second one violates the primary key, and fails.
		return tx.Exec(`INSERT INTO gateway_accounts (number, account, reason, actor_kind, actor_id, created_at)
			VALUES (?, ?, ?, ?, ?, ?)`, inForce.Number+1, change.To, change.Reason, change.ActorKind, change.ActorID, time.Now().UTC()).Error
	})
	if err != nil {
		return fmt.Errorf("change the gateway account: %w", err)
	}
	return nil
}
