package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
	"pointcharge/internal/config"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/sandbox/fault"
	"pointcharge/internal/storefront"
)

// sandboxPath is where the server mounts the pretend Iamport in sandbox mode.
const sandboxPath = "/sandbox"

// demoTokenLife is the life of the development tokens that the server prints and the storefront
// carries.
const demoTokenLife = 24 * time.Hour

// addSandbox adds the parts of sandbox mode: the pretend Iamport, five products, the storefront and
// the demo users' tokens.
func (p *parts) addSandbox(ctx context.Context, mux *http.ServeMux) error {
	if err := installProducts(ctx, p.services.Charges); err != nil {
		return err
	}
	if p.cfg.IamportURL == "" {
		if err := p.addGateway(mux); err != nil {
			return err
		}
	}
	if p.cfg.AuthHS256Secret.IsZero() { // another issuer signs the tokens, so the demo users have none
		return nil
	}
	users, err := demoUsers(p.cfg)
	if err != nil {
		return err
	}
	p.token = users[0].Token
	page := storefront.Handler(users, p.cfg.PublicPath(), originOf(sdkURL(p.cfg)))
	mux.Handle("GET /{$}", page)
	mux.Handle("GET /storefront", page)
	mux.Handle("GET /storefront/", page)
	return nil
}

// addGateway mounts the pretend Iamport in this server.
func (p *parts) addGateway(mux *http.ServeMux) error {
	gateway := sandbox.New(sandbox.Config{
		Key: p.cfg.IamportKey.Reveal(), Secret: p.cfg.IamportSecret.Reveal(), UserCode: p.cfg.IamportUserCode,
		WebhookURL: LocalURL(p.cfg) + WebhookPath, Log: p.log,
	})
	if err := SetFaults(gateway, p.cfg.SandboxFaults); err != nil {
		return wrongSetting("SANDBOX_FAULTS", err)
	}
	closeIdleConnections := p.services.CloseIdleConnections
	p.stopSandbox, p.services.CloseIdleConnections = gateway.Close, func() { closeIdleConnections(); releaseFaults(gateway) }
	mux.Handle(sandboxPath+"/", http.StripPrefix(sandboxPath, gateway))
	return nil
}

// originOf returns the scheme and host of an address.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// demoUsers returns the people of the storefront.
func demoUsers(cfg config.Config) ([]storefront.DemoUser, error) {
	var users []storefront.DemoUser
	for _, name := range []string{"minji", "junho", "seoyeon"} {
		token, err := SignToken(cfg, name, auth.RoleUser, demoTokenLife)
		if err != nil {
			return nil, fmt.Errorf("sign a demo user's token: %w", err)
		}
		users = append(users, storefront.DemoUser{Name: name, Token: token})
	}
	return users, nil
}

// installProducts gives an empty shop the five demo products.
func installProducts(ctx context.Context, charges *charge.Service) error {
	existing, err := charges.Products(ctx, true)
	if err != nil || len(existing) > 0 {
		return err
	}
	for i, p := range []charge.Product{
		{ID: "points-5000", Name: "포인트 5,000", Price: 5_000, Points: 5_000},
		{ID: "points-10000", Name: "포인트 10,000", Price: 10_000, Points: 10_000, BonusPoints: 100},
		{ID: "points-30000", Name: "포인트 30,000", Price: 30_000, Points: 30_000, BonusPoints: 900},
		{ID: "points-50000", Name: "포인트 50,000", Price: 50_000, Points: 50_000, BonusPoints: 2_500},
		{ID: "points-100000", Name: "포인트 100,000", Price: 100_000, Points: 100_000, BonusPoints: 7_000},
	} {
		p.Active, p.Position = true, i+1
		if _, err := charges.UpsertProduct(ctx, p); err != nil {
			return fmt.Errorf("install products: %w", err)
		}
	}
	return nil
}

// printBanner shows where the server's pages are.
func printBanner(w io.Writer, cfg config.Config, token string) {
	fmt.Fprintf(w, "pointcharge listens on http://%s (%s mode)\n", cfg.Addr, cfg.Mode)
	if token != "" {
		fmt.Fprintf(w, "  storefront  %s/\n", cfg.PublicURL)
	}
	if cfg.Playground {
		fmt.Fprintf(w, "  playground  %s/playground\n", cfg.PublicURL)
	}
	if token != "" {
		fmt.Fprintf(w, "  token       %s\n", token)
	}
}

// ServeSandbox serves a pretend Iamport alone on addr until ctx ends.
func ServeSandbox(ctx context.Context, gateway *sandbox.Sandbox, addr string, log *slog.Logger, stdout io.Writer) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "the sandbox listens on http://%s\n", listener.Addr())
	server := newHTTPServer(gateway, log)
	server.RegisterOnShutdown(func() { releaseFaults(gateway) })
	return serveUntilDone(ctx, server, listener)
}

// SetFaults makes the pretend Iamport fail as described by text, in the syntax of fault.Parse.
func SetFaults(gateway *sandbox.Sandbox, text string) error {
	plan, err := fault.Parse(text)
	if err != nil {
		return err
	}
	return gateway.SetFaults(plan)
}

// releaseFaults ends hanging requests, because a server waits for open requests when shutting down.
func releaseFaults(gateway *sandbox.Sandbox) {
	_ = gateway.SetFaults(fault.Plan{}) // the empty plan is valid
}
