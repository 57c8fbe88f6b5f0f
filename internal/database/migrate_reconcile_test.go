package database_test

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
)

// filesBefore are the migrations of a dialect with a lower number.
func filesBefore(t *testing.T, dialect, number string) fs.FS {
	t.Helper()
	all := os.DirFS("migrations/" + dialect)
	names, err := fs.Glob(all, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	older := fstest.MapFS{}
	for _, name := range names {
		if name < number {
			text, err := fs.ReadFile(all, name)
			if err != nil {
				t.Fatal(err)
			}
			older[name] = &fstest.MapFile{Data: text}
		}
	}
	return older
}

// TestMigration13KeepsTheLastWordAboutEachPayment has three runs: an unreadable payment is met by
// all, another one was repaired by the second.
func TestMigration13KeepsTheLastWordAboutEachPayment(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		if err := database.MigrateFiles(t.Context(), db, filesBefore(t, db.Name(), "00013")); err != nil {
			t.Fatal(err)
		}
		for _, run := range []string{"r1", "r2", "r3"} {
			err := db.Exec(`INSERT INTO reconciliations VALUES (?, true, '2026-01-01 00:00:00Z', '2026-01-02 00:00:00Z', '2026-01-02 00:00:00Z',
				'2026-01-02 00:00:00Z', 0, 0, 0, 0, '', '')`, run).Error
			if err == nil {
				err = db.Exec("INSERT INTO reconciliation_differences VALUES (?, 1, 'imp_bad', 'o-1', 'UNREADABLE', '', 'why', false)", run).Error
			}
			if err == nil && run != "r3" {
				err = db.Exec("INSERT INTO reconciliation_differences VALUES (?, 2, 'imp_good', 'o-2', 'MISSING_HERE', '', 'paid', ?)", run, run == "r2").Error
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := database.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		wantSetting(t, db, "SELECT count(*) FROM discrepancies", "2")
		wantSetting(t, db, "SELECT id FROM discrepancies WHERE imp_uid = 'imp_bad' AND state = 'OPEN' AND check_at IS NOT NULL", "r3-1")
		wantSetting(t, db, "SELECT id FROM discrepancies WHERE imp_uid = 'imp_good' AND state = 'REPAIRED' AND closed_at IS NOT NULL", "r2-2")
	})
}
