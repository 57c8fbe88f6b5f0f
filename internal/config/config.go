// Package config turns environment variables into a Config and reports every mistake at once, by name.
// The struct tags of Config are the one description of each variable: its defaults, whether it is
// required, and what Help says about it.
package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// DevelopmentSecret signs tokens in sandbox mode when nothing else is configured. Everybody can read it
// here, so live mode refuses it.
const DevelopmentSecret = "development-secret-that-everybody-knows"

// Mode says whether the money is real.
type Mode string

// The modes.
const (
	Sandbox Mode = "sandbox" // a pretend Iamport; nothing is worth anything
	Live    Mode = "live"    // real payments
)

// UnmarshalText accepts the two modes.
func (m *Mode) UnmarshalText(text []byte) error {
	*m = Mode(text)
	return oneOf(text, Sandbox, Live)
}

// LogFormat is how log lines are written.
type LogFormat string

// The log formats.
const (
	Text LogFormat = "text" // for people
	JSON LogFormat = "json" // for collectors
)

// UnmarshalText accepts the two formats.
func (f *LogFormat) UnmarshalText(text []byte) error {
	*f = LogFormat(text)
	return oneOf(text, Text, JSON)
}

func oneOf[T ~string](text []byte, allowed ...T) error {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		if string(a) == string(text) {
			return nil
		}
		names[i] = string(a)
	}
	return fmt.Errorf("%q is not %s", text, strings.Join(names, " or "))
}

