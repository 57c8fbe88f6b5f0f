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

// authSecret signs the users' tokens. It lives as long as a throwaway server on loopback.
const authSecret = "bench-secret-for-a-server-that-nobody-else-sees"

// stage is everything that a comparison needs, running.
type stage struct {
	options

	sweepEvery string   // a setting of the server
	more       []string // settings of the server, as NAME=value
	dir        string   // temporary
	binary     string   // of the server and the sandbox
	postgres   string   // the cluster's folder, which holds its socket and its log
	url        string   // the database's
	db         *pgx.Conn
	sandbox    *program
	server     *program // once serve was called
	closers    []func()
}

// setUp starts PostgreSQL and the sandbox. The stage must be closed, also after an error.
func (s *stage) setUp(ctx context.Context) (err error) {
	if s.dir, err = s.temporary(); err != nil {
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
	s.later(s.sandbox.stop)
	return nil
}

// temporary makes a folder that goes when the stage does.
func (s *stage) temporary() (string, error) {
	dir, err := os.MkdirTemp("", "pointcharge-bench")
	s.later(func() { _ = os.RemoveAll(dir) })
	return dir, err
}

// startPostgres makes a cluster that writes to disk as a shop's would: nothing is switched off,
// only its memory and its log are made larger than the defaults for the smallest of machines.
func (s *stage) startPostgres(ctx context.Context) (err error) {
	// Not within s.dir: as root, the cluster belongs to a user who may not look in there.
	if s.postgres, err = s.temporary(); err != nil {
		return err
	}
	var stop func()
	s.url, stop, err = databasetest.StartPostgres(s.postgres, "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB",
		"-c", "log_line_prefix="+linePrefix)
	if err != nil {
		return err
	}
	s.later(stop)
	if s.db, err = pgx.Connect(ctx, s.url); err != nil {
		return err
	}
	s.later(func() { _ = s.db.Close(context.WithoutCancel(ctx)) })
	return nil
}

// startServer starts a server on the database at url.
func (s *stage) startServer(ctx context.Context, url string) (*program, error) {
	return startServer(ctx, s.binary, append([]string{
		"MODE=sandbox", "ADDR=127.0.0.1:0", "DATABASE_URL=" + url, "IAMPORT_URL=http://" + s.sandbox.address,
		"AUTH_HS256_SECRET=" + authSecret,
		// The jobs' statements would be taken for a charge's, and their work for a request's.
		"REFUNDS_EVERY=0s", "EXPIRE_ORDERS_EVERY=0s", "EXPIRE_POINTS_EVERY=0s", "SWEEP_EVERY=" + s.sweepEvery,
		"SWEEP_GRACE=1s",
	}, s.more...))
}

// serve starts the server that is measured.
func (s *stage) serve(ctx context.Context) (err error) {
	if s.server, err = s.startServer(ctx, s.url); err != nil {
		return err
	}
	s.later(s.server.stop)
	return nil
}

// settle brings statistics and disk up to date, so that neither side pays for what was written
// before it.
func (s *stage) settle(ctx context.Context) error {
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

// later runs f when the stage is closed, before what was put off earlier.
func (s *stage) later(f func()) { s.closers = append(s.closers, f) }

func (s *stage) close() {
	for _, f := range slices.Backward(s.closers) {
		f()
	}
	s.closers = nil
}
