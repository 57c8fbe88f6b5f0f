package iamport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"pointcharge/internal/apierror"
)

// tokenMargin is how long before its end a token is no longer used. It is less than the last
// minute, in which Iamport extends the same token by five minutes (contract §1.3).
const tokenMargin = 30 * time.Second

// token is one grant of access. Iamport may grant the same text twice, so grants are told apart by
// their address.
type token struct {
	text  string
	until time.Time // with Go's monotonic reading: wall clocks jump
}

func (t *token) isFresh() bool { return t != nil && time.Now().Before(t.until) }

// tokens holds the one token that all calls share.
type tokens struct {
	wire        *wire
	credentials credentials
	timeout     time.Duration

	flight  singleflight.Group
	mu      sync.Mutex
	current *token // nil before the first grant
}

type credentials struct {
	Key    string `json:"imp_key"`
	Secret string `json:"imp_secret"`
}

func newTokens(wire *wire, key, secret string, timeout time.Duration) *tokens {
	return &tokens{wire: wire, credentials: credentials{key, secret}, timeout: timeout}
}

// validToken is the current token, or a new one when there is none or it has run out.
func (t *tokens) validToken(ctx context.Context) (*token, error) { return t.replaceToken(ctx, nil) }

// replaceToken is any valid token but the refused one. However many callers ask at once, one
// request is made for all of them (F25); a caller whose context ends leaves without its result.
func (t *tokens) replaceToken(ctx context.Context, refused *token) (*token, error) {
	t.mu.Lock()
	if t.current.isFresh() && t.current != refused {
		defer t.mu.Unlock()
		return t.current, nil
	}
	// Joined under the lock, so that nobody starts a second request between the end of the first
	// and the look at its result.
	granted := t.flight.DoChan("", func() (granted any, err error) {
		err = apierror.RecoverPanic(func() error {
			granted, err = t.renewToken(ctx)
			return err
		})
		return granted, err
	})
	t.mu.Unlock()
	select {
	case result := <-granted:
		token, _ := result.Val.(*token)
		return token, result.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// renewToken is everybody's, so it goes on when the caller that happened to start it leaves.
func (t *tokens) renewToken(ctx context.Context) (*token, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), t.timeout, errNoAnswer)
	defer cancel()
	granted, err := t.requestToken(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current = granted
	return granted, nil
}

type grant struct {
	AccessToken string      `json:"access_token"`
	Now         json.Number `json:"now"`
	ExpiredAt   json.Number `json:"expired_at"`
}

// requestToken asks for a token, which has no side effect and may be retried: until it expires
// Iamport grants the same one again. Its errors repeat nothing of the answer, which may hold the
// token or echo the secret, and they are no refusal any more: a 404 here says nothing about a
// payment.
func (t *tokens) requestToken(ctx context.Context) (*token, error) {
	call := postCall("/users/getToken", t.credentials)
	call.safe = true
	asked := time.Now() // before the request, so that its time on the way shortens the token's life
	response, err := t.wire.send(ctx, call)
	if r, ok := errors.AsType[*refusal](err); ok {
		return nil, fmt.Errorf("getToken: status %d, code %q", r.status, r.code)
	}
	if err != nil {
		return nil, fmt.Errorf("getToken: %w", err)
	}
	var g grant
	if json.Unmarshal(response, &g) != nil || g.AccessToken == "" {
		return nil, untrustworthy("getToken gave no token")
	}
	life, err := g.life()
	if err != nil {
		return nil, fmt.Errorf("getToken: %w", err)
	}
	return &token{text: g.AccessToken, until: asked.Add(life - tokenMargin)}, nil
}

// life is measured on the server's clock alone: ours may be wrong (contract §1.3).
func (g grant) life() (time.Duration, error) {
	now, err := parseScaled(g.Now, 0)
	if err != nil {
		return 0, err
	}
	end, err := parseScaled(g.ExpiredAt, 0)
	if err != nil {
		return 0, err
	}
	if end <= now || end-now > int64(24*time.Hour/time.Second) {
		return 0, untrustworthy("a token that is over or never ends")
	}
	return time.Duration(end-now) * time.Second, nil
}
