package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/audit"
	"pointcharge/internal/cli"
	testdb "pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
)

// testTimeout is the longest wait for an event. Only a failing test waits so long.
const testTimeout = 60 * time.Second

// program is a running command that ends at the test's request.
type program struct {
	*testing.T
	stdout output
	cancel context.CancelFunc
	ended  chan struct{} // closed when it has returned err
	err    error
	label  string // on every goroutine of the command
}

// launch starts command. The command must end with the context, and leave no goroutine or session
// behind.
func launch(t *testing.T, command func(ctx context.Context, stdout io.Writer) error) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{T: t, cancel: cancel, ended: make(chan struct{}), label: rand.Text()}
	p.stdout.grown = make(chan struct{})
	go pprof.Do(ctx, pprof.Labels("program", p.label), func(ctx context.Context) {
		p.err = command(ctx, &p.stdout)
		close(p.ended)
	})
	t.Cleanup(func() { p.stop() })
	return p
}

// start runs the program with args in an environment.
func start(t *testing.T, env environment, args ...string) *program {
	t.Helper()
	return launch(t, func(ctx context.Context, stdout io.Writer) error {
		program := cli.Program{Getenv: env.get, Environ: env.list(), Stdout: stdout, Stderr: os.Stderr}
		return program.Run(ctx, args)
	})
}

// finish runs the program with args to the end, and returns the standard output.
func finish(t *testing.T, env environment, args ...string) (stdout string, err error) {
	t.Helper()
	p := start(t, env, args...)
	p.wait()
	p.wantNothingLeft()
	return p.stdout.text(), p.err
}

func (p *program) wait() {
	p.Helper()
	select {
	case <-p.ended:
	case <-time.After(testTimeout):
		p.Fatalf("the program does not end:\n%s", p.goroutines())
	}
}

// stop asks the program to end, as a signal does, and waits for the end of the program and of all
// goroutines.
func (p *program) stop() {
	p.Helper()
	p.cancel()
	p.wait()
	p.wantNothingLeft()
}

// wantNothingLeft gives goroutines that are about to end the time to do so.
func (p *program) wantNothingLeft() {
	p.Helper()
	for deadline := time.Now().Add(testTimeout / 3); p.goroutines() != ""; runtime.Gosched() { // idle connections live longer
		if time.Now().After(deadline) {
			p.Errorf("it left goroutines behind:\n%s", p.goroutines())
			return
		}
	}
}

// goroutines returns the stacks of goroutines with the program's label. A goroutine inherits the
// label from the starting goroutine, also in libraries.
func (p *program) goroutines() string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		p.Fatal(err)
	}
	var ours []string
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, p.label) {
			ours = append(ours, stack)
		}
	}
	return strings.Join(ours, "\n\n")
}

// printed waits until the output matches the pattern, and returns the first group.
func (p *program) printed(pattern string) string {
	p.Helper()
	timeout := time.After(testTimeout)
	for {
		text, grown := p.stdout.read()
		if match := regexp.MustCompile(pattern).FindStringSubmatch(text); match != nil {
			return match[1]
		}
		select {
		case <-grown:
		case <-p.ended:
			p.Fatalf("it ended with %v before it printed %s:\n%s", p.err, pattern, text)
		case <-timeout:
			p.Fatalf("it did not print %s:\n%s", pattern, text)
		}
	}
}

// output is a standard output that can be waited for.
type output struct {
	mu    sync.Mutex
	all   bytes.Buffer
	grown chan struct{} // closed by the next write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.all.Write(p)
}

func (o *output) read() (text string, grown <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String(), o.grown
}

func (o *output) text() string {
	text, _ := o.read()
	return text
}

// environment holds the environment variables of the program.
type environment map[string]string

func (e environment) get(name string) string { return e[name] }

// list returns the variables as os.Environ does.
func (e environment) list() []string {
	var out []string
	for name, value := range e {
		out = append(out, name+"="+value)
	}
	return out
}

func (e environment) with(more environment) environment {
	out := maps.Clone(e)
	maps.Copy(out, more)
	return out
}

// sandboxOn is an environment for a server on any free port.
func sandboxOn(databaseURL string) environment {
	return environment{"ADDR": "127.0.0.1:0", "DATABASE_URL": databaseURL}
}

// eachDatabase runs test on a database of each dialect, and audits the books after all programs
// have stopped.
func eachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	eachDialect(t, testdb.URL, test)
}

// eachEmptyDatabase is for first starts: there is no table yet.
func eachEmptyDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	eachDialect(t, testdb.EmptyURL, test)
}

// eachEmptyDatabaseUnaudited is for programs that leave the database without tables.
func eachEmptyDatabaseUnaudited(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for _, dialect := range []string{testdb.SQLite, testdb.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			test(t, testdb.EmptyURL(t, dialect))
		})
	}
}

func eachDialect(t *testing.T, address func(testing.TB, string) string, test func(t *testing.T, url string)) {
	t.Helper()
	for _, dialect := range []string{testdb.SQLite, testdb.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			url := address(t, dialect)
			db := testdb.Open(t, withTestName(url, dialect))
			t.Cleanup(func() {
				wantCleanBooks(t, db)
				wantNoSession(t, db)
			})
			test(t, url)
		})
	}
}

// withTestName names the test's own sessions in the database, to distinguish the sessions from a
// program's.
func withTestName(url, dialect string) string {
	if dialect == testdb.Postgres {
		url += "&application_name=test" // there are parameters already
	}
	return url
}

// wantNoSession fails if an ended program left a session in the database. PostgreSQL is given time
// to notice.
func wantNoSession(t *testing.T, db *gorm.DB) {
	t.Helper()
	if db.Name() != testdb.Postgres {
		return
	}
	for deadline := time.Now().Add(testTimeout / 3); ; runtime.Gosched() {
		var left int
		err := db.Raw(`SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'pointcharge'`).Scan(&left).Error
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%d sessions are left in the database", left)
			return
		}
	}
}

func wantCleanBooks(t *testing.T, db *gorm.DB) {
	t.Helper()
	findings, err := audit.Run(context.Background(), db, domaintest.Invariants())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("audit: %s", f)
	}
}

func isUsageError(err error) bool {
	_, ok := errors.AsType[cli.UsageError](err)
	return ok
}

func TestLeftGoroutinesAreNoticed(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := launch(t, func(context.Context, io.Writer) error {
		go func() { <-release }()
		return nil
	})
	p.wait()
	if p.goroutines() == "" {
		t.Error("a goroutine that waits was not found")
	}
	close(release)
}
