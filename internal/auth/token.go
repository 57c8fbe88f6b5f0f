package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MinSecret is the least length of an HS256 secret in bytes: as long as the hash (RFC 7518 §3.2).
const MinSecret = 32

const maxUserID = 128

var (
	errSubject = errors.New("sub is not 1 to 128 bytes of printable ASCII without spaces")
	errRoles   = errors.New("the claim with the roles is neither a string nor an array of strings")
)

// Sign makes an HS256 token for the identity, valid from now until the identity's ExpiresAt. Empty
// issuer and audience are left out. Sign refuses everything that a Verifier would refuse: a short
// secret, a malformed user id, an ExpiresAt in the past, a missing ExpiresAt.
func Sign(secret []byte, identity Identity, issuer, audience string) (string, error) {
	now := time.Now()
	if err := checkSignable(secret, identity, now); err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	claims := jwt.MapClaims{"sub": identity.UserID, "iat": now.Unix(), "exp": identity.ExpiresAt.Unix()}
	if len(identity.Roles) > 0 {
		claims["roles"] = identity.Roles
	}
	for name, text := range map[string]string{"name": identity.Name, "email": identity.Email, "phone_number": identity.Phone} {
		if text != "" {
			claims[name] = text
		}
	}
	if issuer != "" {
		claims["iss"] = issuer
	}
	if audience != "" {
		claims["aud"] = audience
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
}

func checkSignable(secret []byte, identity Identity, now time.Time) error {
	if len(secret) < MinSecret {
		return fmt.Errorf("the secret is shorter than %d bytes", MinSecret)
	}
	if !validUserID(identity.UserID) {
		return errSubject
	}
	if !identity.ExpiresAt.After(now) {
		return errors.New("the token would already have expired")
	}
	return nil
}

// readIdentity reads verified claims. Claims are a map because decoding into a struct matches names
// regardless of case, and "Roles" is a foreign claim.
func readIdentity(claims jwt.MapClaims, rolesClaim string) (Identity, error) {
	sub := subjectOf(claims["sub"])
	if !validUserID(sub) {
		return Identity{}, errSubject
	}
	roles, err := rolesOf(findClaim(claims, rolesClaim))
	if err != nil {
		return Identity{}, err
	}
	exp, err := claims.GetExpirationTime()
	if err != nil {
		return Identity{}, err
	}
	return Identity{UserID: sub, Roles: roles, ExpiresAt: exp.UTC(), Name: optionalText(claims["name"]),
		Email: optionalText(claims["email"]), Phone: optionalText(claims["phone_number"])}, nil
}

// subjectOf returns the user's id as text. Some issuers write the number of a row, and each digit
// counts: as a float64, two large ids could be equal.
func subjectOf(claim any) string {
	switch v := claim.(type) {
	case string:
		return v
	case json.Number:
		if digits := v.String(); strings.Trim(digits, "0123456789") == "" {
			return digits
		}
	}
	return ""
}

// findClaim returns the claim at path, or nil. The path is a claim's whole name, dots included
// (https://shop.example/roles), or the names of nested claims with dots in between
// (realm_access.roles).
func findClaim(claims map[string]any, path string) any {
	if claim, ok := claims[path]; ok {
		return claim
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if nested, ok := claims[path[:i]].(map[string]any); ok {
			if claim := findClaim(nested, path[i+1:]); claim != nil {
				return claim
			}
		}
	}
	return nil
}

// optionalText returns an optional claim; a claim of another type than string counts as missing.
func optionalText(claim any) string {
	text, _ := claim.(string)
	return text
}

// validUserID refuses characters that break a log line, a URL or PostgreSQL (NUL).
func validUserID(s string) bool {
	if s == "" || len(s) > maxUserID {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func rolesOf(claim any) ([]Role, error) {
	names, err := stringsOf(claim)
	if err != nil {
		return nil, err
	}
	var roles []Role
	for _, name := range names {
		if role, ok := knownRole(name); ok && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	if len(roles) == 0 {
		return []Role{RoleUser}, nil
	}
	return roles, nil
}

func knownRole(name string) (Role, bool) {
	role := Role(name)
	return role, role == RoleUser || role == RoleService || role == RoleAdmin
}

func stringsOf(claim any) ([]string, error) {
	switch v := claim.(type) {
	case nil:
		return nil, nil
	case string:
		return strings.Fields(v), nil
	case []any:
		return stringsOfArray(v)
	default:
		return nil, errRoles
	}
}

func stringsOfArray(values []any) ([]string, error) {
	out := make([]string, len(values))
	for i, value := range values {
		s, ok := value.(string)
		if !ok {
			return nil, errRoles
		}
		out[i] = s
	}
	return out, nil
}
