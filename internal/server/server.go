// Package server puts the parts of the program together and runs the result: routes, middleware,
// jobs, metrics, and in sandbox mode the pretend Iamport.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"pointcharge/internal/config"
	"pointcharge/internal/database"
)

// shutdownTimeout is the time for requests in flight after the signal to stop. The longest request,
// an operation or a webhook, ends within 30 seconds, and so within shutdownTimeout.
const shutdownTimeout = 35 * time.Second

// Serve listens, migrates the database and serves requests. When ctx ends, Serve stops accepting,
// waits for the requests in flight, stops the jobs and streams and closes the database. In sandbox
// mode the pretend Iamport stops with the listener: a charge without an answer by then is told to
// try again, as with the real Iamport down. The clock is that of the domains and the schedule, and
// time.Now when nil. The error is a config.Errors if a setting is wrong.
func Serve(ctx context.Context, cfg config.Config, clock func() time.Time, stdout io.Writer) error {
	log := NewLog(cfg, stdout)
	trusted, err := readTrustedDocuments(cfg.GraphQL) //nolint:contextcheck // it reads a file
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("choose another address with ADDR: %w", err)
	}
	defer listener.Close()
	cfg = cfg.Listening(listener.Addr().String())
	db, err := OpenDatabase(ctx, cfg, log, database.Migrate)
	if err != nil {
		return err
	}
	defer database.Close(db)
	p, err := assembleParts(ctx, cfg, db, clock, trusted, log)
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
	// In sandbox mode the gateway is this server. Shutdown would wait five seconds for the server's
	// unused connections to itself.
	server.RegisterOnShutdown(p.services.CloseIdleConnections)
	server.RegisterOnShutdown(p.feed.Close)
	return serveUntilDone(ctx, server, listener)
}

// newHTTPServer returns a server with the timeouts and limits of all our listeners.
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
