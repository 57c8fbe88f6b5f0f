package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/config"
	"pointcharge/internal/database"
	"pointcharge/internal/server"
)

// maxClockDifference is how far this machine's clock may be from the database's. Expiry of points
// stops when it is further.
const maxClockDifference = 30 * time.Second

// finding is the result of one check of the doctor.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning, failed or skipped
	Detail string `json:"detail"`
}

// setUpDoctor checks, one by one, what a shop needs before it goes live, and says what is wrong.
// It writes nothing. It fails if a check failed; warnings do not count.
func setUpDoctor(flags *flag.FlagSet) task {
	asJSON := flags.Bool("json", false, "print a JSON array instead of a table")
	token := flags.String("token", "", "a user's token to verify: which check fails, and which roles are found in it")
	return task{logsWarnings: true, run: func(ctx context.Context, r resources) error {
		findings := r.examine(ctx, *token)
		if err := printExamination(r.stdout, findings, *asJSON); err != nil {
			return err
		}
		failed := 0
		for _, f := range findings {
			if f.State == "failed" {
				failed++
			}
		}
		if failed > 0 {
			return fmt.Errorf("%s failed", formatCount(failed, "check has", "checks have"))
		}
		return nil
	}}
}

// examine runs all checks. A check that needs what another one found wrong is skipped.
func (r resources) examine(ctx context.Context, token string) []finding {
	findings := r.examineSettings()
	findings = append(findings, r.examineDatabase(ctx)...)
	return append(findings, r.examineGateway(ctx), r.examineChannels(), r.examineWebhook(ctx), r.examineToken(ctx, token))
}

func ok(check, detail string, args ...any) finding {
	return finding{check, "ok", fmt.Sprintf(detail, args...)}
}

func failure(check string, err error) finding { return finding{check, "failed", err.Error()} }

func (r resources) examineSettings() []finding {
	if len(r.warnings) == 0 {
		return []finding{ok("settings", "complete for %s mode", r.cfg.Mode)}
	}
	var findings []finding
	for _, m := range r.warnings {
		findings = append(findings, finding{"settings", "warning", m.Name + " " + m.Problem})
	}
	return findings
}

// examineDatabase opens the database by itself, because one that cannot be opened is a finding.
func (r resources) examineDatabase(ctx context.Context) []finding {
	db, err := database.Open(ctx, r.cfg.DatabaseURL.Reveal(), server.NewLog(r.cfg, io.Discard))
	if err != nil {
		return []finding{failure("database", err)}
	}
	defer database.Close(db)
	facts, err := database.Inspect(ctx, db)
	if err != nil {
		return []finding{failure("database", err)}
	}
	pooler := "no pooler"
	if facts.Pooled {
		pooler = "behind a connection pooler"
	}
	findings := []finding{ok("database", "%s %s, %s", facts.Engine, facts.Version, pooler)}
	findings = append(findings, outcome("schema", database.CheckVersion(ctx, db), "of this program's version"),
		outcome("writable", database.Ready(ctx, db), "takes writes"), r.examineAccount(ctx, db))
	if ahead := facts.ClockAhead; ahead.Abs() > maxClockDifference {
		return append(findings, failure("clock", fmt.Errorf("this machine's clock is %s ahead of the database's", ahead.Round(time.Second))))
	}
	return append(findings, ok("clock", "%s ahead of the database's", facts.ClockAhead.Round(time.Millisecond)))
}

// examineAccount compares the account that the database serves with the configured keys'.
func (r resources) examineAccount(ctx context.Context, db *gorm.DB) finding {
	if r.cfg.Mode != config.Live {
		return finding{"account", "skipped", "a database in sandbox mode belongs to no account of Iamport"}
	}
	inForce, _, err := database.AccountInForce(ctx, db)
	configured := server.GatewayAccount(r.cfg)
	switch {
	case err != nil:
		return failure("account", err)
	case inForce == "":
		return ok("account", "the database will serve %s from the first start on", configured)
	case inForce != configured:
		return failure("account", fmt.Errorf("the database serves %s, and the keys are for %s; see pointcharge account -h", inForce, configured))
	}
	return ok("account", "the database serves %s", inForce)
}

func outcome(check string, err error, detail string) finding {
	if err != nil {
		return failure(check, err)
	}
	return ok(check, "%s", detail)
}

// examineGateway has Iamport check the keys, and then answer a harmless question: a look-up of a
// payment that does not exist.
func (r resources) examineGateway(ctx context.Context) finding {
	if r.cfg.Mode == config.Sandbox && r.cfg.IamportURL == "" {
		return finding{"gateway", "skipped", "the pretend Iamport is inside the server"}
	}
	gateway, closeIdleConnections := server.NewGateway(r.cfg, server.NewLog(r.cfg, io.Discard))
	defer closeIdleConnections()
	if err := gateway.CheckKeys(ctx); err != nil {
		return failure("gateway", err)
	}
	if _, err := gateway.Payment(ctx, "imp_doctor"); err != nil && apierror.CodeOf(err) != apierror.PaymentNotFound {
		return failure("gateway", err)
	}
	return ok("gateway", "accepts the keys and answers")
}

// examineChannels tells which ways to pay have a channel. One that a channel cannot take fails in
// the payment window only.
func (r resources) examineChannels() finding {
	if len(r.cfg.IamportChannels) == 0 {
		return ok("channels", "all ways to pay, by the channel of IAMPORT_CHANNEL_KEY")
	}
	methods := slices.Sorted(maps.Keys(r.cfg.IamportChannels))
	for _, method := range methods {
		if r.cfg.ChannelFor(method) == "" {
			return failure("channels", fmt.Errorf("%s has no channel; set IAMPORT_CHANNEL_KEY", method))
		}
	}
	return ok("channels", "%s", strings.Join(methods, ", "))
}

// examineWebhook asks for the server's health at the address that Iamport is told.
func (r resources) examineWebhook(ctx context.Context) finding {
	address := r.cfg.PublicURL + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return failure("public address", err)
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}
	response, err := client.Do(request)
	if err != nil {
		return finding{"public address", "warning", address + " does not answer from here: " + errors.Unwrap(err).Error()}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return failure("public address", fmt.Errorf("%s answers %s", address, response.Status))
	}
	return ok("public address", "webhooks go to %s", r.cfg.PublicURL+server.WebhookPath)
}

func (r resources) examineToken(ctx context.Context, token string) finding {
	if token == "" {
		return finding{"token", "skipped", "give one with -token to see which check fails"}
	}
	verifier, err := server.NewVerifier(ctx, r.cfg, server.NewLog(r.cfg, io.Discard))
	if err != nil {
		return failure("token", err)
	}
	who, err := verifier.Verify(strings.TrimPrefix(token, "Bearer "))
	if refusal, found := errors.AsType[*auth.Refusal](err); found {
		return failure("token", refusal)
	}
	if err != nil {
		return failure("token", err)
	}
	return ok("token", "user %q, roles %v", who.UserID, who.Roles)
}

func printExamination(w io.Writer, findings []finding, asJSON bool) error {
	if asJSON {
		objects := json.NewEncoder(w)
		objects.SetIndent("", "  ")
		return objects.Encode(findings)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.State, f.Check, f.Detail)
	}
	return table.Flush()
}
