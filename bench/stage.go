package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/jackc/pgx/v5"

	"pointcharge/internal/database/databasetest"
)

// authSecret signs the users' tokens. The secret lives as long as a throwaway server on loopback.
const authSecret = "bench-secret-for-a-server-that-nobody-else-sees"

// stage holds the running processes and folders of a comparison.
type stage struct {
	options

	sweepEvery string   // a setting of the server
	more       []string // settings of the server, as NAME=value
	dir        string   // temporary
	binary     string   // of the server and the sandbox
	postgres   string   // the cluster's folder, with the cluster's socket and log
	url        string   // the database's
	db         *pgx.Conn
	sandbox    *program
	server     *program // once serve was called
	closers    []func()
}

// setUp starts PostgreSQL and the sandbox. The stage must be closed, also after an error.
func (s *stage) setUp(ctx context.Context) (err error) {
	if s.dir, err = s.makeTempFolder(); err != nil {
		return err
	}
	if s.binary = s.options.server; s.binary == "" {
		if s.binary, err = buildServer(ctx, s.dir); err != nil {
			return err
		}
	}
	if err = s.startPostgres(ctx); err != nil {
		return err
	}
	if s.sandbox, err = startServer(ctx, s.binary, nil, "sandbox", "-addr", "127.0.0.1:0"); err != nil {
		return err
	}
	s.closeLater(s.sandbox.stop)
	return nil
}

// makeTempFolder makes a folder that is removed with the stage.
func (s *stage) makeTempFolder() (string, error) {
	dir, err := os.MkdirTemp("", "pointcharge-bench")
	s.closeLater(func() { _ = os.RemoveAll(dir) })
	return dir, err
}

// startPostgres makes a cluster that writes to disk like a shop's: no safeguard is switched off.
// Only memory and log are larger than PostgreSQL's defaults, which are meant for the smallest
// machines.
func (s *stage) startPostgres(ctx context.Context) (err error) {
	// Not within s.dir: under root, the cluster belongs to a user without access to s.dir.
	if s.postgres, err = s.makeTempFolder(); err != nil {
		return err
	}
	var stop func()
	s.url, stop, err = databasetest.StartPostgres(s.postgres, "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB",
		"-c", "log_line_prefix="+linePrefix)
	if err != nil {
		return err
	}
	s.closeLater(stop)
	if s.db, err = pgx.Connect(ctx, s.url); err != nil {
		return err
	}
	s.closeLater(func() { _ = s.db.Close(context.WithoutCancel(ctx)) })
	return nil
}

// startServer starts a server on the database at url.
func (s *stage) startServer(ctx context.Context, url string) (*program, error) {
	return startServer(ctx, s.binary, append([]string{
		"MODE=sandbox", "ADDR=127.0.0.1:0", "DATABASE_URL=" + url, "IAMPORT_URL=http://" + s.sandbox.address,
		"AUTH_HS256_SECRET=" + authSecret,
		// The jobs' statements would be mistaken for a charge's, and the jobs' work for a
		// request's.
		"REFUNDS_EVERY=0s", "EXPIRE_ORDERS_EVERY=0s", "EXPIRE_POINTS_EVERY=0s", "SWEEP_EVERY=" + s.sweepEvery,
		"SWEEP_GRACE=1s",
	}, s.more...))
}

// startMeasuredServer starts the server under measurement.
func (s *stage) startMeasuredServer(ctx context.Context) (err error) {
	if s.server, err = s.startServer(ctx, s.url); err != nil {
		return err
	}
	s.closeLater(s.server.stop)
	return nil
}

// settleDatabase brings statistics and disk up to date, so that neither side pays for earlier
// writes.
func (s *stage) settleDatabase(ctx context.Context) error {
	for _, statement := range []string{"VACUUM (ANALYZE)", "CHECKPOINT"} {
		if _, err := s.db.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// pgbenchPath is the pgbench beside the server's own binaries, unless the command was given
// another.
func (s *stage) pgbenchPath(ctx context.Context) (string, error) {
	if s.pgbench != "" {
		return s.pgbench, nil
	}
	var dir string
	err := s.db.QueryRow(ctx, "SELECT setting FROM pg_config WHERE name = 'BINDIR'").Scan(&dir)
	return filepath.Join(dir, "pgbench"), err
}

// closeLater registers f to run when the stage is closed. The functions run in reverse order.
func (s *stage) closeLater(f func()) { s.closers = append(s.closers, f) }

func (s *stage) close() {
	for _, f := range slices.Backward(s.closers) {
		f()
	}
	s.closers = nil
}
