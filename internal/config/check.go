package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// minSecret is the least length of an HS256 secret in bytes: as long as the hash (RFC 7518 §3.2).
const minSecret = 32

// Mistake is one missing or wrong variable. The text of a mistake never holds a secret.
type Mistake struct {
	Name    string // of the variable
	Problem string // the rest of a sentence that begins with the name
}

func (m Mistake) Error() string { return m.Name + " " + m.Problem }

// Errors lists every mistake in the environment, in the order of the variables in Help.
type Errors []Mistake

// Error has one line for each mistake.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, m := range e {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

func (e *Errors) addMistake(name, format string, args ...any) {
	*e = append(*e, Mistake{name, fmt.Sprintf(format, args...)})
}

func (e Errors) inOrder() Errors {
	position := map[string]int{}
	for i, v := range listVariables() {
		position[v.name] = i
	}
	slices.SortStableFunc(e, func(a, b Mistake) int { return position[a.Name] - position[b.Name] })
	return e
}

// parseMistakes returns the variables that the env package could not parse. The package's errors
// name fields.
func parseMistakes(err error) Errors {
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return nil
	}
	names := map[string]string{}
	for _, v := range listVariables() {
		names[v.field] = v.name
	}
	var out Errors
	for _, err := range all.Errors {
		if e, ok := errors.AsType[env.ParseError](err); ok {
			out.addMistake(names[e.Name], "is wrong: %v", plainReason(e.Err))
		} else {
			out.addMistake("", "%v", err)
		}
	}
	return out
}

// plainReason rewrites strconv's errors for people who do not program.
func plainReason(err error) error {
	if e, ok := errors.AsType[*strconv.NumError](err); ok && e.Func == "ParseBool" {
		return fmt.Errorf("%q is not true or false", e.Num)
	}
	return err
}

// checkSettings checks every setting with a value; parseEnvironment has reported the missing
// settings.
func (c Config) checkSettings() Errors {
	var errs Errors
	c.checkAddr(&errs)
	c.checkDatabase(&errs)
	c.checkAuth(&errs)
	c.checkIamport(&errs)
	checkURL(&errs, "PUBLIC_URL", c.PublicURL, c.Mode == Live)
	c.checkFrontend(&errs)
	for _, header := range c.CORSHeaders {
		if !isHeaderName(header) {
			errs.addMistake("CORS_HEADERS", "is wrong: %q is not the name of a header", header)
		}
	}
	for _, origin := range c.CORSOrigins {
		c.checkOrigin(&errs, origin)
	}
	c.checkProxies(&errs)
	c.checkLimits(&errs)
	if c.SandboxFaults != "" && (c.Mode == Live || c.IamportURL != "") {
		errs.addMistake("SANDBOX_FAULTS", "is wrong: it is for the sandbox inside the server, and there is none")
	}
	if c.MaxOrderAge < time.Hour || c.MaxOrderAge > 366*24*time.Hour {
		errs.addMistake("MAX_ORDER_AGE", "is wrong: it must be from 1h to 8784h")
	}
	checkEvery(&errs, "SWEEP_EVERY", c.SweepEvery)
	checkEvery(&errs, "RECONCILE_EVERY", c.ReconcileEvery)
	checkEvery(&errs, "REFUNDS_EVERY", c.RefundsEvery)
	checkEvery(&errs, "EXPIRE_ORDERS_EVERY", c.ExpireOrdersEvery)
	checkEvery(&errs, "EXPIRE_POINTS_EVERY", c.ExpirePointsEvery)
	if c.SweepGrace < time.Second || c.SweepGrace > time.Hour {
		errs.addMistake("SWEEP_GRACE", "is wrong: it must be from 1s to 1h")
	}
	if _, _, err := net.SplitHostPort(c.MetricsAddr); c.MetricsAddr != "" && err != nil {
		errs.addMistake("METRICS_ADDR", "is wrong: %q is not host:port", c.MetricsAddr)
	}
	c.checkStreams(&errs)
	return errs
}

// checkEvery limits the pause of a job to one day: late results would be of little use.
func checkEvery(errs *Errors, name string, every time.Duration) {
	if every != 0 && (every < time.Second || every > 24*time.Hour) {
		errs.addMistake(name, "is wrong: it must be from 1s to 24h, or 0 for never")
	}
}

