package graph_test

import (
	"regexp"
	"strings"
	"testing"

	"gorm.io/gorm"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/sandbox"
)

// internalWords are what no answer may show: SQL, names of the database, words of its drivers,
// stacks, files.
var internalWords = regexp.MustCompile(`(?i)insert into|select .* from|update \w+ set|delete from|on conflict|for update|` +
	`sqlstate|constraint|violat|duplicat|no such (table|column)|relation "|statement|deadlock|lock timeout|sql:|` +
	`charge_orders|charge_products|point_transactions|point_lots|lot_uses|payment_cancellations|wallets|payments_|_pkey|_key\b|` +
	`gorm|pgx|sqlite|postgres|database|goroutine|panic|runtime error|\.go\b|/work/|/root/|/usr/|/tmp/|0x[0-9a-f]{6}|` +
	`127\.0\.0\.1|connection refused|dial tcp|getToken|access_token|imp_key`)

// checkAnswer is called for every answer that any test of this package gets.
func (w *world) checkAnswer(r reply, token string) {
	w.Helper()
	secrets := []string{authSecret, impSecret, "imp-key"}
	if token != "" {
		secrets = append(secrets, token)
	}
	for _, secret := range secrets {
		if strings.Contains(r.text, secret) {
			w.Errorf("an answer shows a secret: %s", r.text)
		}
	}
	for _, e := range r.Errors {
		if found := internalWords.FindString(e.Message); found != "" {
			w.Errorf("an error shows our insides (%q): %s", found, r.text)
		}
		if !isOneOf(e.Extensions.Code, errorCodes(w.T)) {
			w.Errorf("an error has the code %q, which the schema does not know: %s", e.Extensions.Code, r.text)
		}
	}
}

func isOneOf(name string, names []string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func TestWalkCanFail(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`ERROR: duplicate key value violates unique constraint "wallets_pkey" (SQLSTATE 23505)`,
		"no such table: charge_orders", "sql: database is closed", "runtime error: invalid memory address",
		"main.go:12", "goroutine 12 [running]", `Post "http://127.0.0.1:80/users/getToken": dial tcp`,
	} {
		if !internalWords.MatchString(text) {
			t.Errorf("the walk would not notice %q", text)
		}
	}
}

// Each code that the API can answer with is provoked once, so that checkAnswer has seen them all.
func TestEveryCodeCanBeProvoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.product("gone", 1, false)
	paid := w.pay(w.order("minji"))
	w.want(w.charge("minji", paid), paid, "createPointTransaction", "impUid")
	provoked := map[apierror.Code]reply{
		apierror.Unauthenticated:       w.askAs("", `{ viewer { id } }`),
		apierror.Forbidden:             w.ask("minji", `{ chargeProducts(includeInactive: true) { id } }`),
		apierror.InvalidArgument:       w.ask("minji", `{ nothing }`),
		apierror.NotFound:              w.ask("minji", `{ refundQuote(transactionId: "none") { amount } }`),
		apierror.ProductUnavailable:    w.ask("minji", `mutation { createChargeOrder(productId: "gone") { status } }`),
		apierror.PaymentNotFound:       w.charge("junho", paid),
		apierror.PaymentNotPaid:        w.charge("minji", w.pay(w.order("minji"), func(p *sandbox.Payment) { p.Status = sandbox.Failed })),
		apierror.PaymentMismatch:       w.charge("minji", w.pay(w.order("minji"), func(p *sandbox.Payment) { p.Amount = "1" })),
		apierror.PaymentAlreadyCharged: w.charge("minji", paid),
		apierror.InsufficientPoints:    w.spend("minji", 5_001, "order-1"),
		apierror.RefundNotPossible:     w.refund(w.token("minji"), w.charged("minji"), 5_001, "refund-1"),
		apierror.GatewayUnavailable:    newWorld(t, setUnreachableGateway).ask("minji", `mutation { createChargeOrder(productId: "p1") { status } }`),
		apierror.RateLimited:           chargeOverLimit(t),
		apierror.Internal:              newWorld(t, setPanickingGateway).charge("minji", "imp_1"),
	}
	for code, r := range provoked {
		w.wantCode(r, code)
	}
	if want := len(errorCodes(t)); len(provoked) != want {
		t.Errorf("%d codes are provoked, but the schema has %d", len(provoked), want)
	}
}

