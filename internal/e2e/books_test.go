package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/audit"
	testdb "pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
)

func TestAuditFindsCleanBooksRight(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		s.chargePaid("points-10000", 10_000)
		text, err := finish(t, s.env, "audit")
		want := "the books are right: " + strconv.Itoa(len(domaintest.Invariants())) + " invariants hold\n"
		if err != nil || text != want {
			t.Errorf("%q, %v; want %q", text, err, want)
		}
	})
}

// openBrokenBooks returns a database with books changed by hand: a line gives one point more than
// the payment allows.
func openBrokenBooks(t *testing.T) (environment, *gorm.DB) {
	t.Helper()
	env := sandboxOn(testdb.URL(t, testdb.SQLite))
	s := openShop(t, env)
	s.chargePaid("points-5000", 5_000)
	s.client.CloseIdleConnections()
	s.stop()
	db := testdb.Open(t, env["DATABASE_URL"])
	for _, damage := range []string{"DROP TRIGGER point_transactions_no_update", "UPDATE point_transactions SET amount = amount + 1"} {
		if err := db.Exec(damage).Error; err != nil {
			t.Fatal(err)
		}
	}
	return env, db
}

func TestAuditPrintsEveryFindingAndFails(t *testing.T) {
	t.Parallel()
	env, db := openBrokenBooks(t)
	findings, err := audit.Run(t.Context(), db, domaintest.Invariants())
	if err != nil || len(findings) == 0 {
		t.Fatalf("%v, %v", findings, err)
	}
	text, err := finish(t, env, "audit")
	if err == nil || isUsageError(err) || !strings.Contains(err.Error(), strconv.Itoa(len(findings))+" finding") {
		t.Errorf("it ended with %v", err)
	}
	for _, f := range findings {
		if !strings.Contains(text, f.String()+"\n") {
			t.Errorf("%s is not in\n%s", f, text)
		}
	}
	if strings.Contains(text, "are right") || !strings.Contains(text, ": minji\n") {
		t.Errorf("got\n%s", text)
	}
}

// gaugeLine is a line of Prometheus' text format.
var gaugeLine = regexp.MustCompile(`^pointcharge_audit_findings\{invariant="([^"\\]+)"\} (\d+)$`)

// parseGauges reads the output of audit -metrics, and fails for a line that Prometheus would
// refuse.
func parseGauges(t *testing.T, text string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for text := range strings.Lines(text) {
		text = strings.TrimSuffix(text, "\n")
		match := gaugeLine.FindStringSubmatch(text)
		if match == nil {
			if !strings.HasPrefix(text, "# HELP pointcharge_audit_findings ") && text != "# TYPE pointcharge_audit_findings gauge" {
				t.Errorf("no metric: %q", text)
			}
			continue
		}
		found[match[1]], _ = strconv.Atoi(match[2])
	}
	return found
}

func TestAuditHasAMetricForEachInvariant(t *testing.T) {
	t.Parallel()
	text, err := finish(t, sandboxOn(testdb.URL(t, testdb.SQLite)), "audit", "-metrics")
	if err != nil {
		t.Error(err)
	}
	found := parseGauges(t, text)
	for _, invariant := range domaintest.Invariants() {
		if rows, ok := found[invariant.Name]; !ok || rows != 0 {
			t.Errorf("%s: %d, %v", invariant, rows, ok)
		}
	}
	if len(found) != len(domaintest.Invariants()) {
		t.Errorf("%d metrics, %d invariants", len(found), len(domaintest.Invariants()))
	}
}

func TestAuditsMetricsCountTheFindings(t *testing.T) {
	t.Parallel()
	env, db := openBrokenBooks(t)
	want := map[string]int{}
	findings, err := audit.Run(t.Context(), db, domaintest.Invariants())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		want[f.Invariant]++
	}
	text, err := finish(t, env, "audit", "-metrics")
	if err == nil || isUsageError(err) {
		t.Errorf("it ended with %v", err)
	}
	for invariant, rows := range parseGauges(t, text) {
		if rows != want[invariant] {
			t.Errorf("%s: %d, want %d", invariant, rows, want[invariant])
		}
	}
}

func TestExpireWritesDueLinesOnce(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		s.chargePaid("points-10000", 10_000)
		db := testdb.Open(s.T, s.env["DATABASE_URL"])
		err := db.Exec(`UPDATE point_lots SET expires_at = (SELECT MIN(created_at) FROM point_transactions) WHERE kind = 'BONUS'`).Error
		if err != nil {
			t.Fatal(err)
		}
		s.wantBalance(s.token, 10_000) // gone before the EXPIRE line is written
		for _, want := range []string{"expired points of 1 user\n", "expired points of 0 users\n"} {
			if text, err := finish(t, s.env, "expire"); err != nil || text != want {
				t.Errorf("%q, %v; want %q", text, err, want)
			}
		}
		lines := s.ask(s.token, readWallet).Data.Viewer.PointTransactions.Edges
		if len(lines) != 3 || lines[0].Node.Kind != "EXPIRE" || lines[0].Node.Amount != -100 {
			t.Errorf("unexpected history: %+v", lines)
		}
	})
}

func TestRefundsReleasesNoUnknownRefund(t *testing.T) {
	t.Parallel()
	env := sandboxOn(testdb.URL(t, testdb.SQLite))
	if text, err := finish(t, env, "refunds"); err != nil || text != "0 refunds are under way\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := finish(t, env, "refunds", "-release", "none", "-reason", "x"); apierror.CodeOf(err) != apierror.NotFound {
		t.Errorf("release of an unknown refund: %v", err)
	}
	if _, err := finish(t, env, "refunds", "-book", "none", "-amount", "1", "-reason", "x"); apierror.CodeOf(err) != apierror.NotFound {
		t.Errorf("booking of an unknown refund: %v", err)
	}
}

func TestBooksCommandsTakeNoArguments(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"audit now", "audit -x", "expire now", "expire -x", "refunds now"} {
		if _, err := finish(t, sandboxOn("file:"+t.TempDir()+"/test.db"), strings.Fields(args)...); !isUsageError(err) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
