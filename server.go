// Command pointcharge sells points: a person pays through Iamport (아임포트), and the payment becomes points,
// exactly once. Run it without arguments for a sandbox that needs nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/config"
	"pointcharge/internal/database"
)

// shutdownPatience is how long requests in flight may take once the server was asked to stop. It is longer
// than the longest of them: an operation or a webhook ends within 30 seconds.
const shutdownPatience = 35 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "pointcharge:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		os.Exit(2)
	}
	os.Exit(1)
}

// serve is the server: listen, migrate, serve; and when ctx ends, stop accepting, wait for the requests in
// flight, stop what runs beside them, close the database. In sandbox mode the pretend Iamport goes down with the
// listener: a charge that has not asked it by then is told to try again, as with the real one down.
func serve(ctx context.Context, cfg config.Config, stdout io.Writer) error {
	log := newLog(cfg, stdout)
	trusted, err := trustedDocuments(cfg.GraphQL) //nolint:contextcheck // it reads a file
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	cfg = cfg.Listening(listener.Addr().String())
	db, err := openDatabase(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer database.Close(db)
	app, err := newApp(ctx, cfg, db, trusted, log)
	if err != nil {
		return err
	}
	defer app.close()
	if err := app.startJobs(ctx); err != nil {
		return err
	}
	banner(stdout, cfg, app.token)
	defer log.Info("stopped")
	stopMetrics, err := serveMetrics(app)
	if err != nil {
		return err
	}
	defer stopMetrics()
	server := newHTTPServer(app.handler, log)
	// In sandbox mode the gateway is this very server, which would wait five seconds for connections to itself
	// that were opened and never used.
	server.RegisterOnShutdown(app.hangUp)
	server.RegisterOnShutdown(app.lines.Close)
	return serveUntil(ctx, server, listener)
}

func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      shutdownPatience,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// openDatabase opens it, brings its schema up to date and makes sure that it is of the server's mode.
func openDatabase(ctx context.Context, cfg config.Config, log *slog.Logger) (*gorm.DB, error) {
	db, err := database.Open(ctx, cfg.DatabaseURL.Reveal(), log)
	if err != nil {
		return nil, err
	}
	if err = database.Migrate(ctx, db); err == nil {
		err = database.Stamp(ctx, db, string(cfg.Mode))
	}
	if err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return db, nil
}

func newLog(cfg config.Config, w io.Writer) *slog.Logger {
	if cfg.LogFormat == config.JSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
