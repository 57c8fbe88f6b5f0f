// Package auth knows who is asking. People sign in elsewhere; what arrives here is a JSON Web Token
// in the Authorization header, and this package decides whether to believe it. It verifies the
// token once per request (Verifier.Middleware) and answers two questions for everybody below: who
// is it (From), and may they (Require). It holds no users, no passwords and no sessions.
package auth

import (
	"context"
	"slices"
	"time"

	"pointcharge/internal/apierror"
)

// Role is what the bearer of a token may do.
type Role string

// The roles that a token may name; any other is ignored.
const (
	RoleUser    Role = "user"    // a person, acting on their own points; the default
	RoleService Role = "service" // a trusted backend, which may spend a user's points
	RoleAdmin   Role = "admin"   // an operator
)

// Identity is who is asking, as a verified token says.
type Identity struct {
	// UserID is the token's "sub": 1 to 128 bytes of printable ASCII without spaces.
	UserID string
	// Roles is what the token names of the known roles, or RoleUser when it names none of them. One
	// role does not contain another: an admin who has points is "user" and "admin".
	Roles []Role
	// Name, Email and Phone prefill the payment window, if the token tells them (the claims name,
	// email and phone_number of OpenID Connect). They prove nothing.
	Name, Email, Phone string
	// ExpiresAt (UTC) is when the token ends; a subscription must not outlive it.
	ExpiresAt time.Time
}

// Has tells whether the identity carries the role.
func (i Identity) Has(role Role) bool { return slices.Contains(i.Roles, role) }

// outcome is what the middleware learnt from a request's token.
type outcome struct {
	identity Identity
	err      error
}

type outcomeKey struct{}

// From is who is asking. Without a valid token it is a *apierror.Error with the code UNAUTHENTICATED,
// in the same words whatever was wrong with the token. Its Err is a *Refusal, whose Reason may be
// shown.
func From(ctx context.Context) (Identity, error) {
	a, ok := ctx.Value(outcomeKey{}).(outcome)
	if !ok {
		return Identity{}, unauthenticated(errMissing)
	}
	return a.identity, a.err
}

// Require is From for callers that need one of the roles: a *apierror.Error with the code FORBIDDEN
// when the token is good but carries none of them.
func Require(ctx context.Context, roles ...Role) (Identity, error) {
	identity, err := From(ctx)
	if err != nil {
		return Identity{}, err
	}
	if !slices.ContainsFunc(roles, identity.Has) {
		return Identity{}, &apierror.Error{Code: apierror.Forbidden, Message: "This needs a role you do not have."}
	}
	return identity, nil
}
