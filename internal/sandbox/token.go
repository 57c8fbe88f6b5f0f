package sandbox

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	tokenLifetime        = 30 * time.Minute
	tokenExtensionWindow = time.Minute
	tokenExtension       = 5 * time.Minute
)

// tokens issues the merchant's one access token. All servers of the merchant share the token, so
// that concurrent calls do not invalidate each other's token (contract §1.3).
type tokens struct {
	mu        sync.RWMutex
	current   string
	expiresAt time.Time
}

// issueToken returns the same token with the same expiry while the token is valid, extends the
// token by five minutes in the last minute, and creates a new token afterwards.
func (t *tokens) issueToken(now time.Time) (token string, expiresAt time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch left := t.expiresAt.Sub(now); {
	case left <= 0:
		t.current, t.expiresAt = strings.ToLower(rand.Text()), now.Add(tokenLifetime)
	case left <= tokenExtensionWindow:
		t.expiresAt = t.expiresAt.Add(tokenExtension)
	}
	return t.current, t.expiresAt
}

func (t *tokens) isValid(token string, now time.Time) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return now.Before(t.expiresAt) && subtle.ConstantTimeCompare([]byte(token), []byte(t.current)) == 1
}

func (t *tokens) expireToken() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expiresAt = time.Time{}
}

// getToken answers POST /users/getToken (contract §1.3). Times are whole UNIX seconds.
func (s *Sandbox) getToken(w http.ResponseWriter, r *http.Request) {
	in, ok := s.readFields(w, r)
	if !ok {
		return
	}
	if !s.hasCredentials(in["imp_key"], in["imp_secret"]) {
		s.writeFailure(w, http.StatusUnauthorized, -1, "인증에 실패하였습니다. API키와 secret을 확인하세요.")
		return
	}
	now := s.now()
	token, expiresAt := s.tokens.issueToken(now)
	off := s.faults.Skew("POST /users/getToken")
	s.writeResponse(w, http.StatusOK, map[string]any{
		"access_token": token, "now": now.Add(off).Unix(), "expired_at": expiresAt.Add(off).Unix(),
	})
}

func (s *Sandbox) hasCredentials(key, secret string) bool {
	matches := func(want, given string) bool {
		return given != "" && (want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(given)) == 1)
	}
	return matches(s.config.Key, key) && matches(s.config.Secret, secret)
}

// requireToken answers 401 to requests without the token. The token may come as Bearer or raw: both
// are in use (contract §1.1).
func (s *Sandbox) requireToken(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		if len(header) > len("Bearer ") && strings.EqualFold(header[:len("Bearer ")], "Bearer ") {
			header = header[len("Bearer "):]
		}
		if !s.tokens.isValid(strings.TrimSpace(header), s.now()) {
			s.writeFailure(w, http.StatusUnauthorized, -1, "Unauthorized")
			return
		}
		next(w, r)
	}
}
