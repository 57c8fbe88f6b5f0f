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
// a database of the other mode, and in live mode one that serves another account of Iamport: every
// payment would look lost there.
func OpenDatabase(ctx context.Context, cfg config.Config, log *slog.Logger,
	prepare func(context.Context, *gorm.DB) error) (*gorm.DB, error) {
	db, err := OpenDatabaseOfAnyAccount(ctx, cfg, log, prepare)
	if err != nil || cfg.Mode != config.Live {
		return db, err
	}
	if err := database.StampAccount(ctx, db, GatewayAccount(cfg)); err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return db, nil
}

// OpenDatabaseOfAnyAccount does what OpenDatabase does but for the account, which an operator may
// be about to look at or to change.
func OpenDatabaseOfAnyAccount(ctx context.Context, cfg config.Config, log *slog.Logger,
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

// GatewayAccount returns the account of Iamport that the configured keys belong to.
func GatewayAccount(cfg config.Config) string {
	gateway, closeIdleConnections := NewGateway(cfg, slog.New(slog.DiscardHandler))
	defer closeIdleConnections()
	return gateway.Account()
}

// Services are the domains on one database, with Iamport as their gateway.
type Services struct {
	Points    *point.Service
	Charges   *charge.Service
	Reconcile *reconcile.Service
	// CloseIdleConnections closes the idle connections to Iamport.
	CloseIdleConnections func()
}

// NewGateway returns the client of Iamport. closeIdleConnections closes the connections that wait
// for the next call.
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

// NewServices returns the domains as they are configured. The clock is time.Now when nil.
func NewServices(cfg config.Config, db *gorm.DB, clock func() time.Time, log *slog.Logger) Services {
	gateway, closeIdleConnections := NewGateway(cfg, log)
	points := point.New(db)
	points.Lifetimes, points.Now = lifetimes(cfg), clock
	charges := charge.New(db, points, gateway)
	charges.Live, charges.Grace = cfg.Mode == config.Live, cfg.SweepGrace
	charges.MaxOrderAge, charges.AcceptDiscounts = cfg.MaxOrderAge, cfg.AcceptDiscounts
	charges.PayMethods = payMethods(cfg)
	return Services{points, charges, reconcile.New(db, points, charges), closeIdleConnections}
}

func lifetimes(cfg config.Config) point.Lifetimes {
	paid, _ := point.ParseLifetime(string(cfg.PaidPointsLife)) // config has checked the texts
	bonus, _ := point.ParseLifetime(string(cfg.BonusPointsLife))
	return point.Lifetimes{Paid: paid, Bonus: bonus}
}

// payMethods returns the ways to pay that have a channel of their own; nil, which means all, if
// none has.
func payMethods(cfg config.Config) []charge.PayMethod {
	var methods []charge.PayMethod
	for method := range cfg.IamportChannels {
		methods = append(methods, charge.PayMethod(method))
	}
	return methods
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
