//go:build unix

package torture_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/audit"
	"pointcharge/internal/database"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

// booksFingerprint changes with every change of the books that matters.
const booksFingerprint = `SELECT (SELECT COUNT(*) FROM point_transactions) || ' ' || (SELECT COUNT(*) FROM charge_orders) || ' ' ||
	COALESCE((SELECT md5(string_agg(concat_ws(':', imp_uid, status, amount, cancelled_amount, problem), ',' ORDER BY imp_uid))
		FROM payments), '') || ' ' || (SELECT COUNT(*) FROM refunds WHERE status IN ('HELD', 'ACCEPTED'))`

// settle runs the operator's commands until the books stop changing and are right, and returns the
// time taken. After settleTimeout settle reports the differences.
func (r *run) settle(ctx context.Context) time.Duration {
	began := time.Now()
	db, err := database.Open(ctx, r.postgres.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		r.Error(err)
		return 0
	}
	defer database.Close(db)
	ctx, cancel := context.WithTimeout(ctx, r.settleTimeout())
	defer cancel()
	for last, told := "", began; ; {
		failed := errors.Join(r.runOperatorJobs(ctx), r.undoWrongExpiries(ctx, db))
		var now string
		if err := db.WithContext(ctx).Raw(booksFingerprint).Scan(&now).Error; err != nil {
			failed = err
		}
		v, wrong := r.judgeBooks(db)
		dry := failed == nil && now == last && now != ""
		last = now
		if dry && len(v) == 0 && wrong == nil {
			return time.Since(began)
		}
		if time.Since(told) > 30*time.Second {
			told = time.Now()
			r.Logf("%d differences after %.0f s", len(v), told.Sub(began).Seconds())
		}
		if !pause(ctx, 500*time.Millisecond) {
			r.reportDifferences(v)
			r.Errorf("the books are not right after %s: %d differences, %v, %v", time.Since(began), len(v), wrong, failed)
			return time.Since(began)
		}
	}
}

// settleTimeout is the time allowed until the books are right. When Iamport's clock is fast, a
// payment is on no list until the payment's stated minute.
func (r *run) settleTimeout() time.Duration {
	enough := 90*time.Second + time.Duration(r.orders)*30*time.Millisecond
	if *ordersFlag == 0 || r.seed/15%2 == 1 {
		return enough
	}
	return enough + time.Duration(1+r.seed%15)*time.Minute
}

// runOperatorJobs finds payments without a webhook, as an operator or a schedule does.
func (r *run) runOperatorJobs(ctx context.Context) error {
	for _, args := range [][]string{{"sweep"}, {"reconcile"}} {
		_, err := r.servers[0].command(ctx, args...)
		if err != nil && !strings.Contains(err.Error(), "the books and Iamport do not agree") { // the list of problems is expected
			return err
		}
	}
	return r.releaseHeldRefunds(ctx)
}

// judgeBooks compares the books with Iamport, where nothing changes any more.
func (r *run) judgeBooks(db *gorm.DB) (verdict, error) {
	b, err := readBooks(context.Background(), db)
	if err != nil {
		return nil, err
	}
	v := b.judge(r.gateway.All(), r.journal, time.Now())
	b.judgeReconciliation(v, r.shopped)
	findings, err := audit.Run(context.Background(), db, domaintest.Invariants())
	if err != nil {
		return nil, err
	}
	for _, f := range findings {
		v.add("audit", "%s", f)
	}
	return v, nil
}

// reportDifferences prints the differences, each with the lines about it in Iamport's and the
// servers' logs.
func (r *run) reportDifferences(v verdict) {
	places := map[string]int{}
	all := r.gateway.All()
	for i, p := range all {
		places[p.ImpUID] = i
	}
	for i, about := range slices.Sorted(maps.Keys(v)) {
		const most = 10
		if i == most {
			r.Errorf("… and %d more", len(v)-most)
			return
		}
		words := []string{about}
		var p sandbox.Payment
		if place, ok := places[about]; ok {
			p = all[place]
			words = append(words, p.MerchantUID, fmt.Sprintf("#%d ", place+1), fmt.Sprintf("#%d\"", place+1))
		}
		r.Errorf("%s: %s\nIamport: %+v\n%s\n%s", about, strings.Join(v[about], "; "), p,
			strings.Join(r.gatewayLog.linesWith(20, words...), "\n"), strings.Join(r.serverLog.linesWith(20, words...), "\n"))
	}
}

