//go:build unix

package torture_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/longtest"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// Further hardships. Only the payments of other shops are on with LONG=1: the others need a run
// of minutes.
var (
	clockFlag     = flag.String("clock", "", "one server's clock jumps by minutes and by years: year is one number of years in a run, years are several")
	pgbouncerFlag = flag.Bool("pgbouncer", false, "the servers reach PostgreSQL through PgBouncer")
	failOverFlag  = flag.Bool("failover", false, "PostgreSQL becomes read-only for a while, twice")
	foreignFlag   = flag.Int("foreign", longtest.Size(0, 3), "payments of other shops on the account for each payment")
)

// clockJumps returns by how much a clock is wrong, one after the other, and right in between.
func (r *run) clockJumps() []time.Duration {
	const year = 365 * domaintest.Day
	years := []time.Duration{2 * year, -6 * year, 6 * year, -400 * domaintest.Day}
	if *clockFlag == "year" {
		years = slices.Repeat(years[r.seed%4:r.seed%4+1], 3)
	}
	return append(years, 4*time.Minute, 7*time.Minute, -7*time.Minute, 0, 0)
}

// moveClock moves one server's clock until ctx ends, and leaves it right.
func (r *run) moveClock(ctx context.Context) {
	if *clockFlag == "" {
		return
	}
	random, jumps := rand.New(rand.NewPCG(r.seed, 1<<42)), r.clockJumps()
	for i := 0; pause(ctx, min(5*time.Second, time.Duration(r.orders)*10*time.Millisecond)); i++ {
		if i%len(jumps) == 0 {
			random.Shuffle(len(jumps), func(i, j int) { jumps[i], jumps[j] = jumps[j], jumps[i] })
		}
		r.setClock(jumps[i%len(jumps)])
		r.counts.jumps++
	}
	r.setClock(0)
}

// setClock makes the clock of one server wrong by the offset.
func (r *run) setClock(offset time.Duration) {
	draft := r.clockFile + ".new"
	if err := os.WriteFile(draft, []byte(offset.String()), 0o600); err != nil {
		r.Error(err)
	}
	if err := os.Rename(draft, r.clockFile); err != nil {
		r.Error(err)
	}
}

// giveClock lets the last server run with a clock that can be moved.
func (r *run) giveClock(s *server) {
	r.clockFile = filepath.Join(r.TempDir(), "clock")
	r.setClock(0)
	s.binary, s.first = buildProgram(r.T, "pointcharge/internal/torture/clockserver"), []string{r.clockFile}
}

// serverDatabaseURL returns the address at which the servers find the database.
func (r *run) serverDatabaseURL() string {
	if !*pgbouncerFlag {
		return r.postgres.URL
	}
	return databasetest.PoolerURL(r.T, r.postgres.URL, databasetest.TransactionPooling)
}

// failOver makes PostgreSQL read-only for a while. The old sessions end before, as the sessions
// of a lost primary do. Without endAfter the sessions that were opened meanwhile stay read-only.
func (r *run) failOver(ctx context.Context, endAfter bool) error {
	if !*failOverFlag {
		return nil
	}
	r.counts.failOvers++
	if err := r.setReadOnly("on", true); err != nil {
		return err
	}
	pause(ctx, min(6*time.Second, time.Second+time.Duration(r.orders)*5*time.Millisecond))
	return r.setReadOnly("off", endAfter || *pgbouncerFlag) // PgBouncer would keep them
}

func (r *run) setReadOnly(value string, endSessions bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	admin, err := pgx.Connect(ctx, r.postgres.URL+"&default_transaction_read_only=off")
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "ALTER DATABASE postgres SET default_transaction_read_only = "+value); err != nil || !endSessions {
		return err
	}
	return endOtherSessions(ctx, admin)
}

func endOtherSessions(ctx context.Context, admin *pgx.Conn) error {
	_, err := admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`)
	return err
}

// makeForeignPayments makes payments of other shops on the same account of Iamport. No webhook of
// theirs comes to us.
func (s *shopper) makeForeignPayments() {
	for i := range *foreignFlag {
		p := sandbox.Payment{MerchantUID: fmt.Sprintf("goods-%d-%d", s.number, i), Sandbox: true,
			Amount: json.Number(fmt.Sprint(100 + s.random.IntN(100_000)))}
		p.Status = []string{sandbox.Paid, sandbox.Paid, sandbox.Cancelled, sandbox.Failed, sandbox.Ready}[s.random.IntN(5)]
		s.gateway.Put(p)
	}
}

// undoWrongExpiries does what an operator does after a clock was wrong: no point of this run may
// expire within a day. Lots that were written with a clock of the past are due now, and so many at
// once that the job waits for an operator.
func (r *run) undoWrongExpiries(ctx context.Context, db *gorm.DB) error {
	if *clockFlag == "" {
		return nil
	}
	points, sora, now := domaintest.NewServices(db, nil), domaintest.Sora(), time.Now()
	if _, err := points.ExpireLargeShare(ctx, sora, 500); err != nil {
		return err
	}
	done, err := points.UndoExpiries(ctx, point.UndoExpiriesInput{From: now.AddDate(-9, 0, 0), To: now.AddDate(9, 0, 0),
		ExpiresAt: now.AddDate(5, 0, 0), Reason: "a clock was wrong", Actor: sora}, 1000)
	r.counts.undone += done.Undone
	return err
}
