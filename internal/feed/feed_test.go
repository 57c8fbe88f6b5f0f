package feed

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	gormlogger "gorm.io/gorm/logger"

	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

// statements are the statements sent to the database, according to GORM.
type statements struct {
	gormlogger.Interface

	mu    sync.Mutex
	texts []string
	trap  string // statements with this panic
}

func (s *statements) LogMode(gormlogger.LogLevel) gormlogger.Interface { return s }

func (s *statements) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	text, _ := statement()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
	if s.trap != "" && strings.Contains(text, s.trap) {
		panic("trapped")
	}
}

func (s *statements) setTrap(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trap = text
}

func (s *statements) since(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.texts[n:]
}

// newFeed is a feed on the database, whose statements are counted.
func newFeed(t *testing.T, db *gorm.DB, poll time.Duration) (*Feed, *statements) {
	t.Helper()
	counted := &statements{Interface: db.Logger}
	f := New(Config{Points: point.New(db.Session(&gorm.Session{Logger: counted})), Poll: poll, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(f.Close)
	return f, counted
}

func subscribe(t *testing.T, f *Feed, userID string, after *int) (lines <-chan point.Transaction, leave func()) {
	t.Helper()
	ctx, leave, err := f.Acquire(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	if lines, err = Subscribe(ctx, f, userID, after, func(line point.Transaction) point.Transaction { return line }); err != nil {
		t.Fatal(err)
	}
	return lines, leave
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("not so after 20 seconds: %s", what)
		}
	}
}

func TestTwoHundredStreamsCostOneStatementAnInterval(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		const poll = 10 * time.Millisecond
		f, counted := newFeed(t, db, poll)
		for i := range 200 {
			_, leave := subscribe(t, f, fmt.Sprint("user-", i), nil)
			defer leave()
		}
		opened, begun := len(counted.since(0)), time.Now()
		eventually(t, "twenty statements later", func() bool { return len(counted.since(opened)) >= 20 })
		most := int(time.Since(begun)/poll) + 2 // one was under way when we began, one is now
		texts := counted.since(opened)
		if len(texts) > most {
			t.Errorf("%d statements in %d intervals", len(texts), most)
		}
		for _, text := range texts[1:] {
			if !strings.Contains(text, "wallets") || strings.Count(text, "user-") != 200 {
				t.Fatalf("not one look at all: %.200s", text)
			}
		}
	})
}

func TestWithoutStreamsNothingIsAsked(t *testing.T) {
	t.Parallel()
	f, counted := newFeed(t, databasetest.New(t, databasetest.SQLite), time.Millisecond)
	_, leave := subscribe(t, f, "minji", nil)
	eventually(t, "it looks", func() bool { return len(counted.since(0)) > 3 })
	leave()
	eventually(t, "it has stopped looking", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return !f.polling && len(f.ledgers) == 0 && len(f.streams) == 0 && f.open == 0
	})
	lines, leave := subscribe(t, f, "minji", nil)
	defer leave()
	addLines(t, f, "minji", 1)
	if line := <-lines; line.Seq != 1 {
		t.Errorf("line %d: the next one to come does not begin it again", line.Seq)
	}
}

func addLines(t *testing.T, f *Feed, userID string, lines int) {
	t.Helper()
	for range lines {
		_, err := f.Points.Adjust(t.Context(), point.AdjustInput{UserID: userID, Amount: 1, Actor: domaintest.Sora(), Reason: "test",
			Reference: fmt.Sprint(time.Now().UnixNano())})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A reader that stops reading holds no more than one read of lines.
func TestAReaderThatStopsHoldsABoundedNumberOfLines(t *testing.T) {
	t.Parallel()
	f, counted := newFeed(t, databasetest.New(t, databasetest.SQLite), time.Millisecond)
	addLines(t, f, "minji", 3*readAhead)
	zero := 0
	lines, leave := subscribe(t, f, "minji", &zero)
	defer leave()
	reads := func() (n int) {
		for _, text := range counted.since(0) {
			if strings.Contains(text, "point_transactions") && strings.Contains(text, "seq >") {
				n++
			}
		}
		return n
	}
	<-lines
	looks := len(counted.since(0))
	eventually(t, "many looks later", func() bool { return len(counted.since(looks)) > 20 })
	if n := reads(); n != 1 {
		t.Errorf("lines were read %d times for one who takes none", n)
	}
	for want := int64(2); want <= 3*readAhead; want++ {
		if line := <-lines; line.Seq != want {
			t.Fatalf("line %d, want %d", line.Seq, want)
		}
	}
}

func TestALedgerThatCannotBeReadCutsTheStream(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t, databasetest.SQLite)
	f, _ := newFeed(t, db, time.Millisecond)
	lines, leave := subscribe(t, f, "minji", nil)
	defer leave()
	addLines(t, f, "minji", 1)
	if line := <-lines; line.Seq != 1 {
		t.Fatalf("line %d", line.Seq)
	}
	if err := db.Exec("ALTER TABLE point_transactions RENAME TO gone").Error; err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("UPDATE wallets SET seq = 2").Error; err != nil {
		t.Fatal(err)
	}
	if line, ok := <-lines; ok {
		t.Errorf("line %+v", line)
	}
}

func TestALookThatFailsCutsNothing(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t, databasetest.SQLite)
	f, counted := newFeed(t, db, time.Millisecond)
	lines, leave := subscribe(t, f, "minji", nil)
	defer leave()
	rename := func(from, to string) {
		if err := db.Exec("ALTER TABLE " + from + " RENAME TO " + to).Error; err != nil {
			t.Fatal(err)
		}
	}
	rename("wallets", "gone")
	looks := len(counted.since(0))
	eventually(t, "several looks have failed", func() bool { return len(counted.since(looks)) > 5 })
	rename("gone", "wallets")
	addLines(t, f, "minji", 1)
	if line := <-lines; line.Seq != 1 {
		t.Errorf("line %d", line.Seq)
	}
}

// TestAPanicEndsNoProcess: the poller goes on, and a stream is cut.
func TestAPanicEndsNoProcess(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t, databasetest.SQLite)
	f, counted := newFeed(t, db, time.Millisecond)
	lines, leave := subscribe(t, f, "minji", nil)
	defer leave()
	looks := len(counted.since(0))
	counted.setTrap("wallets")
	eventually(t, "it looks again after a panic", func() bool { return len(counted.since(looks)) > 2 })
	counted.setTrap("point_transactions")
	addLineUntraced(t, db, "minji")
	if line, ok := <-lines; ok {
		t.Errorf("there is a line %+v", line)
	}
}

func addLineUntraced(t *testing.T, db *gorm.DB, userID string) {
	t.Helper()
	quiet := point.New(db.Session(&gorm.Session{Logger: gormlogger.Discard}))
	_, err := quiet.Adjust(t.Context(), point.AdjustInput{UserID: userID, Amount: 1, Actor: domaintest.Sora(), Reason: "test", Reference: "1"})
	if err != nil {
		t.Fatal(err)
	}
}
