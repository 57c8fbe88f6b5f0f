package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/audit"
	"pointcharge/internal/charge"
	"pointcharge/internal/config"
	"pointcharge/internal/database"
	"pointcharge/internal/iamport"
	"pointcharge/internal/point"
	"pointcharge/internal/reconcile"
)

// gatewayCalls is the largest number of concurrent calls to Iamport; further calls wait.
const gatewayCalls = 64

// OpenDatabase opens the configured database, has prepare migrate or check the schema, and refuses
// a database of the other mode.
func OpenDatabase(ctx context.Context, cfg config.Config, log *slog.Logger,
	prepare func(context.Context, *gorm.DB) error) (*gorm.DB, error) {
	db, err := database.Open(ctx, cfg.DatabaseURL.Reveal(), log)
	if err != nil {
		return nil, err
	}
	if err = prepare(ctx, db); err == nil {
		err = database.Stamp(ctx, db, string(cfg.Mode))
	}
	if err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return db, nil
}

// Services are the domains on one database, with Iamport as their gateway.
type Services struct {
	Points    *point.Service
	Charges   *charge.Service
	Reconcile *reconcile.Service
	// CloseIdleConnections closes the idle connections to Iamport.
	CloseIdleConnections func()
}

// NewServices returns the domains with the configured settings.
func NewServices(cfg config.Config, db *gorm.DB, log *slog.Logger) Services {
	transport := iamport.NewTransport(gatewayCalls)
	gateway := iamport.New(iamport.Config{
		URL:            gatewayURL(cfg),
		Key:            cfg.IamportKey.Reveal(),
		Secret:         cfg.IamportSecret.Reveal(),
		ChannelKey:     cfg.IamportChannelKey,
		PGAPIKey:       cfg.IamportPGAPIKey.Reveal(),
		NoticeURL:      cfg.PublicURL + webhookPath,
		IncludeSandbox: cfg.Mode == config.Sandbox,
		MaxInFlight:    gatewayCalls,
		Transport:      transport,
		Log:            log,
	})
	const day = 24 * time.Hour
	points := point.New(db)
	points.Lifetimes = point.Lifetimes{Paid: time.Duration(cfg.PaidPointsDays) * day, Bonus: time.Duration(cfg.BonusPointsDays) * day}
	charges := charge.New(db, points, gateway)
	charges.Live, charges.Grace = cfg.Mode == config.Live, cfg.SweepGrace
	return Services{points, charges, reconcile.New(db, points, charges), transport.CloseIdleConnections}
}

// Invariants returns the invariants of all domains.
func Invariants() []audit.Invariant { return slices.Concat(point.Invariants(), charge.Invariants()) }

// gatewayURL returns Iamport's address. In sandbox mode the default is this server, with the
// pretend Iamport mounted.
func gatewayURL(cfg config.Config) string {
	if cfg.IamportURL != "" {
		return cfg.IamportURL
	}
	return LocalURL(cfg) + sandboxPath
}

// LocalURL returns the server's address on this machine, independent of the public address.
func LocalURL(cfg config.Config) string {
	host, port, _ := net.SplitHostPort(cfg.Addr)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