// Config is what the server is told from outside. The tags "sandbox" and "live" hold the default in
// that mode; one in <angle brackets> is not a value but says where the value comes from, and <required>
// means it must be set.
type Config struct {
	Mode Mode `env:"MODE" sandbox:"sandbox" live:"sandbox" help:"sandbox (a pretend Iamport, for development) or live (real payments)"`
	// Addr is where to listen, host:port. With port 0 see Listening.
	Addr string `env:"ADDR" sandbox:"127.0.0.1:8080" live:"127.0.0.1:8080" help:"address to listen on, host:port; port 0 picks a free one"`
	// SandboxRemote is an explicit wish: the sandbox gives points to whoever can reach it.
	SandboxRemote bool `env:"SANDBOX_REMOTE" sandbox:"false" live:"false" help:"let the sandbox listen on an address that other machines can reach"`
	// SandboxFaults is read by the sandbox inside the server, which is the only one that it reaches.
	SandboxFaults string `env:"SANDBOX_FAULTS" sandbox:"<none>" live:"<none>" help:"what the sandbox inside the server lets go wrong: seed=7,rate=0.3 or hang=0.1,429=1:2; see Faults on demand in the README"`
	// DatabaseURL usually holds a password; DatabaseName is for logs.
	DatabaseURL Secret `env:"DATABASE_URL" sandbox:"file:data/pointcharge.db" live:"<required>" help:"postgres://… (PostgreSQL) or file:… (SQLite)"`

	// IamportURL is without a trailing slash; empty (sandbox mode only) means the sandbox inside this server.
	IamportURL        string `env:"IAMPORT_URL" sandbox:"<the sandbox inside the server>" live:"https://api.iamport.kr" help:"address of Iamport's REST API"`
	IamportKey        Secret `env:"IAMPORT_KEY" sandbox:"sandbox-key" live:"<required>" help:"Iamport's REST API key (imp_key)"`
	IamportSecret     Secret `env:"IAMPORT_SECRET" sandbox:"sandbox-secret" live:"<required>" help:"Iamport's REST API secret (imp_secret)"`
	IamportUserCode   string `env:"IAMPORT_USER_CODE" sandbox:"imp00000000" live:"<required>" help:"the store's code for IMP.init (가맹점 식별코드); public"`
	IamportChannelKey string `env:"IAMPORT_CHANNEL_KEY" sandbox:"channel-key-sandbox" live:"<required>" help:"the payment channel for IMP.request_pay (채널 키); public"`
	// IamportPGAPIKey goes along with every virtual account that is issued (contract §1.8).
	IamportPGAPIKey Secret `env:"IAMPORT_PG_API_KEY" sandbox:"<none>" live:"<none>" help:"KG Inicis' INIAPI key (pg_api_key), which virtual accounts of that provider need"`
	AuthHS256Secret Secret `env:"AUTH_HS256_SECRET" sandbox:"<a development secret everybody knows>" live:"<this or AUTH_JWKS_URL>" help:"secret that signs users' tokens (HS256), at least 32 bytes"`
	AuthJWKSURL     string `env:"AUTH_JWKS_URL" sandbox:"<unset>" live:"<this or AUTH_HS256_SECRET>" help:"address of the keys that sign users' tokens; needs AUTH_ISSUER and AUTH_AUDIENCE"`
	AuthIssuer      string `env:"AUTH_ISSUER" sandbox:"<unchecked>" live:"<unchecked>" help:"what a token's iss must be"`
	AuthAudience    string `env:"AUTH_AUDIENCE" sandbox:"<unchecked>" live:"<unchecked>" help:"what a token's aud must contain"`

	// PublicURL and FrontendURL are without a trailing slash.
	PublicURL   string `env:"PUBLIC_URL" sandbox:"<http://ADDR>" live:"<required>" help:"address at which browsers and Iamport reach this server"`
	FrontendURL string `env:"FRONTEND_URL" sandbox:"<PUBLIC_URL>" live:"<required>" help:"page to which a browser returns after paying in a redirect"`
	// CORSOrigins are compared with the Origin header as they are. In sandbox mode one may be "*", which means all.
	CORSOrigins []string `env:"CORS_ORIGINS" sandbox:"<none>" live:"<none>" help:"origins whose pages may call the API, separated by commas: https://shop.example,…"`

	// What the addresses of callers are good for; see package edge.
	TrustedProxies Networks `env:"TRUSTED_PROXIES" sandbox:"<none>" live:"<none>" help:"proxies whose X-Forwarded-For is believed: addresses or networks, separated by commas"`
	WebhookAllow   Senders  `env:"WEBHOOK_ALLOW" sandbox:"<everybody>" live:"<everybody>" help:"who may send webhooks: addresses or networks; the word iamport stands for Iamport's three"`
	// The limits are rate.Inf when they are off.
	RateLimitUser    Rate `env:"RATE_LIMIT_USER" sandbox:"off" live:"20/s burst 60" help:"API requests of one user: 20/s, 30/m burst 10 or off; roles service and admin have no limits"`
	RateLimitAddress Rate `env:"RATE_LIMIT_ADDRESS" sandbox:"off" live:"100/s burst 300" help:"requests from one address (of IPv6, from one /64), webhooks and landings included; without TRUSTED_PROXIES, API requests of all callers without a token together"`
	RateLimitGateway Rate `env:"RATE_LIMIT_GATEWAY" sandbox:"off" live:"30/m burst 15" help:"mutations of one user that may ask Iamport; one address has ten times as many"`

	LogFormat     LogFormat `env:"LOG_FORMAT" sandbox:"text" live:"json" help:"text or json"`
	Playground    bool      `env:"PLAYGROUND" sandbox:"true" live:"false" help:"serve the GraphQL playground at /playground"`
	Introspection bool      `env:"INTROSPECTION" sandbox:"true" live:"false" help:"let clients read the GraphQL schema"`

	GraphQL

	// How long points live from the day they are credited; a change reaches new credits only.
	PaidPointsDays  int `env:"PAID_POINTS_DAYS" sandbox:"1825" live:"1825" help:"days that paid points live; five years, as commercial claims do (상법 제64조)"`
	BonusPointsDays int `env:"BONUS_POINTS_DAYS" sandbox:"365" live:"365" help:"days that bonus points live, and those that operators give"`

	// How often each job runs, on one of all servers; zero: not on this one.
	SweepEvery time.Duration `env:"SWEEP_EVERY" sandbox:"1m" live:"1m" help:"how often to look for payments that nobody told us about; 0 for never, like the others"`
	SweepGrace time.Duration `env:"SWEEP_GRACE" sandbox:"2m" live:"2m" help:"how long a new order is left alone by the sweep"`
	// ReconcileEvery is never in sandbox mode: the pretend Iamport forgets its payments when it ends, and all of them
	// would be missing.
	ReconcileEvery    time.Duration `env:"RECONCILE_EVERY" sandbox:"0s" live:"10m" help:"how often to compare the books with Iamport's lists"`
	RefundsEvery      time.Duration `env:"REFUNDS_EVERY" sandbox:"5m" live:"5m" help:"how often to ask what became of refunds under way"`
	ExpireOrdersEvery time.Duration `env:"EXPIRE_ORDERS_EVERY" sandbox:"1m" live:"1m" help:"how often to close orders that were not paid in time"`
	ExpirePointsEvery time.Duration `env:"EXPIRE_POINTS_EVERY" sandbox:"1h" live:"1h" help:"how often to write the EXPIRE lines that are due"`
	// MetricsAddr is a listener of its own: what it tells is not for strangers.
	MetricsAddr string `env:"METRICS_ADDR" sandbox:"<none>" live:"<none>" help:"address for Prometheus' /metrics, host:port; keep it from strangers"`
	// StreamPoll is how late a subscription learns of a line at most, and how often each server asks the database.
	StreamPoll     time.Duration `env:"STREAM_POLL" sandbox:"1s" live:"1s" help:"how often open subscriptions look for new lines, as 500ms or 2s"`
	StreamsPerUser int           `env:"STREAMS_PER_USER" sandbox:"5" live:"5" help:"subscriptions a user may have open at each server"`
	StreamRate     Rate          `env:"STREAM_RATE" sandbox:"50/s burst 100" live:"50/s burst 100" help:"lines that all subscriptions of a user bring at each server; the others wait"`
	Streams        int           `env:"STREAMS" sandbox:"10000" live:"10000" help:"subscriptions that may be open at each server in all; each is an open file"`

	// What followed from Addr, and follows again once the port is known.
	derivedPublic, derivedFrontend bool
}

