// Package config turns environment variables into a Config and reports all mistakes at once, by
// name. The struct tags of Config are the only description of a variable: the defaults, whether the
// variable is required, and the text in Help.
package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// DevelopmentSecret signs tokens in sandbox mode when no other secret is configured. The secret is
// public, so live mode refuses DevelopmentSecret.
const DevelopmentSecret = "development-secret-that-everybody-knows"

// Mode says whether the money is real.
type Mode string

// The modes.
const (
	Sandbox Mode = "sandbox" // a pretend Iamport; points have no value
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

// Config holds the server's settings. The tags "sandbox" and "live" hold the default in each mode.
// A default in <angle brackets> is not a value but tells where the value comes from; <required>
// means that the variable must be set.
type Config struct {
	Mode Mode `env:"MODE" sandbox:"sandbox" live:"sandbox" help:"sandbox (a pretend Iamport, for development) or live (real payments)" ko:"sandbox(가상 아임포트, 개발용) 또는 live(실제 결제)"`
	// Addr is where to listen, host:port. With port 0 see Listening.
	Addr string `env:"ADDR" sandbox:"127.0.0.1:8080" live:"127.0.0.1:8080" help:"address to listen on, host:port; port 0 picks a free one" ko:"요청을 받을 주소, host:port. 포트 0은 빈 포트를 고릅니다"`
	// Port becomes part of Addr. Hosts such as Cloud Run, Heroku and Render set PORT.
	Port string `env:"PORT" sandbox:"<none>" live:"<none>" help:"port to listen on, on every address, when ADDR is not set; hosting platforms set it" ko:"ADDR이 없을 때 모든 주소에서 열 포트. 호스팅 플랫폼이 정해 줍니다"`
	// SandboxRemote is an explicit wish: the sandbox gives points to every caller within reach.
	SandboxRemote bool `env:"SANDBOX_REMOTE" sandbox:"false" live:"false" help:"let the sandbox listen on an address that other machines can reach" ko:"다른 컴퓨터가 접속할 수 있는 주소에서 샌드박스를 여는 것을 허용합니다"`
	// SandboxFaults reaches only the sandbox inside the server.
	SandboxFaults string `env:"SANDBOX_FAULTS" sandbox:"<none>" live:"<none>" help:"what the sandbox inside the server lets go wrong: seed=7,rate=0.3 or hang=0.1,429=1:2; docs/sandbox.md lists the faults" ko:"서버 안의 샌드박스가 일으킬 장애: seed=7,rate=0.3 또는 hang=0.1,429=1:2. 장애 목록은 docs/sandbox.ko.md에 있습니다"`
	// DatabaseURL usually holds a password; DatabaseName is for logs.
	DatabaseURL Secret `env:"DATABASE_URL" sandbox:"file:data/pointcharge.db" live:"<required>" help:"postgres://… (PostgreSQL) or file:… (SQLite)" ko:"postgres://…(PostgreSQL) 또는 file:…(SQLite)"`

	// IamportURL has no trailing slash; empty (sandbox mode only) means the sandbox inside this
	// server.
	IamportURL        string `env:"IAMPORT_URL" sandbox:"<the sandbox inside the server>" live:"https://api.iamport.kr" help:"address of Iamport's REST API" ko:"아임포트 REST API의 주소"`
	IamportKey        Secret `env:"IAMPORT_KEY" sandbox:"sandbox-key" live:"<required>" help:"Iamport's REST API key (imp_key)" ko:"아임포트 REST API 키(imp_key)"`
	IamportSecret     Secret `env:"IAMPORT_SECRET" sandbox:"sandbox-secret" live:"<required>" help:"Iamport's REST API secret (imp_secret)" ko:"아임포트 REST API 시크릿(imp_secret)"`
	IamportUserCode   string `env:"IAMPORT_USER_CODE" sandbox:"imp00000000" live:"<required>" help:"the store's code for IMP.init (가맹점 식별코드); public" ko:"IMP.init에 쓰는 가맹점 식별코드. 공개되어도 됩니다"`
	IamportChannelKey string `env:"IAMPORT_CHANNEL_KEY" sandbox:"channel-key-sandbox" live:"<required>" help:"the payment channel for IMP.request_pay (채널 키); public" ko:"IMP.request_pay에 쓰는 채널 키. 공개되어도 됩니다"`
	// IamportChannels replaces IamportChannelKey for the ways to pay that it names.
	IamportChannels Channels `env:"IAMPORT_CHANNELS" sandbox:"<all ways to pay, by IAMPORT_CHANNEL_KEY>" live:"<all ways to pay, by IAMPORT_CHANNEL_KEY>" help:"the ways to pay on offer, each with its payment channel: CARD=channel-key-1,KAKAOPAY=channel-key-2,VIRTUAL_ACCOUNT; one without a key uses IAMPORT_CHANNEL_KEY" ko:"제공할 결제 수단과 그 채널 키: CARD=channel-key-1,KAKAOPAY=channel-key-2,VIRTUAL_ACCOUNT. 키가 없는 수단은 IAMPORT_CHANNEL_KEY를 씁니다"`
	// IamportPGAPIKey goes along with every virtual account that is issued (contract §1.8).
	IamportPGAPIKey Secret `env:"IAMPORT_PG_API_KEY" sandbox:"<none>" live:"<none>" help:"KG Inicis' INIAPI key (pg_api_key), which virtual accounts of that provider need" ko:"KG이니시스의 INIAPI 키(pg_api_key). 이 PG의 가상계좌에 필요합니다"`
	AuthHS256Secret Secret `env:"AUTH_HS256_SECRET" sandbox:"<a development secret everybody knows>" live:"<this or AUTH_JWKS_URL>" help:"secret that signs users' tokens (HS256), at least 32 bytes" ko:"사용자 토큰에 서명하는 비밀값(HS256), 32바이트 이상"`
	AuthJWKSURL     string `env:"AUTH_JWKS_URL" sandbox:"<unset>" live:"<this or AUTH_HS256_SECRET>" help:"address of the keys that sign users' tokens; needs AUTH_ISSUER and AUTH_AUDIENCE" ko:"사용자 토큰에 서명하는 키 모음의 주소. AUTH_ISSUER와 AUTH_AUDIENCE가 필요합니다"`
	AuthIssuer      string `env:"AUTH_ISSUER" sandbox:"<unchecked>" live:"<unchecked>" help:"what a token's iss must be" ko:"토큰의 iss가 가져야 할 값"`
	AuthAudience    string `env:"AUTH_AUDIENCE" sandbox:"<unchecked>" live:"<unchecked>" help:"what a token's aud must contain" ko:"토큰의 aud에 들어 있어야 할 값"`

	// AuthRolesClaim is a claim's name, or names of nested claims with dots in between.
	AuthRolesClaim string `env:"AUTH_ROLES_CLAIM" sandbox:"roles" live:"roles" help:"claim that holds a user's roles: a name, or a path such as realm_access.roles (Keycloak), cognito:groups or https://shop.example/roles" ko:"사용자의 역할이 담긴 클레임: 이름 또는 realm_access.roles(Keycloak), cognito:groups, https://shop.example/roles 같은 경로"`

	// PublicURL and FrontendURL are without a trailing slash.
	PublicURL   string `env:"PUBLIC_URL" sandbox:"<http://ADDR>" live:"<required>" help:"address at which browsers and Iamport reach this server" ko:"브라우저와 아임포트가 이 서버에 접속하는 주소"`
	FrontendURL string `env:"FRONTEND_URL" sandbox:"<PUBLIC_URL>" live:"<required>" help:"page to which a browser returns after paying in a redirect; https://shop.example/#/wallet and an app's own myapp://wallet work, too" ko:"리디렉션 결제 뒤 브라우저가 돌아갈 페이지. https://shop.example/#/wallet과 앱의 myapp://wallet도 됩니다"`
	// CORSOrigins are compared with the Origin header literally. In sandbox mode the origin "*"
	// allows all origins.
	CORSOrigins []string `env:"CORS_ORIGINS" sandbox:"<none>" live:"<none>" help:"origins whose pages may call the API, separated by commas: https://shop.example,…" ko:"API를 호출할 수 있는 페이지의 오리진, 쉼표로 구분: https://shop.example,…"`

	CORSHeaders []string `env:"CORS_HEADERS" sandbox:"<none>" live:"<none>" help:"headers that these pages may send beside those of common clients, separated by commas: X-Tenant,…" ko:"그 페이지들이 널리 쓰이는 클라이언트의 헤더 밖에 더 보낼 수 있는 헤더, 쉼표로 구분: X-Tenant,…"`

	// Limits by callers' addresses; see packages middleware and ratelimit.
	TrustedProxies Networks `env:"TRUSTED_PROXIES" sandbox:"<none>" live:"<none>" help:"proxies whose X-Forwarded-For is believed: addresses or networks, separated by commas" ko:"X-Forwarded-For를 믿을 프록시: 주소나 네트워크, 쉼표로 구분"`
	WebhookAllow   Senders  `env:"WEBHOOK_ALLOW" sandbox:"<everybody>" live:"<everybody>" help:"who may send webhooks: addresses or networks; the word iamport stands for Iamport's three" ko:"웹훅을 보낼 수 있는 주소나 네트워크. iamport는 아임포트의 세 주소를 뜻합니다"`
	// A limit is rate.Inf when switched off.
	RateLimitUser    Rate `env:"RATE_LIMIT_USER" sandbox:"off" live:"20/s burst 60" help:"API requests of one user: 20/s, 30/m burst 10 or off; an operation counts as one for each 100 of its price; roles service and admin have no limits" ko:"한 사용자의 API 요청 수: 20/s, 30/m burst 10 또는 off. 작업은 가격 100마다 요청 하나로 셉니다. service와 admin 역할에는 제한이 없습니다"`
	RateLimitAddress Rate `env:"RATE_LIMIT_ADDRESS" sandbox:"off" live:"100/s burst 300" help:"requests from one address (of IPv6, from one /64), webhooks and payment returns included; without TRUSTED_PROXIES, API requests of all callers without a token together" ko:"한 주소(IPv6은 /64 하나)의 요청 수, 웹훅과 결제 복귀 포함. TRUSTED_PROXIES가 없으면 토큰 없는 모든 API 요청을 합쳐 셉니다"`
	RateLimitGateway Rate `env:"RATE_LIMIT_GATEWAY" sandbox:"off" live:"30/m burst 15" help:"mutations of one user that may ask Iamport; one address has ten times as many" ko:"아임포트를 조회할 수 있는 한 사용자의 뮤테이션 수. 한 주소에는 열 배까지 허용합니다"`

	LogFormat     LogFormat `env:"LOG_FORMAT" sandbox:"text" live:"json" help:"text or json" ko:"text 또는 json"`
	Playground    bool      `env:"PLAYGROUND" sandbox:"true" live:"false" help:"serve the GraphQL playground at /playground" ko:"/playground에서 GraphQL 플레이그라운드를 제공합니다"`
	Introspection bool      `env:"INTROSPECTION" sandbox:"true" live:"false" help:"let clients read the GraphQL schema" ko:"클라이언트가 GraphQL 스키마를 읽을 수 있게 합니다"`

	GraphQL

	// The life of points from the day of the credit; a change affects new credits only.
	PaidPointsLife  Life `env:"PAID_POINTS_LIFE" sandbox:"5y" live:"5y" help:"how long paid points live: calendar years in Korea (5y) or days (1825d); five years, as commercial claims do (상법 제64조)" ko:"유상 포인트의 유효 기간: 한국의 역년(5y) 또는 일수(1825d). 상사채권과 같은 5년(상법 제64조)"`
	BonusPointsLife Life `env:"BONUS_POINTS_LIFE" sandbox:"365d" live:"365d" help:"how long bonus points live, and those that operators give" ko:"보너스 포인트와 운영자가 지급한 포인트의 유효 기간"`

	// MaxOrderAge bounds how long a price once offered can still be paid.
	MaxOrderAge     time.Duration `env:"MAX_ORDER_AGE" sandbox:"720h" live:"720h" help:"how old an order may be when its payment is made; a later payment gives no points and is a problem (LATE)" ko:"결제 시점에 허용하는 주문의 최대 나이. 더 늦은 결제는 포인트가 되지 않고 확인 필요 결제(LATE)가 됩니다"`
	AcceptDiscounts bool          `env:"ACCEPT_DISCOUNTS" sandbox:"false" live:"false" help:"give all points also for a payment of which a provider's promotion paid a part; otherwise it is a problem (DISCOUNT)" ko:"결제사 프로모션이 일부를 낸 결제에도 포인트를 모두 줍니다. 아니면 확인 필요 결제(DISCOUNT)가 됩니다"`

	// The intervals of the jobs, each on one of all servers; zero switches the job off on this
	// server.
	SweepEvery time.Duration `env:"SWEEP_EVERY" sandbox:"1m" live:"1m" help:"how often to look for payments that nobody told us about; 0 for never, like the others" ko:"알림이 오지 않은 결제를 찾는 주기. 아래 주기들과 같이 0은 끄기입니다"`
	SweepGrace time.Duration `env:"SWEEP_GRACE" sandbox:"2m" live:"2m" help:"how long a new order is left alone by the sweep" ko:"새 주문을 누락 결제 보정에서 제외하는 시간"`
	// ReconcileEvery is off in sandbox mode: the pretend Iamport loses all payments at its end, and
	// every payment would be missing.
	ReconcileEvery    time.Duration `env:"RECONCILE_EVERY" sandbox:"0s" live:"10m" help:"how often to compare the books with Iamport's lists" ko:"장부와 아임포트의 결제 목록을 대조하는 주기"`
	RefundsEvery      time.Duration `env:"REFUNDS_EVERY" sandbox:"5m" live:"5m" help:"how often to ask what became of refunds under way" ko:"진행 중인 환불의 결과를 조회하는 주기"`
	ExpireOrdersEvery time.Duration `env:"EXPIRE_ORDERS_EVERY" sandbox:"1m" live:"1m" help:"how often to close orders that were not paid in time" ko:"제때 결제되지 않은 주문을 닫는 주기"`
	ExpirePointsEvery time.Duration `env:"EXPIRE_POINTS_EVERY" sandbox:"1h" live:"1h" help:"how often to write the EXPIRE lines that are due" ko:"소멸 거래를 기록하는 주기"`
	// MetricsAddr is a separate listener, because strangers must not read the metrics.
	MetricsAddr string `env:"METRICS_ADDR" sandbox:"<none>" live:"<none>" help:"address for Prometheus' /metrics, host:port; keep it from strangers" ko:"Prometheus의 /metrics를 여는 주소, host:port. 외부에 공개하지 마세요"`
	// StreamPoll is how late a subscription learns of a line at most, and how often each server
	// asks the database.
	StreamPoll     time.Duration `env:"STREAM_POLL" sandbox:"1s" live:"1s" help:"how often open subscriptions look for new lines, as 500ms or 2s" ko:"열린 구독이 새 거래를 찾는 주기, 500ms나 2s처럼"`
	StreamsPerUser int           `env:"STREAMS_PER_USER" sandbox:"5" live:"5" help:"subscriptions a user may have open at each server" ko:"한 사용자가 서버마다 열 수 있는 구독 수"`
	StreamRate     Rate          `env:"STREAM_RATE" sandbox:"50/s burst 100" live:"50/s burst 100" help:"lines that all subscriptions of a user bring at each server; the others wait" ko:"서버마다 한 사용자의 모든 구독이 받는 거래 수. 나머지는 기다립니다"`
	Streams        int           `env:"STREAMS" sandbox:"10000" live:"10000" help:"subscriptions that may be open at each server in all; each is an open file" ko:"서버마다 열 수 있는 전체 구독 수. 하나가 파일 하나를 씁니다"`

	// Flags of settings derived from Addr, which are derived again once the port is known.
	derivedPublic, derivedFrontend bool
}

// Load reads the variables through getenv. An empty variable counts as missing, and spaces around a
// value are dropped. The error for any mistake is of type Errors.
func Load(getenv func(string) string) (Config, error) {
	c, errs := parseEnvironment(getenv)
	errs = append(errs, c.checkSettings()...)
	if len(errs) > 0 {
		return Config{}, errs.inOrder()
	}
	return c.withDerived(), nil
}

// parseEnvironment sets the given values and the mode's defaults, and reports missing variables and
// values of a wrong type.
func parseEnvironment(getenv func(string) string) (Config, Errors) {
	mode := Mode(strings.TrimSpace(getenv("MODE")))
	values, errs := map[string]string{}, Errors{}
	for _, v := range listVariables() {
		value := strings.TrimSpace(getenv(v.name))
		if v.name == "ADDR" && value == "" {
			value = addrFromPort(getenv)
		}
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
	c.CORSOrigins, c.CORSHeaders = trimList(c.CORSOrigins), trimList(c.CORSHeaders)
	return c, append(errs, parseMistakes(err)...)
}

// addrFromPort returns the address for PORT, or an empty text without PORT. Hosts such as Cloud
// Run, Heroku and Render set PORT, and reach the server from another machine, so a sandbox needs
// SANDBOX_REMOTE there.
func addrFromPort(getenv func(string) string) string {
	port := strings.TrimSpace(getenv("PORT"))
	if port == "" {
		return ""
	}
	remote, _ := strconv.ParseBool(strings.TrimSpace(getenv("SANDBOX_REMOTE")))
	if Mode(strings.TrimSpace(getenv("MODE"))) != Live && !remote {
		return "127.0.0.1:" + port
	}
	return ":" + port
}

// withDerived sets the defaults that depend on other settings.
func (c Config) withDerived() Config {
	if c.Mode == Sandbox && c.AuthHS256Secret.IsZero() && c.AuthJWKSURL == "" {
		c.AuthHS256Secret = NewSecret(DevelopmentSecret)
	}
	c.IamportURL = strings.TrimSuffix(c.IamportURL, "/")
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	if !strings.Contains(c.FrontendURL, "#") {
		c.FrontendURL = strings.TrimSuffix(c.FrontendURL, "/")
	}
	c.TrustedDocumentsMode = cmp.Or(c.TrustedDocumentsMode, Enforce)
	c.derivedPublic = c.PublicURL == ""
	c.derivedFrontend = c.FrontendURL == ""
	return c.Listening(c.Addr)
}

// Listening returns the Config for a server listening on addr. The actual address differs from Addr
// when Addr asked for port 0; addresses derived from Addr are derived from addr instead.
func (c Config) Listening(addr string) Config {
	c.Addr = addr
	if c.derivedPublic {
		c.PublicURL = "http://" + browsableAddr(addr)
	}
	if c.derivedFrontend {
		c.FrontendURL = c.PublicURL
		if c.PublicPath() != "" { // proxies know the paths below it
			c.FrontendURL += "/"
		}
	}
	return c
}

// PublicPath is the path of PublicURL, as in "/pay/api": the prefix of the server's own addresses
// in browsers. It is empty for a server at the root of its host.
func (c Config) PublicPath() string {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
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
