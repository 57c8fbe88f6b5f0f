package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pointcharge/internal/auth"
	"pointcharge/internal/config"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
	"pointcharge/internal/storefront"
)

// sandboxPath is where the server mounts the pretend Iamport in sandbox mode.
const sandboxPath = "/sandbox"

// demoToken is how long the development tokens that the server prints and its storefront carries are valid.
const demoToken = 24 * time.Hour

// addSandbox adds what only sandbox mode has: the pretend Iamport, five products, the storefront and its
// users' tokens.
func (a *app) addSandbox(ctx context.Context, mux *http.ServeMux) error {
	if err := installProducts(ctx, a.points); err != nil {
		return err
	}
	cfg := a.cfg
	if cfg.IamportURL == "" {
		pretend := sandbox.New(sandbox.Config{
			Key: cfg.IamportKey.Reveal(), Secret: cfg.IamportSecret.Reveal(), UserCode: cfg.IamportUserCode,
			WebhookURL: localURL(cfg) + webhookPath, Log: a.log,
		})
		if err := setFaults(pretend, cfg.SandboxFaults); err != nil {
			return usageError{fmt.Errorf("SANDBOX_FAULTS is wrong: %w", err)}
		}
		hangUp := a.hangUp
		a.pretend, a.hangUp = pretend.Close, func() { hangUp(); releaseFaults(pretend) }
		mux.Handle(sandboxPath+"/", http.StripPrefix(sandboxPath, pretend))
	}
	if cfg.AuthHS256Secret.IsZero() { // tokens come from elsewhere, so the demo users have none
		return nil
	}
	users, err := demoUsers(cfg)
	if err != nil {
		return err
	}
	a.token = users[0].Token
	page := storefront.Handler(users, "/graphql", origin(sdkURL(cfg)))
	mux.Handle("GET /{$}", page)
	mux.Handle("GET /storefront/", page)
	return nil
}

// origin is the scheme and host of an address.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// demoUsers are the people of the storefront.
func demoUsers(cfg config.Config) ([]storefront.DemoUser, error) {
	var users []storefront.DemoUser
	for _, name := range []string{"minji", "junho", "seoyeon"} {
		token, err := newToken(cfg, name, auth.RoleUser, demoToken)
		if err != nil {
			return nil, fmt.Errorf("sign a demo user's token: %w", err)
		}
		users = append(users, storefront.DemoUser{Name: name, Token: token})
	}
	return users, nil
}

// installProducts fills an empty shop.
func installProducts(ctx context.Context, points *point.Service) error {
	there, err := points.Products(ctx, true)
	if err != nil || len(there) > 0 {
		return err
	}
	for i, p := range []point.Product{
		{ID: "points-5000", Name: "포인트 5,000", Price: 5_000, Points: 5_000},
		{ID: "points-10000", Name: "포인트 10,000", Price: 10_000, Points: 10_000, BonusPoints: 100},
		{ID: "points-30000", Name: "포인트 30,000", Price: 30_000, Points: 30_000, BonusPoints: 900},
		{ID: "points-50000", Name: "포인트 50,000", Price: 50_000, Points: 50_000, BonusPoints: 2_500},
		{ID: "points-100000", Name: "포인트 100,000", Price: 100_000, Points: 100_000, BonusPoints: 7_000},
	} {
		p.Active, p.Position = true, i+1
		if _, err := points.UpsertProduct(ctx, p); err != nil {
			return fmt.Errorf("install products: %w", err)
		}
	}
	return nil
}

// banner tells a newcomer where to go.
func banner(w io.Writer, cfg config.Config, token string) {
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

// runSandbox is the pretend Iamport alone.
func runSandbox(ctx context.Context, i invocation) error {
	addr := i.flags.String("addr", "127.0.0.1:8081", "address to listen on")
	webhook := i.flags.String("webhook", "", "where webhooks go, unless the payment window names a notice_url")
	form := i.flags.Bool("form", false, "send webhooks as forms instead of JSON")
	key := i.flags.String("key", "", "the imp_key to accept; any when empty")
	secret := i.flags.String("secret", "", "the imp_secret to accept; any when empty")
	faults := i.flags.String("faults", "", "what goes wrong: seed=7,rate=0.3 or hang=0.1,429=1:2,down=1, by name[=rate[:count][@route]]\n"+
		"names: "+strings.Join(sandbox.Names(), " "))
	if err := i.parse(0); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(i.stdout, nil))
	pretend := sandbox.New(sandbox.Config{Key: *key, Secret: *secret, WebhookURL: *webhook, WebhookForm: *form, Log: log})
	defer pretend.Close()
	if err := setFaults(pretend, *faults); err != nil {
		return usageError{fmt.Errorf("-faults: %w", err)}
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(i.stdout, "the sandbox listens on http://%s\n", listener.Addr())
	server := newHTTPServer(pretend, log)
	server.RegisterOnShutdown(func() { releaseFaults(pretend) })
	return serveUntil(ctx, server, listener)
}

func setFaults(pretend *sandbox.Sandbox, text string) error {
	plan, err := sandbox.ParsePlan(text)
	if err != nil {
		return err
	}
	return pretend.SetFaults(plan)
}

// releaseFaults ends hangs, for which a server that shuts down would wait.
func releaseFaults(pretend *sandbox.Sandbox) {
	_ = pretend.SetFaults(sandbox.Plan{}) // nothing has no mistake
}

// serveUntil serves until ctx ends, then stops accepting and waits for the requests in flight.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
