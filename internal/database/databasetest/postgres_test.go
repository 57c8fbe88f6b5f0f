//go:build unix

package databasetest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"

	"pointcharge/internal/database/databasetest"
)

func TestStopEndsTheClusterAndRemovesItsFolder(t *testing.T) {
	t.Parallel()
	databasetest.EmptyURL(t, databasetest.Postgres) // skips where there is no PostgreSQL
	dir := makeShortFolder(t)
	url, stop, err := databasetest.StartPostgres(dir, "-c", "fsync=off", "-c", "work_mem=5MB")
	if err != nil {
		t.Fatal(err)
	}
	if got := showSetting(t, url, "work_mem"); got != "5MB" {
		t.Errorf("work_mem is %s", got)
	}
	stop()
	stop() // again, as a deferred stop does
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestAKilledTestLeavesNoClusterBehind(t *testing.T) {
	t.Parallel()
	databasetest.EmptyURL(t, databasetest.Postgres)
	dir := makeShortFolder(t)
	victim := exec.Command(os.Args[0], "-test.run=TestHelperHoldsACluster$", "-test.v")
	victim.Env = append(os.Environ(), "HOLD_CLUSTER_IN="+dir)
	output, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() && !strings.Contains(lines.Text(), "the cluster is up") {
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("no cluster was started: %v", err)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	wantFolderGone(t, dir)
}

// TestHelperHoldsACluster is the process that TestAKilledTestLeavesNoClusterBehind kills.
func TestHelperHoldsACluster(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("HOLD_CLUSTER_IN")
	if dir == "" {
		t.Skip("not a test by itself")
	}
	if _, _, err := databasetest.StartPostgres(dir, "-c", "fsync=off"); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString("the cluster is up\n")
	select {} // until killed
}

// makeShortFolder returns a folder with a path short enough for a socket's name, and open to an
// unprivileged server.
func makeShortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // t.TempDir is too long, and closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func showSetting(t *testing.T, url, setting string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), "SHOW "+setting).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// wantFolderGone polls, because the processes that remove dir are not children of the test any
// more.
func wantFolderGone(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			return struct{}{}, errors.New("the folder is still there")
		}
		return struct{}{}, nil
	}, backoff.WithBackOff(backoff.NewConstantBackOff(10*time.Millisecond)))
	if err != nil {
		t.Error(err)
	}
}

// TestARestartLosesNothingThatWasCommitted, however the server ended; what was under way is gone.
func TestARestartLosesNothingThatWasCommitted(t *testing.T) {
	t.Parallel()
	instance := databasetest.NewInstance(t, "-c", "fsync=off")
	execute(t, instance.URL, "CREATE TABLE kept (n int)")
	for n, restart := range []func() error{instance.Crash, instance.Restart} {
		open, err := pgx.Connect(t.Context(), instance.URL)
		if err != nil {
			t.Fatal(err)
		}
		execute(t, instance.URL, "INSERT INTO kept VALUES (1)")
		if _, err := open.Exec(t.Context(), "BEGIN; INSERT INTO kept VALUES (2)"); err != nil {
			t.Fatal(err)
		}
		if err := restart(); err != nil {
			t.Fatal(err)
		}
		if err := open.Ping(t.Context()); err == nil {
			t.Error("a connection survived")
		}
		execute(t, instance.URL, fmt.Sprintf("DO $$ BEGIN ASSERT (SELECT sum(n) = %d FROM kept); END $$", n+1))
	}
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
