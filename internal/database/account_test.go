package database_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

func TestD17ADatabaseServesOneGatewayAccount(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		for range 2 {
			if err := database.StampAccount(t.Context(), db, "iamport:a"); err != nil {
				t.Fatal(err)
			}
		}
		err := database.StampAccount(t.Context(), db, "iamport:b")
		if !errors.Is(err, database.ErrOtherAccount) || !strings.Contains(err.Error(), "deliberately") {
			t.Errorf("another account: %v", err)
		}
		change := database.AccountChange{From: "iamport:b", To: "iamport:c", Reason: "새 계약", ActorKind: "COMMAND", ActorID: "sora"}
		if err := database.ChangeAccount(t.Context(), db, change); !errors.Is(err, database.ErrOtherAccount) {
			t.Errorf("a change from an account that is not in force: %v", err)
		}
		change.From, change.To = "iamport:a", "iamport:b"
		for range 2 {
			if err := database.ChangeAccount(t.Context(), db, change); err != nil {
				t.Fatal(err)
			}
		}
		if err := database.StampAccount(t.Context(), db, "iamport:b"); err != nil {
			t.Error(err)
		}
		if err := database.StampAccount(t.Context(), db, "iamport:a"); !errors.Is(err, database.ErrOtherAccount) {
			t.Errorf("the account of before: %v", err)
		}
		if err := database.ChangeAccount(t.Context(), db, database.AccountChange{From: "iamport:b", To: "iamport:d"}); err == nil {
			t.Error("a change without a reason and an actor was accepted")
		}
		var n int64
		if db.Raw("SELECT COUNT(*) FROM gateway_accounts").Scan(&n); n != 2 {
			t.Errorf("%d accounts are kept, want 2", n)
		}
	})
}

func TestD17ServersThatStartTogetherAgreeOnTheAccount(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, url string) {
		if err := database.Migrate(t.Context(), databasetest.Open(t, url)); err != nil {
			t.Fatal(err)
		}
		var refused [2]atomic.Int64
		runTogether(t, url, func(server int, db *gorm.DB) {
			err := database.StampAccount(t.Context(), db, []string{"iamport:a", "iamport:b"}[server%2])
			if errors.Is(err, database.ErrOtherAccount) {
				refused[server%2].Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
		if a, b := refused[0].Load(), refused[1].Load(); a*b != 0 || a+b != 4 {
			t.Errorf("%d servers of one account and %d of the other are refused", a, b)
		}
	})
}
