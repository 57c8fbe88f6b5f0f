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
	// leeway forgives clocks that disagree a little.
	leeway = 30 * time.Second
	// maxTokenBytes bounds what is decoded before the signature is known to be good.
	maxTokenBytes = 8 << 10

	keysTimeout = 5 * time.Second
	// keysRefresh is how long a key that the issuer withdrew is still believed.
	keysRefresh = 5 * time.Minute
	// keysOnDemand is how often tokens with unknown keys may make us ask the issuer.
	keysOnDemand = 10 * time.Second
)

// Verifier tells good tokens from bad ones. It is safe for concurrent use.
type Verifier struct {
	// RolesClaim is where a token has the roles: a claim's name, or names of nested claims with
	// dots between them. Empty means roles. The claim is an array, or a string with spaces between
	// roles.
	RolesClaim string
	// Log gets a line when a token is refused, once a minute for each kind of refusal; nil is none.
	Log *slog.Logger

	parser   *jwt.Parser
	key      jwt.Keyfunc
	refusals *refusalLog
}

// NewHS256 believes tokens signed with the shared secret. A token's issuer and audience are checked
// when they are not empty here. It panics when the secret is shorter than MinSecret: the
// configuration has checked it, and an empty secret would believe everybody.
func NewHS256(secret []byte, issuer, audience string) *Verifier {
	if len(secret) < MinSecret {
		panic(fmt.Sprintf("auth: HS256 secret shorter than %d bytes", MinSecret))
	}
	key := func(*jwt.Token) (any, error) { return secret, nil }
	return newVerifier(key, issuer, audience, "HS256")
}

// NewJWKS believes tokens signed with a key that the issuer publishes at url (a JSON Web Key Set).
// The keys are fetched now, every five minutes until ctx ends, and when a token names an unknown
// key (at most once in ten seconds), so a rotated key works at once and a withdrawn one stops
// within minutes.
//
// An issuer that cannot be reached is no error, now or later: it is logged, the keys known so far
// stay good, and with none every token is refused until one of the fetches above succeeds. A server
// that refuses to start because its neighbour is restarting would turn one outage into two. The
// first fetch is waited for, five seconds at most. The error is for a url that is not one.
func NewJWKS(ctx context.Context, url, issuer, audience string, log *slog.Logger) (*Verifier, error) {
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{url}, keyfunc.Override{
		HTTPTimeout:       keysTimeout,
		RefreshInterval:   keysRefresh,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(keysOnDemand), 1),
		// Also the deadline of the fetch itself, so it cannot be shorter. Only one caller ever
		// waits for the limiter: the next one's turn is further away than this, and fails at once.
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
	// keys.Keyfunc uses ctx, not the request's: a caller who hangs up must not waste the fetch that
	// everybody waits for.
	verifier := newVerifier(keys.Keyfunc, issuer, audience, "RS256", "PS256", "ES256", "EdDSA")
	verifier.Log = log
	return verifier, nil
}

// newVerifier takes the algorithms from us and never from the token: that is what keeps out "none",
// and HS256 tokens signed with a public key (RFC 8725 §2.1).
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

// rejectCriticalExtensions refuses tokens that name extensions which must be understood (RFC 7515
// §4.1.11): we understand none, and the library does not look.
func rejectCriticalExtensions(key jwt.Keyfunc) jwt.Keyfunc {
	return func(token *jwt.Token) (any, error) {
		if _, ok := token.Header["crit"]; ok {
			return nil, errCritical
		}
		return key(token)
	}
}

// Verify is who the token speaks for, or a *point.Error with the code UNAUTHENTICATED.
func (v *Verifier) Verify(token string) (Identity, error) {
	identity, err := v.verify(token)
	if err != nil {
		refusal := newRefusal(token, err)
		v.refusals.write(v.Log, refusal)
		return Identity{}, unauthenticated(refusal)
	}
	return identity, nil
}

func (v *Verifier) verify(token string) (Identity, error) {
	if len(token) > maxTokenBytes {
		return Identity{}, errTooLong
	}
	claims := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(token, claims, v.key); err != nil {
		return Identity{}, err
	}
	return readIdentity(claims, cmp.Or(v.RolesClaim, "roles"))
}

// Middleware leaves in the request's context what From and Require answer with. It rejects nothing
// by itself: some of what lies behind it is for everybody.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), outcomeKey{}, v.authenticate(r.Header))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (v *Verifier) authenticate(header http.Header) outcome {
	token, missing := bearerToken(header)
	if missing != nil {
		return outcome{err: unauthenticated(missing)}
	}
	identity, err := v.Verify(token)
	return outcome{identity: identity, err: err}
}

// bearerToken is the token of the one Authorization header. With two of them, a proxy in front of
// us and we could each believe another one.
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
