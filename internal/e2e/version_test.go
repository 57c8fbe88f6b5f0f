package e2e

import (
	"strings"
	"testing"

	testdb "pointcharge/internal/database/databasetest"
)

// databaseCommands returns the commands that use the database and must not migrate.
func databaseCommands() []string {
	return []string{"sync imp_1", "sweep", "problems", "resolve -ignore -reason test -by sora imp_1", "audit", "reconcile", "reconcile -list",
		"refunds", "expire"}
}

func TestCommandsRefuseAnEmptyDatabaseAndNameTheRemedy(t *testing.T) {
	t.Parallel()
	eachEmptyDatabaseUnaudited(t, func(t *testing.T, url string) {
		for _, args := range databaseCommands() {
			text, err := finish(t, sandboxOn(url), strings.Fields(args)...)
			if err == nil || isUsageError(err) || !strings.Contains(err.Error(), "run `pointcharge migrate`") || text != "" {
				t.Errorf("%s: %q, %v", args, text, err)
			}
		}
		if tables, err := testdb.Open(t, url).Migrator().GetTables(); err != nil || len(tables) > 0 {
			t.Errorf("a command made tables: %v, %v", tables, err)
		}
	})
}

func TestAllRefuseADatabaseOfANewerProgram(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		err := testdb.Open(t, url).Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)").Error
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range append(databaseCommands(), "serve", "migrate") {
			_, err := finish(t, sandboxOn(url), strings.Fields(args)...)
			if err == nil || isUsageError(err) || !strings.Contains(err.Error(), "use a newer pointcharge") {
				t.Errorf("%s: %v", args, err)
			}
		}
	})
}
