package auth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"pointcharge/internal/outgoing"
)

const (
	// leeway forgives small differences between clocks.
	leeway = 30 * time.Second
	// maxTokenBytes bounds the bytes to decode before the signature is verified.
	maxTokenBytes = 8 << 10

	keysTimeout = 5 * time.Second
	// keysRefresh is how long a withdrawn key is still believed.
	keysRefresh = 5 * time.Minute
	// keysOnDemand is the least time between two requests to the issuer for unknown keys.
	keysOnDemand = 10 * time.Second
)

// Verifier verifies tokens and is safe for concurrent use.
type Verifier struct {
	// RolesClaim is the token's claim with the roles: a claim's name, or names of nested claims
	// with dots in between. Empty means "roles". The claim's value is an array, or a string with
	// spaces between roles.
	RolesClaim string
	// Log gets a line when a token is refused, once a minute for each kind of refusal; nil logs no
	// refusals.
	Log *slog.Logger

	parser   *jwt.Parser
	key      jwt.Keyfunc
	refusals *refusalLog
}

// NewHS256 returns a verifier for tokens signed with the shared secret. A token's issuer and
// audience are checked unless issuer and audience are empty here. NewHS256 panics when the secret
// is shorter than MinSecret: the configuration has checked the length, and an empty secret would
// believe every forger.
func NewHS256(secret []byte, issuer, audience string) *Verifier {
	if len(secret) < MinSecret {
		panic(fmt.Sprintf("auth: HS256 secret shorter than %d bytes", MinSecret))
	}
	key := func(*jwt.Token) (any, error) { return secret, nil }
	return newVerifier(key, issuer, audience, "HS256")
}

// NewJWKS returns a verifier for tokens signed with a key that the issuer publishes at url (a JSON
// Web Key Set). The keys are fetched now, every five minutes until ctx ends, and when a token names
// an unknown key (at most once in ten seconds). So a rotated key works at once and a withdrawn key
// stops within minutes.
//
// An unreachable issuer is no error, now or later: the failure is logged, the known keys stay good,
// and without any key every token is refused until a fetch succeeds. A server refusing to start
// because of a restarting neighbour would turn one outage into two. NewJWKS waits for the first
// fetch, five seconds at most. The error is for a malformed url.
func NewJWKS(ctx context.Context, url, issuer, audience string, log *slog.Logger) (*Verifier, error) {
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{url}, keyfunc.Override{
		HTTPTimeout:       keysTimeout,
		RefreshInterval:   keysRefresh,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(keysOnDemand), 1),
		// Also the deadline of the fetch, so a shorter time is impossible. Only one caller ever
		// waits for the limiter: the next caller's turn is further away than keysTimeout, so the
		// next caller fails at once.
		RateLimitWaitMax: keysTimeout,
		Client:           outgoing.NewClient(usableKeys{http.DefaultTransport, log}),
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(ctx context.Context, err error) {
				log.ErrorContext(ctx, "cannot fetch the keys that verify tokens", "url", url, "err", err)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("key set %s: %w", url, err)
	}
	// keys.Keyfunc uses ctx, not the request's context: a departing caller must not waste a fetch
	// with other callers waiting.
	verifier := newVerifier(keys.Keyfunc, issuer, audience, "RS256", "PS256", "ES256", "EdDSA")
	verifier.Log = log
	return verifier, nil
}

// newVerifier takes the algorithms as arguments and never from the token. So the algorithm "none"
// and HS256 tokens signed with a public key are refused (RFC 8725 §2.1).
func newVerifier(key jwt.Keyfunc, issuer, audience string, algorithms ...string) *Verifier {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(),
	}
	if issuer != "" {
		options = append(options, jwt.WithIssuer(issuer))
	}
	if audience != "" {
		options = append(options, jwt.WithAudience(audience))
	}
	return &Verifier{parser: jwt.NewParser(options...), key: rejectCriticalExtensions(key), refusals: newRefusalLog()}
}

// rejectCriticalExtensions refuses tokens with critical extensions (RFC 7515 §4.1.11): the server
// understands no extension, and the library does not check.
func rejectCriticalExtensions(key jwt.Keyfunc) jwt.Keyfunc {
	return func(token *jwt.Token) (any, error) {
		if _, ok := token.Header["crit"]; ok {
			return nil, errCritical
		}
		return key(token)
	}
}

// Verify returns the identity in the token, or an *apierror.Error with the code UNAUTHENTICATED.
func (v *Verifier) Verify(token string) (Identity, error) {
	identity, err := v.verifyToken(token)
	if err != nil {
		refusal := newRefusal(token, err)
		v.refusals.logRefusal(v.Log, refusal)
		return Identity{}, newUnauthenticatedError(refusal)
	}
	return identity, nil
}

func (v *Verifier) verifyToken(token string) (Identity, error) {
	if len(token) > maxTokenBytes {
		return Identity{}, errTooLong
	}
	claims := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(token, claims, v.key); err != nil {
		return Identity{}, err
	}
	return readIdentity(claims, cmp.Or(v.RolesClaim, "roles"))
}

// Middleware stores the token's outcome in the request's context, for From and Require. Middleware
// refuses no request: parts of the server are open to all callers.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), outcomeKey{}, v.authenticateRequest(r.Header))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (v *Verifier) authenticateRequest(header http.Header) outcome {
	token, missing := bearerToken(header)
	if missing != nil {
		return outcome{err: newUnauthenticatedError(missing)}
	}
	identity, err := v.Verify(token)
	return outcome{identity: identity, err: err}
}

// bearerToken returns the token of the only Authorization header. With two headers, a proxy in
// front and the server could each believe a different one.
func bearerToken(header http.Header) (string, *Refusal) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", errMissing
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errMissing
	}
	return token, nil
}