// checkProxies refuses combinations that would shut Iamport out.
func (c Config) checkProxies(errs *Errors) {
	if c.Mode == Live && len(c.WebhookAllow) > 0 && len(c.TrustedProxies) == 0 {
		errs.addMistake("WEBHOOK_ALLOW", "needs TRUSTED_PROXIES: in live mode a proxy stands in front, and all webhooks come from its address")
	}
}

func (c Config) checkStreams(errs *Errors) {
	if c.StreamPoll < 50*time.Millisecond || c.StreamPoll > time.Minute {
		errs.addMistake("STREAM_POLL", "is wrong: it must be from 50ms to 1m")
	}
	if c.Streams < 1 || c.Streams > 1_000_000 {
		errs.addMistake("STREAMS", "is wrong: it must be from 1 to 1000000")
	}
	if c.StreamsPerUser < 1 || c.StreamsPerUser > 1_000 {
		errs.addMistake("STREAMS_PER_USER", "is wrong: it must be from 1 to 1000")
	}
}

func (c Config) checkAddr(errs *Errors) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil || strings.ContainsAny(host, " /@") {
		errs.addMistake("ADDR", "is wrong: %q is not host:port", c.Addr)
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs.addMistake("ADDR", "is wrong: %q is not a port between 0 and 65535", port)
	}
	if c.Mode == Sandbox && !isLoopback(host) && !c.SandboxRemote {
		errs.addMistake("ADDR", "is wrong: other machines could reach %q, and the sandbox gives points away; "+
			"set SANDBOX_REMOTE=true if that is what you want", c.Addr)
	}
}

// isLoopback does not resolve names: the address of a name may change after the check.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// checkDatabase never shows the value: a mistyped URL holds a password like any other.
func (c Config) checkDatabase(errs *Errors) {
	raw := c.DatabaseURL.Reveal()
	for _, scheme := range []string{"postgres://", "postgresql://", "file:"} {
		if rest, ok := strings.CutPrefix(raw, scheme); ok && rest != "" {
			return
		}
	}
	if raw != "" {
		errs.addMistake("DATABASE_URL", "is wrong: it must begin with postgres:// or postgresql:// (PostgreSQL) or file: (SQLite)")
	}
}

func (c Config) checkAuth(errs *Errors) {
	secret := c.AuthHS256Secret.Reveal()
	switch {
	case secret != "" && c.AuthJWKSURL != "":
		errs.addMistake("AUTH_JWKS_URL", "is set, and so is AUTH_HS256_SECRET: tokens are verified with one of them")
	case c.Mode == Live && secret == "" && c.AuthJWKSURL == "":
		errs.addMistake("AUTH_HS256_SECRET", "or AUTH_JWKS_URL is required in live mode")
	case c.Mode == Live && secret == DevelopmentSecret:
		errs.addMistake("AUTH_HS256_SECRET", "is wrong: everybody knows the development secret")
	case secret != "" && len(secret) < minSecret:
		errs.addMistake("AUTH_HS256_SECRET", "is wrong: it has %d bytes and needs %d; try: openssl rand -base64 32", len(secret), minSecret)
	}
	if c.AuthJWKSURL != "" {
		c.checkJWKS(errs)
	}
}

// checkJWKS demands issuer and audience: an issuer's keys sign tokens for all customers of the
// issuer.
func (c Config) checkJWKS(errs *Errors) {
	checkURL(errs, "AUTH_JWKS_URL", c.AuthJWKSURL, c.Mode == Live)
	if c.AuthIssuer == "" {
		errs.addMistake("AUTH_ISSUER", "is required with AUTH_JWKS_URL")
	}
	if c.AuthAudience == "" {
		errs.addMistake("AUTH_AUDIENCE", "is required with AUTH_JWKS_URL")
	}
}

// checkIamport refuses keys that only the sandbox accepts: copied to live mode, such keys would
// fail at the first charge.
func (c Config) checkIamport(errs *Errors) {
	checkURL(errs, "IAMPORT_URL", c.IamportURL, c.Mode == Live)
	given := map[string]string{
		"IAMPORT_KEY": c.IamportKey.Reveal(), "IAMPORT_SECRET": c.IamportSecret.Reveal(),
		"IAMPORT_USER_CODE": c.IamportUserCode, "IAMPORT_CHANNEL_KEY": c.IamportChannelKey,
	}
	for _, v := range listVariables() {
		if c.Mode == Live && given[v.name] != "" && given[v.name] == v.defaultValue(Sandbox) {
			errs.addMistake(v.name, "is wrong: it is the sandbox's")
		}
	}
}
