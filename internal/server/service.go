package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/config"
	"pointcharge/internal/database"
	"pointcharge/internal/iamport"
	"pointcharge/internal/point"
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

// NewService returns the domain with Iamport behind it. closeIdleConnections closes the connections
// to Iamport that wait for the next call.
func NewService(cfg config.Config, db *gorm.DB, log *slog.Logger) (points *point.Service, closeIdleConnections func()) {
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
	lifetimes := point.Lifetimes{Paid: time.Duration(cfg.PaidPointsDays) * day, Bonus: time.Duration(cfg.BonusPointsDays) * day}
	points = &point.Service{DB: db, Gateway: gateway, Live: cfg.Mode == config.Live, Lifetimes: lifetimes,
		Grace: cfg.SweepGrace}
	return points, transport.CloseIdleConnections
}

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