// databaseFault breaks the database under a running server.
type databaseFault struct {
	name   string
	happen func(w *world, db *gorm.DB)
}

func databaseFaults() []databaseFault {
	sql := func(statements ...string) func(*world, *gorm.DB) {
		return func(w *world, db *gorm.DB) {
			for _, s := range statements {
				w.must(db.Exec(s).Error)
			}
		}
	}
	return []databaseFault{
		{"the pool is closed", closePool},
		{"a table is missing", sql("ALTER TABLE point_lots RENAME TO lost_lots")},
		{"a column is missing", sql("ALTER TABLE charge_orders RENAME COLUMN claim_id TO lost")},
		{"a unique constraint is violated", sql("INSERT INTO wallets (user_id, balance, seq) VALUES ('minji', 0, 0)",
			`INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, actor_id, description, created_at)
				VALUES ('forged', 'minji', 1, 'ADJUST', 1, 1, 'boss', 'secret of somebody', '2026-01-01 00:00:00+00:00')`)},
		{"a number overflows", sql("INSERT INTO wallets (user_id, balance, seq) VALUES ('minji', 9223372036854775000, 0)")},
	}
}

func closePool(w *world, db *gorm.DB) {
	pool, err := db.DB()
	w.must(err)
	w.must(pool.Close())
}

func TestDatabaseFailuresAreMaskedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	for _, r := range databaseFaults() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
				w := newWorldOn(t, db)
				impUID := w.pay(w.order("minji"))
				w.ruined = true
				r.happen(w, db)
				w.wantMasked(w.charge("minji", impUID))
			})
		})
	}
}

func (w *world) wantMasked(r reply) {
	w.Helper()
	w.wantCode(r, apierror.Internal)
	if lines := w.log.errors(); len(lines) != 1 || !strings.Contains(lines[0], "internal error") {
		w.Errorf("the log has %d lines for one fault: %q", len(lines), lines)
	}
}

func TestALockThatIsNotGivenIsMaskedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t, databasetest.Postgres)
	w := newWorldOn(t, databasetest.Open(t, strings.Replace(url, "lock_timeout=60s", "lock_timeout=20ms", 1)))
	merchantUID := w.order("minji")
	impUID := w.pay(merchantUID)
	holder := databasetest.Open(t, url).Begin()
	defer holder.Rollback()
	w.must(holder.Exec("SELECT 1 FROM charge_orders WHERE merchant_uid = ? FOR UPDATE", merchantUID).Error)
	w.wantMasked(w.charge("minji", impUID))
}

func TestReadsOfARuinedDatabaseAreMasked(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		`{ viewer { balance } }`, `{ chargeProducts { id } }`, `{ chargeOrder(merchantUid: "m") { status } }`,
		`{ pointTransaction(id: "x") { kind } }`, `mutation { createChargeOrder(productId: "p1") { status } }`,
		`mutation { upsertChargeProduct(input: {id: "p", name: "n", price: 1, points: 1}) { id } }`,
		`{ user(id: "minji") { balance } }`, `{ refundQuote(transactionId: "x") { amount } }`,
		`mutation { cancelPointTransaction(input: {transactionId: "x", amount: 1, reference: "r", reason: "x"}) { id } }`,
		`mutation { spendPoints(input: {userId: "minji", amount: 1, reference: "r"}) { id } }`,
		`mutation { cancelSpend(input: {userId: "minji", amount: 1, reference: "r", cancellation: "c"}) { id } }`,
		`mutation { adjustPoints(input: {userId: "minji", amount: 1, reference: "r", reason: "x"}) { id } }`,
		`mutation { issueVirtualAccount(input: {merchantUid: "m", bank: "088", holder: "h"}) { status } }`,
		`mutation { revokeVirtualAccount(merchantUid: "m") { status } }`,
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ruined = true
			closePool(w, w.db)
			if reader, ok := w.db.ConnPool.(interface{ Close() error }); ok {
				w.must(reader.Close()) // SQLite has a second pool, for reading
			}
			w.wantMasked(w.askAs(w.token("minji", auth.RoleAdmin), query))
		})
	}
}

func setUnreachableGateway(w *world, _ *graph.Resolver) { w.points.Gateway = unreachableGateway() }