// Load reads the variables that getenv knows; an empty one counts as missing, and spaces around a value
// are dropped. When anything is wrong the error is Errors.
func Load(getenv func(string) string) (Config, error) {
	c, errs := parse(getenv)
	errs = append(errs, c.check()...)
	if len(errs) > 0 {
		return Config{}, errs.inOrder()
	}
	return c.withDerived(), nil
}

// parse fills in what was set and the mode's defaults, and reports what is missing or not of its type.
func parse(getenv func(string) string) (Config, Errors) {
	mode := Mode(strings.TrimSpace(getenv("MODE")))
	values, errs := map[string]string{}, Errors{}
	for _, v := range variables() {
		value := strings.TrimSpace(getenv(v.name))
		if value == "" {
			value = v.defaultValue(mode)
		}
		if value == "" && v.isRequired(mode) {
			errs = append(errs, Mistake{v.name, "is required in live mode"})
		}
		values[v.name] = value
	}
	var c Config
	err := env.ParseWithOptions(&c, env.Options{Environment: values})
	c.CORSOrigins = trimList(c.CORSOrigins)
	return c, append(errs, parseMistakes(err)...)
}

// withDerived fills in the defaults that follow from other settings.
func (c Config) withDerived() Config {
	if c.Mode == Sandbox && c.AuthHS256Secret.IsZero() && c.AuthJWKSURL == "" {
		c.AuthHS256Secret = NewSecret(DevelopmentSecret)
	}
	c.IamportURL = strings.TrimSuffix(c.IamportURL, "/")
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	c.FrontendURL = strings.TrimSuffix(c.FrontendURL, "/")
	c.TrustedDocumentsMode = cmp.Or(c.TrustedDocumentsMode, Enforce)
	c.derivedPublic = c.PublicURL == ""
	c.derivedFrontend = c.FrontendURL == ""
	return c.Listening(c.Addr)
}

// Listening is the Config once the server listens on addr, which differs from Addr when that asked for
// port 0: addresses that were not set but followed from Addr follow from addr.
func (c Config) Listening(addr string) Config {
	c.Addr = addr
	if c.derivedPublic {
		c.PublicURL = "http://" + browsableAddr(addr)
	}
	if c.derivedFrontend {
		c.FrontendURL = c.PublicURL
	}
	return c
}

// browsableAddr replaces the addresses that mean "all of them", which a browser cannot visit.
func browsableAddr(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	ip, _ := netip.ParseAddr(host)
	if err == nil && (host == "" || ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}

func trimList(list []string) []string {
	var out []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
