package auth

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"pointcharge/internal/apierror"
)

// Reason tells a caller why authentication failed. The failed check of a token is not part of a
// Reason, because only a forger would profit.
type Reason string

// The reasons.
const (
	ReasonMissing Reason = "MISSING" // no bearer token: sign in
	ReasonExpired Reason = "EXPIRED" // the token was good: refresh the token
	ReasonInvalid Reason = "INVALID" // the token never was good
)

// Refusal is the Err of the *apierror.Error from From, Require and Verify.
type Refusal struct {
	Reason Reason
	Check  string // the failed check, for the log: form, signature, iss, sub, …
	Err    error  // for the log
}

func (r *Refusal) Error() string { return "check " + r.Check + ": " + r.Err.Error() }

func (r *Refusal) Unwrap() error { return r.Err }

var (
	errMissing  = &Refusal{ReasonMissing, "token", errors.New("no bearer token")}
	errTooLong  = errors.New("the token is too long")
	errCritical = errors.New("critical header extensions are not supported")
)

// newUnauthenticatedError has one message for every refusal.
func newUnauthenticatedError(refusal *Refusal) error {
	return &apierror.Error{
		Code:    apierror.Unauthenticated,
		Reason:  string(refusal.Reason),
		Message: "A valid bearer token is required.",
		Err:     refusal,
	}
}

func newRefusal(token string, err error) *Refusal {
	check := failedCheck(token, err)
	reason := ReasonInvalid
	if check == "exp" && errors.Is(err, jwt.ErrTokenExpired) {
		reason = ReasonExpired
	}
	return &Refusal{reason, check, err}
}

// failedCheck names the check that caused err. When several checks failed, the name is of a check
// that a refreshed token would fail, too.
func failedCheck(token string, err error) string {
	for _, known := range []struct {
		err   error
		check string
	}{
		{errTooLong, "size"}, {errCritical, "crit"}, {errSubject, "sub"}, {errRoles, "roles"},
		{jwt.ErrTokenInvalidIssuer, "iss"}, {jwt.ErrTokenInvalidAudience, "aud"}, {jwt.ErrTokenNotValidYet, "nbf"},
	} {
		if errors.Is(err, known.err) {
			return known.check
		}
	}
	const partsOfJWE = 5
	switch {
	case strings.Count(token, ".") == partsOfJWE-1:
		return "encrypted"
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return missingClaim(err)
	case errors.Is(err, jwt.ErrTokenExpired):
		return "exp"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid) && strings.Contains(err.Error(), "signing method"):
		return "alg"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return "signature"
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return "key"
	default:
		return "form"
	}
}

func missingClaim(err error) string {
	for _, claim := range []string{"iss", "aud", "nbf"} {
		if strings.Contains(err.Error(), claim+" claim is required") {
			return claim
		}
	}
	return "exp"
}

// refusalLog keeps refused tokens from filling the log: one line a minute for each check.
type refusalLog struct{ limiters map[string]*rate.Limiter }

func newRefusalLog() *refusalLog {
	limiters := map[string]*rate.Limiter{}
	for _, check := range []string{"size", "crit", "sub", "roles", "iss", "aud", "nbf", "encrypted", "exp", "alg", "signature", "key", "form"} {
		limiters[check] = rate.NewLimiter(rate.Limit(1.0/60), 1)
	}
	return &refusalLog{limiters}
}

// logRefusal tells an operator the failed check and how to pass the check. The log shows no part of
// the token.
func (l *refusalLog) logRefusal(log *slog.Logger, refusal *Refusal) {
	if log != nil && l.limiters[refusal.Check].Allow() {
		log.Warn("token refused", slog.String("check", refusal.Check), slog.String("reason", string(refusal.Reason)),
			slog.String("explanation", explainCheck(refusal.Check)))
	}
}

func explainCheck(check string) string {
	return map[string]string{
		"size":      "the token is longer than 8 KB; put less into it",
		"crit":      "the token's header demands extensions (crit), of which none is supported",
		"sub":       "the claim sub is not 1 to 128 characters of printable ASCII without spaces, nor a whole number",
		"roles":     "the claim at AUTH_ROLES_CLAIM is neither text nor a list of texts",
		"iss":       "the claim iss is not AUTH_ISSUER",
		"aud":       "the claim aud does not contain AUTH_AUDIENCE",
		"nbf":       "the token is not valid yet; compare the clocks",
		"exp":       "the token has expired, or has no claim exp",
		"encrypted": "the token is encrypted (JWE); the issuer must sign it only (JWS), for Auth.js with encode and decode of its own",
		"alg":       "the token's alg is not accepted: HS256 with AUTH_HS256_SECRET; RS256, PS256, ES256 or EdDSA with AUTH_JWKS_URL",
		"signature": "the signature does not match: another secret or key, or a forgery",
		"key":       "the key set at AUTH_JWKS_URL has no key for the token's kid",
		"form":      "it is not a JSON Web Token",
	}[check]
}
