package server

import (
	"errors"
	"fmt"
	"time"

	"pointcharge/internal/auth"
	"pointcharge/internal/config"
)

// SignToken returns a token signed with the server's own secret. SignToken refuses unknown roles,
// and configurations in which another party signs.
func SignToken(cfg config.Config, user string, role auth.Role, life time.Duration) (string, error) {
	if cfg.AuthHS256Secret.IsZero() {
		return "", errors.New("tokens are signed by the issuer of AUTH_JWKS_URL, not here")
	}
	if role != auth.RoleUser && role != auth.RoleService && role != auth.RoleAdmin {
		return "", fmt.Errorf("there is no role %q: user, service or admin", role)
	}
	who := auth.Identity{UserID: user, Roles: []auth.Role{role}, ExpiresAt: time.Now().Add(life)}
	return auth.Sign([]byte(cfg.AuthHS256Secret.Reveal()), who, cfg.AuthIssuer, cfg.AuthAudience)
}
