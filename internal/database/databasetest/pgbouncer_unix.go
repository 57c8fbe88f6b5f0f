//go:build unix

package databasetest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The pool modes of PgBouncer supported by pointcharge.
const (
	SessionPooling     = "session"
	TransactionPooling = "transaction"
)

// PoolerURL starts a PgBouncer in front of the database at databaseURL and returns the database's
// address through PgBouncer. PgBouncer shares at most four sessions of the server among all
// clients. PgBouncer ends with the test, or with this process, whatever ends the process. Without
// PgBouncer on the machine the test is skipped, or fails with REQUIRE_PGBOUNCER=1.
func PoolerURL(t testing.TB, databaseURL, mode string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		// Debian's folder, missing in some PATHs.
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		skipOrFailWithoutPgBouncer(t)
	}
	dir, err := os.MkdirTemp("", "pgbouncer") //nolint:usetesting // t.TempDir is too long for a socket's address
	if err != nil {
		t.Fatal(err)
	}
	pooler, err := startPgBouncer(program, dir, databaseURL, mode)
	if err != nil {
		t.Fatal(errors.Join(err, os.RemoveAll(dir)))
	}
	t.Cleanup(pooler.stop)
	through := socketAddress(t, databaseURL, dir)
	if err := waitUntilAnswering(through); err != nil {
		t.Fatalf("start PgBouncer: %v\n%s", err, pooler.readLog())
	}
	return through
}

func startPgBouncer(program, dir, databaseURL, mode string) (*server, error) {
	owner, err := serverOwner()
	if err != nil {
		return nil, err
	}
	config, err := pgBouncerConfig(dir, databaseURL, mode)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	if owner != nil {
		err = errors.Join(os.Chown(dir, int(owner.Uid), int(owner.Gid)), os.Chown(file, int(owner.Uid), int(owner.Gid)))
	}
	if err != nil {
		return nil, err
	}
	pooler := &server{dir: dir, owner: owner, ended: make(chan struct{})}
	return pooler, pooler.runUnderWatchdog("TERM", program, "pgbouncer.ini")
}

func pgBouncerConfig(dir, databaseURL, mode string) (string, error) {
	server, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return "", err
	}
	quote := func(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
	database := fmt.Sprintf("* = host=%s port=%d user=%s", quote(server.Host), server.Port, quote(server.User))
	if server.Password != "" {
		database += " password=" + quote(server.Password)
	}
	settings := []string{"[databases]", database, "[pgbouncer]", "pool_mode = " + mode, "auth_type = any",
		"listen_addr =", "unix_socket_dir = " + dir, "default_pool_size = 4", "max_client_conn = 100",
		"server_login_retry = 1"} // of 15 seconds, which a test of a crash would wait
	if os.Getenv("PGOPTIONS") != "" {
		settings = append(settings, "ignore_startup_parameters = options")
	}
	return strings.Join(settings, "\n") + "\n", nil
}

// socketAddress replaces the server in databaseURL by PgBouncer's socket in dir.
func socketAddress(t testing.TB, databaseURL, dir string) string {
	t.Helper()
	address, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	query.Set("host", dir)
	query.Set("port", "6432")
	for _, name := range []string{"lock_timeout", "statement_timeout"} { // for the connection of waitUntilAnswering
		query.Del(name)
	}
	address.Host, address.RawQuery = "", query.Encode()
	return address.String()
}

// skipOrFailWithoutPgBouncer ends a test on a machine without PgBouncer.
func skipOrFailWithoutPgBouncer(t testing.TB) {
	t.Helper()
	const message = "no PgBouncer: install it (Debian: apt install pgbouncer)"
	if os.Getenv("REQUIRE_PGBOUNCER") == "1" {
		t.Fatal(message)
	}
	t.Skip(message)
}
