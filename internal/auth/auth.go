// Package auth identifies callers. People sign in elsewhere; a request carries a JSON Web Token in
// the Authorization header. The package verifies the token once per request (Verifier.Middleware)
// and answers two questions for all code below: the caller's identity (From) and the caller's
// permission (Require). There are no users, passwords or sessions here.
package auth

import (
	"context"
	"slices"
	"time"

	"pointcharge/internal/apierror"
)

// Role is a permission of a token's bearer.
type Role string

// The roles that a token may name; all others are ignored.
const (
	RoleUser    Role = "user"    // a person with points of their own; the default
	RoleService Role = "service" // a trusted backend, allowed to spend a user's points
	RoleAdmin   Role = "admin"   // an operator
)

// Identity is the caller, as described by a verified token.
type Identity struct {
	// UserID is the token's "sub": 1 to 128 bytes of printable ASCII without spaces.
	UserID string
	// Roles lists the known roles in the token, or RoleUser when the token names no known role. One
	// role does not contain another: an admin with points is "user" and "admin".
	Roles []Role
	// Name, Email and Phone prefill the payment window if the token has the claims name, email and
	// phone_number of OpenID Connect. The fields prove no identity.
	Name, Email, Phone string
	// ExpiresAt (UTC) is the token's end; a subscription must not outlive the token.
	ExpiresAt time.Time
}

// Has tells whether the identity carries the role.
func (i Identity) Has(role Role) bool { return slices.Contains(i.Roles, role) }

// outcome is the middleware's verdict on a request's token.
type outcome struct {
	identity Identity
	err      error
}

type outcomeKey struct{}

// From returns the caller's identity. Without a valid token the error is an *apierror.Error with
// the code UNAUTHENTICATED, in the same words for every fault of a token. The error's Err is a
// *Refusal, whose Reason may be shown.
func From(ctx context.Context) (Identity, error) {
	a, ok := ctx.Value(outcomeKey{}).(outcome)
	if !ok {
		return Identity{}, newUnauthenticatedError(errMissing)
	}
	return a.identity, a.err
}

// Require is From for callers that need one of the roles: an *apierror.Error with the code
// FORBIDDEN when a valid token carries none of the roles.
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
