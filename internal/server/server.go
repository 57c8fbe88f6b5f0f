// Package server puts the parts of the program together and runs them: routes, middleware, jobs,
// metrics, and in sandbox mode the pretend Iamport.
package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"pointcharge/internal/config"
	"pointcharge/internal/database"
)

// shutdownTimeout is how long requests in flight may take once the server was asked to stop. It is
// longer than the longest of them: an operation or a webhook ends within 30 seconds.
const shutdownTimeout = 35 * time.Second

// Serve runs the server: it listens, migrates and serves. When ctx ends it stops accepting, waits
// for the requests in flight, stops what runs beside them and closes the database. In sandbox mode
// the pretend Iamport goes down with the listener: a charge that has not asked it by then is told
// to try again, as with the real one down. An error is a config.Errors if a setting is wrong.
func Serve(ctx context.Context, cfg config.Config, stdout io.Writer) error {
	log := NewLog(cfg, stdout)
	trusted, err := readTrustedDocuments(cfg.GraphQL) //nolint:contextcheck // it reads a file
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	cfg = cfg.Listening(listener.Addr().String())
	db, err := OpenDatabase(ctx, cfg, log, database.Migrate)
	if err != nil {
		return err
	}
	defer database.Close(db)
	p, err := assemble(ctx, cfg, db, trusted, log)
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.startJobs(ctx); err != nil {
		return err
	}
	printBanner(stdout, cfg, p.token)
	defer log.Info("stopped")
	stopMetrics, err := serveMetrics(p)
	if err != nil {
		return err
	}
	defer stopMetrics()
	server := newHTTPServer(p.handler, log)
	// In sandbox mode the gateway is this very server, which would wait five seconds for
	// connections to itself that were opened and never used.
	server.RegisterOnShutdown(p.services.CloseIdleConnections)
	server.RegisterOnShutdown(p.feed.Close)
	return serveUntilDone(ctx, server, listener)
}

// newHTTPServer returns a server with the timeouts and limits that all our listeners share.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      shutdownTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// serveUntilDone serves until ctx ends, then stops accepting and waits for the requests in flight.
func serveUntilDone(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

// NewLog returns a log in the configured format.
func NewLog(cfg config.Config, w io.Writer) *slog.Logger {
	if cfg.LogFormat == config.JSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