// expectNoSession waits until PostgreSQL has ended the sessions of all servers, killed servers
// included. PgBouncer keeps idle sessions.
func (r *run) expectNoSession() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	db, err := database.Open(ctx, r.postgres.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		r.Error(err)
		return
	}
	defer database.Close(db)
	for {
		var n int
		err := db.WithContext(ctx).Raw(`SELECT COUNT(*) FROM pg_stat_activity
			WHERE application_name = 'pointcharge' AND pid <> pg_backend_pid() AND (state <> 'idle' OR NOT ?)`, *pgbouncerFlag).Scan(&n).Error
		if err == nil && n == 0 {
			return
		}
		if !pause(ctx, 50*time.Millisecond) {
			r.Errorf("%d sessions of the servers are left in the database: %v", n, err)
			return
		}
	}
}

func (r *run) parseURL(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil {
		r.Fatal(err)
	}
	return u
}

// figures are the times that the run took.
type figures struct{ start, shopping, dry time.Duration }

// logFigures prints the figures in full, and as a row of the table in docs/RELIABILITY.md.
func (r *run) logFigures(f figures) {
	kinds, problems := map[string]int{}, map[string]int{}
	for _, p := range r.gateway.All() {
		kinds[p.Status]++
	}
	ended := 0
	for _, s := range r.servers {
		ended += s.exits
	}
	credited, taken, faults := r.countBooks(problems)
	for _, n := range r.gateway.Faults().Injected {
		faults += n
	}
	late := "told late"
	if r.dropLateWebhooks {
		late = "lost"
	}
	r.Logf("injected: %v", r.gateway.Faults().Injected)
	r.Logf("problems: %v; payments: %v; refused: %v; servers that could not start: %d", problems, kinds, r.client.refused, ended)
	r.Logf("webhooks: %d handed on, %d lost; spends %d, refunds %d, decisions %d, flushed %d times while people paid", r.relay.delivered.Load(),
		r.relay.lost.Load(), len(r.journal.spends), len(r.journal.refunds), r.counts.decided.Load(), r.counts.flushedTasks)
	r.Logf("clock jumps %d, fail-overs %d, expiries undone %d, refunds of the future released %d", r.counts.jumps, r.counts.failOvers,
		r.counts.undone, r.counts.futureRefunds)
	listed := 0
	for _, n := range problems {
		listed += n
	}
	r.Logf("| %d | %d | %s | %d | %d + %d | %.0f s | %d | %d (%d) | %d | %d | %d | %d | %.0f s | %.0f s | %t |", r.seed, r.orders, late,
		r.counts.kills, r.counts.crashes, r.counts.restarts, r.counts.down.Seconds(), faults, r.client.calls, r.client.unanswered,
		len(r.gateway.All()), credited, taken, listed, f.shopping.Seconds(), f.dry.Seconds(), !r.Failed())
}

// countBooks counts the credited payments, the clawbacks and the problems in the books.
func (r *run) countBooks(problems map[string]int) (credited, taken, none int) {
	db, err := database.Open(context.Background(), r.postgres.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		r.Error(err)
		return 0, 0, 0
	}
	defer database.Close(db)
	b, err := readBooks(context.Background(), db)
	if err != nil {
		r.Error(err)
	}
	r.expectDecisions(b)
	for _, reason := range b.listed {
		problems[reason]++
	}
	for _, l := range b.lines {
		switch l.Kind {
		case "CHARGE":
			credited++
		case "CHARGE_CANCEL":
			taken++
		}
	}
	return credited, taken, 0
}
