package databasetest_test

import (
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
)

func TestEachGivesAMigratedDatabase(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		var wallets int
		if err := db.Raw("SELECT count(*) FROM wallets").Take(&wallets).Error; err != nil {
			t.Fatal(err)
		}
	})
}
