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

// gatewayCalls is how many calls to Iamport are under way at most; the others wait.
const gatewayCalls = 64

// OpenDatabase opens the configured database, has prepare migrate its schema or check its version,
// and makes sure that the database belongs to the configured mode.
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

// Services are the domains on one database, with Iamport behind them.
type Services struct {
	Points    *point.Service
	Charges   *charge.Service
	Reconcile *reconcile.Service
	// CloseIdleConnections closes the connections to Iamport that wait for the next call.
	CloseIdleConnections func()
}

// NewGateway returns the client of Iamport. closeIdleConnections closes the connections that wait for the
// next call.
func NewGateway(cfg config.Config, log *slog.Logger) (gateway *iamport.Client, closeIdleConnections func()) {
	transport := iamport.NewTransport(gatewayCalls)
	return iamport.New(iamport.Config{
		URL:            gatewayURL(cfg),
		Key:            cfg.IamportKey.Reveal(),
		Secret:         cfg.IamportSecret.Reveal(),
		ChannelKey:     cfg.ChannelFor(string(charge.PayByVirtualAccount)),
		PGAPIKey:       cfg.IamportPGAPIKey.Reveal(),
		NoticeURL:      cfg.PublicURL + WebhookPath,
		IncludeSandbox: cfg.Mode == config.Sandbox,
		MaxInFlight:    gatewayCalls,
		Transport:      transport,
		Log:            log,
	}), transport.CloseIdleConnections
}

// NewServices returns the domains as they are configured.
func NewServices(cfg config.Config, db *gorm.DB, log *slog.Logger) Services {
	gateway, closeIdleConnections := NewGateway(cfg, log)
	const day = 24 * time.Hour
	points := point.New(db)
	points.Lifetimes = point.Lifetimes{Paid: time.Duration(cfg.PaidPointsDays) * day, Bonus: time.Duration(cfg.BonusPointsDays) * day}
	charges := charge.New(db, points, gateway)
	charges.Live, charges.Grace = cfg.Mode == config.Live, cfg.SweepGrace
	return Services{points, charges, reconcile.New(db, points, charges), closeIdleConnections}
}

// Invariants returns what must be true of the books of all domains.
func Invariants() []audit.Invariant { return slices.Concat(point.Invariants(), charge.Invariants()) }

// gatewayURL is Iamport's address; in sandbox mode by default this server, where the pretend one is
// mounted.
func gatewayURL(cfg config.Config) string {
	if cfg.IamportURL != "" {
		return cfg.IamportURL
	}
	return LocalURL(cfg) + sandboxPath
}

// LocalURL is the address at which this machine reaches the server, whatever its public address is.
func LocalURL(cfg config.Config) string {
	host, port, _ := net.SplitHostPort(cfg.Addr)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
