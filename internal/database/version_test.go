package database_test

import (
	"strings"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// wantRefusal fails unless the error is one line with every one of the texts.
func wantRefusal(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("the database was accepted")
	}
	for _, text := range append(texts, "database's schema") {
		if !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q does not say %q in one line", err, text)
		}
	}
}

func TestCheckVersionAcceptsAMigratedDatabase(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		if err := database.CheckVersion(t.Context(), db); err != nil {
			t.Error(err)
		}
	})
}

func TestCheckVersionRefusesAnEmptyDatabaseAndWritesNothing(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		wantRefusal(t, database.CheckVersion(t.Context(), db), "at version 0", "run `pointcharge migrate`")
		if tables, err := db.Migrator().GetTables(); err != nil || len(tables) > 0 {
			t.Errorf("tables %v, %v", tables, err)
		}
	})
}

func TestCheckVersionRefusesAnOlderDatabase(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		if err := database.MigrateFiles(t.Context(), db, migrationFiles("CREATE TABLE a (id integer);")); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, database.CheckVersion(t.Context(), db), "at version 1, this program needs ", ": run `pointcharge migrate`")
	})
}

func TestANewerDatabaseIsRefusedByAll(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		if err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)").Error; err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, database.CheckVersion(t.Context(), db), "at version 9999", "this program knows only ", "use a newer pointcharge")
		wantRefusal(t, database.Migrate(t.Context(), db), "at version 9999", "use a newer pointcharge")
	})
}
