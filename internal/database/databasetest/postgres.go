package databasetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

var errNoPostgres = errors.New("no PostgreSQL server binaries (postgres, initdb) found")

// StartPostgres creates a PostgreSQL cluster in dir, starts the server on a Unix socket in dir and
// waits until the server answers. Further args go to the postgres command, such as "-c",
// "fsync=off"; without args, committed data is on disk.
//
// stop ends the server and removes dir. The end of this process has the same effect, be the cause
// SIGKILL, a panic or os.Exit. Under root, the server runs as the user postgres or nobody, because
// PostgreSQL refuses to run as root.
func StartPostgres(dir string, args ...string) (url string, stop func(), err error) {
	i, err := startInstance(dir, args)
	if err != nil {
		return "", nil, err
	}
	return i.URL, i.server.stop, nil
}

// Instance is a PostgreSQL server for one test. A restart keeps the address and the data.
type Instance struct {
	URL string

	server *server
}

// NewInstance starts PostgreSQL with further args for the postgres command, and stops the server
// when the test ends. Without PostgreSQL's binaries the test is skipped, or fails with
// REQUIRE_POSTGRES=1, also where TEST_DATABASE_URL is set.
func NewInstance(t testing.TB, args ...string) *Instance {
	t.Helper()
	dir, err := os.MkdirTemp(memoryFolder(), "pointcharge") //nolint:usetesting // t.TempDir is too long for a socket's address
	if err != nil {
		t.Fatal(err)
	}
	i, err := startInstance(dir, args)
	if errors.Is(err, errNoPostgres) {
		_ = os.Remove(dir)
		skipOrFail(t)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(i.server.stop)
	return i
}

func startInstance(dir string, args []string) (*Instance, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	bin, err := postgresBinaries()
	if err != nil {
		return nil, err
	}
	server, err := createCluster(bin, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := server.start(args); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	i := &Instance{socketURL(dir), server}
	if err := waitUntilAnswering(i.URL); err != nil {
		err = fmt.Errorf("%w\n%s", err, server.readLog())
		server.stop()
		return nil, err
	}
	return i, nil
}

// Crash ends the server without any preparation ("immediate"), like a killed process, and returns
// after restart and recovery. Committed data survives, also with fsync=off: the machine did not
// crash.
func (i *Instance) Crash() error { return i.restartWithSignal("QUIT") }

// Restart ends the server in order ("fast"), breaking off running transactions, and returns after
// the start.
func (i *Instance) Restart() error { return i.restartWithSignal("INT") }

func (i *Instance) restartWithSignal(signal string) error {
	before, err := startedAt(i.URL)
	if err != nil {
		return err
	}
	if err := i.server.restart(signal); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		after, err := startedAt(i.URL)
		if err == nil && after.Equal(before) {
			err = errors.New("it has not ended yet")
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(20*time.Millisecond)))
	if err != nil {
		err = fmt.Errorf("restart PostgreSQL: %w\n%s", err, i.server.readLog())
	}
	return err
}

// startedAt returns the start time of the server at url.
func startedAt(url string) (at time.Time, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return at, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SELECT pg_postmaster_start_time()").Scan(&at)
	return at, err
}

func socketURL(dir string) string {
	query := url.Values{"host": {dir}}
	return "postgres://postgres@/postgres?" + query.Encode()
}

// waitUntilAnswering waits until the server at url takes connections.
func waitUntilAnswering(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, conn.Close(ctx)
	}, backoff.WithBackOff(backoff.NewConstantBackOff(20*time.Millisecond)))
	return err
}

func (s *server) readLog() []byte {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// postgresBinaries is the folder of initdb and postgres: the PATH's, or the newest version in the
// usual places.
func postgresBinaries() (string, error) {
	if postgres, err := exec.LookPath("postgres"); err == nil {
		if postgres, err = filepath.EvalSymlinks(postgres); err == nil && hasInitdb(filepath.Dir(postgres)) {
			return filepath.Dir(postgres), nil
		}
	}
	var found []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian
		"/usr/pgsql-*/bin",                   // Red Hat, from postgresql.org
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew
		"/usr/local/opt/postgresql@*/bin",
	} {
		dirs, _ := filepath.Glob(pattern) // fails for a bad pattern only
		found = append(found, slices.DeleteFunc(dirs, func(dir string) bool { return !hasInitdb(dir) })...)
	}
	if len(found) == 0 {
		return "", errNoPostgres
	}
	return slices.MaxFunc(found, func(a, b string) int { return majorVersion(a) - majorVersion(b) }), nil
}

func hasInitdb(dir string) bool {
	_, err := exec.LookPath(filepath.Join(dir, "initdb"))
	return err == nil
}

// majorVersion is the major version in a folder's name: 15 of /usr/lib/postgresql/15/bin, and 9 of
// …/9.6/bin.
func majorVersion(dir string) int {
	n, _ := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(dir))
	return n
}
