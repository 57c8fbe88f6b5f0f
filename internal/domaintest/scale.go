package domaintest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
)

// Scale returns how many thousand users a seeded database has, from the environment variable
// SCALE; 0 switches the tests on seeded data off. At 100 it has 2 M orders, 1 M payments, 3.3 M
// lines and 1.3 M lots.
func Scale(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SCALE")
	if text == "" {
		t.Skip("SCALE is not set: no seeded data")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SCALE must be a number of thousand users, from 1: %q", text)
	}
	return n
}

// SeedScale fills a fresh PostgreSQL with data of a shop that is three years old: users with ten
// charges each, and an unpaid order for every paid one. Four wallets are extraordinary: "many"
// has 100,000 lots of a point, "past" had as many long ago, "due" has 45,000 that have expired
// and wait for the job, and "busy" has one lot that was used 100,000 times. The books of "many",
// "past", "due" and "busy" are whole enough for the ledger to write in them.
func SeedScale(t *testing.T, thousands int) *gorm.DB {
	t.Helper()
	db := databasetest.New(t, databasetest.Postgres)
	err := db.Transaction(func(tx *gorm.DB) error {
		for _, sql := range append(scaleSettings(), append(scaleShop(thousands*1000), scaleWallets()...)...) {
			if err := tx.Exec(sql).Error; err != nil {
				return fmt.Errorf("%.80s: %w", sql, err)
			}
		}
		return nil
	})
	if err == nil {
		err = db.Exec("VACUUM ANALYZE").Error
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// scaleSettings lift the limits of requests and switch foreign keys and triggers off for the seed.
func scaleSettings() []string {
	return []string{"SET LOCAL statement_timeout = 0", "SET LOCAL session_replication_role = replica",
		"INSERT INTO charge_products (id, name, price, points, bonus_points, active, position) VALUES ('p', '상품', 1000, 1000, 0, true, 0)"}
}

// scaleShop is the ordinary part. All its times lie in the last three years.
func scaleShop(users int) []string {
	replace := strings.NewReplacer("$charges", strconv.Itoa(users*10), "$users", strconv.Itoa(users),
		"$step", fmt.Sprintf("interval '%f seconds'", 3*365*24*3600/float64(users*10))).Replace
	statements := []string{`INSERT INTO wallets (user_id, balance, seq) SELECT 'user-' || u, 2000, 30 FROM generate_series(1, $users) u`,
		`CREATE TEMP TABLE seeded ON COMMIT DROP AS SELECT n, 'user-' || (n % $users + 1) AS u, n / $users + 1 AS k,
			now() - interval '3 years' + n * $step AS t, upper(substr(md5('o' || n), 1, 26)) AS m,
			upper(substr(md5('x' || n), 1, 26)) AS unpaid, 'imp_' || lpad(n::text, 12, '0') AS i, '01' || lpad(to_hex(n * 3), 10, '0') AS id
			FROM generate_series(0, $charges - 1) n`,
		`INSERT INTO charge_orders (merchant_uid, user_id, product_id, name, price, points, bonus_points, currency, pay_method, status,
			imp_uid, claim_id, claimed_at, expires_at, created_at, check_at)
			SELECT m, u, 'p', '상품', 1000, 1000, 0, 'KRW', 'CARD', 'PAID', i, n::text, t, t + interval '1 hour', t, t + interval '2 min' FROM seeded`,
		`INSERT INTO charge_orders (merchant_uid, user_id, product_id, name, price, points, bonus_points, currency, pay_method, status,
			expires_at, created_at, check_at, given_up_at)
			SELECT unpaid, u, 'p', '상품', 1000, 1000, 0, 'KRW', 'CARD', CASE WHEN t > now() - interval '1 hour' THEN 'PENDING' ELSE 'EXPIRED' END,
				t + interval '1 hour', t, CASE WHEN t > now() - interval '15 days' THEN t + greatest(interval '2 min', (now() - t) * 1.3) END,
				CASE WHEN t <= now() - interval '15 days' THEN t + interval '15 days' END FROM seeded`,
		`INSERT INTO payments (imp_uid, merchant_uid, user_id, status, amount, cancelled_amount, currency, pay_method, pg_provider, pg_tid,
			vbank_name, vbank_num, vbank_holder, sandbox, receipt_url, paid_at, problem, raw, synced_at)
			SELECT i, m, u, 'paid', 1000, 0, 'KRW', 'card', 'kcp', 'T1', '', '', '', true, '', t + interval '1 min', '',
				'{"pad":"' || repeat(md5(i), 40) || '"}', t + interval '1 min' FROM seeded`,
		`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, imp_uid, reference, description, created_at)
			SELECT id || '-c', u, k * 3 - 2, 'CHARGE', 1000, 200 * (k - 1) + 1000, i, m, '상품', t FROM seeded`}
	for use := 1; use <= 2; use++ {
		statements = append(statements, fmt.Sprintf(`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, reference, description, created_at)
			SELECT id || '-s%d', u, k * 3 - 2 + %d, 'SPEND', -400, 200 * (k - 1) + 1000 - 400 * %d, 'order-' || n || '-%d', '', t + interval '%d min' FROM seeded`,
			use, use, use, use, use))
	}
	statements = append(statements, `INSERT INTO point_lots (id, user_id, transaction_id, kind, initial, remaining, expires_at, held)
			SELECT id || '-l', u, id || '-c', 'PAID', 1000, 200, t + interval '1825 days', 0 FROM seeded`,
		"INSERT INTO lot_uses (transaction_id, lot_id, reason, amount) SELECT id || '-s1', id || '-l', 'USE', 400 FROM seeded",
		"INSERT INTO lot_uses (transaction_id, lot_id, reason, amount) SELECT id || '-s2', id || '-l', 'USE', 400 FROM seeded")
	for i, sql := range statements {
		statements[i] = replace(sql)
	}
	return statements
}

// scaleWallets are the extraordinary ones.
func scaleWallets() []string {
	given := func(user, at, expiry string, lots int, remaining int) []string {
		return []string{
			fmt.Sprintf(`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, reference, actor_id, actor_kind, description, created_at)
				SELECT '%[1]s-' || lpad(n::text, 6, '0'), '%[1]s', n, 'ADJUST', 1, n, 'a' || n, 'op', 'ADMIN', '', %[2]s + n * interval '1 ms'
				FROM generate_series(1, %[3]d) n`, user, at, lots),
			fmt.Sprintf(`INSERT INTO point_lots (id, user_id, transaction_id, kind, initial, remaining, expires_at, held)
				SELECT '%[1]s-' || lpad(n::text, 6, '0') || '-l', '%[1]s', '%[1]s-' || lpad(n::text, 6, '0'), 'BONUS', 1, %[4]d, %[2]s + n * interval '1 ms', 0
				FROM generate_series(1, %[3]d) n`, user, expiry, lots, remaining)}
	}
	spent := func(lot, lines string) []string {
		return []string{`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, reference, description, created_at) SELECT ` + lines,
			"INSERT INTO lot_uses (transaction_id, lot_id, reason, amount) SELECT " + lot}
	}
	statements := []string{"INSERT INTO wallets (user_id, balance, seq) VALUES ('many', 100000, 100000), ('past', 0, 100001), ('due', 45000, 45000), ('busy', 900000, 100001)"}
	statements = append(statements, given("many", "now() - interval '100 days'", "now() + interval '265 days'", 100_000, 1)...)
	statements = append(statements, given("past", "now() - interval '1000 days'", "now() - interval '635 days'", 100_000, 0)...)
	statements = append(statements, given("due", "now() - interval '366 days'", "now() - interval '1 day'", 45_000, 1)...)
	statements = append(statements, spent("'past-s', 'past-' || lpad(n::text, 6, '0') || '-l', 'USE', 1 FROM generate_series(1, 100000) n",
		"'past-s', 'past', 100001, 'SPEND', -100000, 0, 'o-1', '', now() - interval '900 days'")...)
	statements = append(statements,
		`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, reference, actor_id, actor_kind, description, created_at)
			VALUES ('busy-c', 'busy', 1, 'ADJUST', 1000000, 1000000, 'z', 'op', 'ADMIN', '', now() - interval '700 days')`,
		`INSERT INTO point_lots (id, user_id, transaction_id, kind, initial, remaining, expires_at, held)
			VALUES ('busy-l', 'busy', 'busy-c', 'PAID', 1000000, 900000, now() + interval '1000 days', 0)`)
	return append(statements, spent("'busy-' || lpad(n::text, 6, '0'), 'busy-l', 'USE', 1 FROM generate_series(1, 100000) n",
		"'busy-' || lpad(n::text, 6, '0'), 'busy', n + 1, 'SPEND', -1, 1000000 - n, 'o' || n, '', now() - interval '600 days' + n * interval '1 second' FROM generate_series(1, 100000) n")...)
}

// ScaleQuery is a call whose statements must be cheap on seeded data.
type ScaleQuery struct {
	Name string
	Call func() error
	// MayScan names large tables that the call may read whole, and says why in a comment beside it.
	MayScan []string
}

// largeTables are read by an index only.
func largeTables() []string {
	return []string{"charge_orders", "payments", "wallets", "point_transactions", "point_lots", "lot_uses"}
}

// ExplainCalls runs each call in recording, explains every SELECT that it sent, and fails on a
// sequential scan of a large table and on a statement that takes longer than limit by the
// database's own measure. Others add their queries to the table they pass.
func ExplainCalls(t *testing.T, db *gorm.DB, limit time.Duration, queries func(db *gorm.DB) []ScaleQuery) {
	t.Helper()
	recorder := &statementRecorder{Interface: db.Logger}
	recorded := db.Session(&gorm.Session{Logger: recorder})
	for _, query := range queries(recorded) {
		recorder.statements = nil
		if err := query.Call(); err != nil {
			t.Errorf("%s: %v", query.Name, err)
		}
		for _, sql := range recorder.statements {
			plan := explain(t, db, sql)
			t.Logf("%-40s %8.3f ms  %.90s", query.Name, plan.ExecutionTime, strings.Join(strings.Fields(sql), " "))
			if took := time.Duration(plan.ExecutionTime * float64(time.Millisecond)); took > limit {
				t.Errorf("%s takes %s, more than %s: %s\n%s", query.Name, took, limit, sql, plan.text)
			}
			for _, table := range plan.Plan.scanned() {
				if slices.Contains(largeTables(), table) && !slices.Contains(query.MayScan, table) {
					t.Errorf("%s reads all of %s: %s\n%s", query.Name, table, sql, plan.text)
				}
			}
		}
	}
}

type explained struct {
	Plan          planNode
	ExecutionTime float64 `json:"Execution Time"` // milliseconds
	text          string
}

type planNode struct {
	NodeType string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Plans    []planNode `json:"Plans"`
}

// scanned returns the tables that the plan reads from end to end.
func (n planNode) scanned() (tables []string) {
	if n.NodeType == "Seq Scan" || n.NodeType == "Parallel Seq Scan" {
		tables = append(tables, n.Relation)
	}
	for _, child := range n.Plans {
		tables = append(tables, child.scanned()...)
	}
	return tables
}

// explain runs the statement in a transaction that is rolled back. The best of three is what it
// costs: the first one may wait for the disk.
func explain(t *testing.T, db *gorm.DB, sql string) (best explained) {
	t.Helper()
	for range 3 {
		var text string
		tx := db.Begin()
		err := tx.Raw("EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) " + sql).Row().Scan(&text)
		tx.Rollback()
		var plans []explained
		if err == nil {
			err = json.Unmarshal([]byte(text), &plans)
		}
		if err != nil || len(plans) != 1 {
			t.Fatalf("explain %s: %v", sql, err)
		}
		if best.ExecutionTime == 0 || plans[0].ExecutionTime < best.ExecutionTime {
			best = plans[0]
			best.text = text
		}
	}
	return best
}
