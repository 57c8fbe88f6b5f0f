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
	"pointcharge/internal/charge"
)

// tokenMargin is the rest of a token's life in which the client stops using the token. The margin
// is shorter than the last minute, in which Iamport extends the same token by five minutes
// (contract §1.3).
const tokenMargin = 30 * time.Second

// token is one grant of access. Iamport may grant the same text twice, so two grants differ by
// their address.
type token struct {
	text  string
	until time.Time // with Go's monotonic reading: wall clocks jump
}

func (t *token) isFresh() bool { return t != nil && time.Now().Before(t.until) }

// tokens holds the one token of all calls.
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

// validToken returns the current token, or a new token when the current token has expired or is
// missing.
func (t *tokens) validToken(ctx context.Context) (*token, error) { return t.replaceToken(ctx, nil) }

// replaceToken returns any valid token but the refused one. Concurrent callers share one request
// (F25); a caller leaves without the result when the caller's context ends.
func (t *tokens) replaceToken(ctx context.Context, refused *token) (*token, error) {
	t.mu.Lock()
	if t.current.isFresh() && t.current != refused {
		defer t.mu.Unlock()
		return t.current, nil
	}
	// Joined under the lock, so that no caller starts a second request between the end of the first
	// request and reading the result.
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

// renewToken is shared by all callers, so renewToken ignores cancellation of the call that started
// the renewal.
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

// requestToken asks for a token. The request has no side effect and may be retried: until a token
// expires, Iamport grants the same token again. The errors repeat no part of the answer, because
// the answer may hold the token or echo the secret. The errors are no refusals either: a 404 here
// does not concern a payment.
func (t *tokens) requestToken(ctx context.Context) (*token, error) {
	call := postCall("/users/getToken", t.credentials)
	call.safe = true
	asked := time.Now() // before the request, so that the answer's way shortens the token's life
	response, err := t.wire.sendWithRetries(ctx, call)
	if r, ok := errors.AsType[*charge.GatewayRefusal](err); ok {
		return nil, fmt.Errorf("getToken: status %d, code %q", r.Status, r.Code)
	}
	if err != nil {
		return nil, fmt.Errorf("getToken: %w", err)
	}
	var g grant
	if json.Unmarshal(response, &g) != nil || g.AccessToken == "" {
		return nil, newUntrustworthy("getToken gave no token")
	}
	life, err := g.remainingLife()
	if err != nil {
		return nil, fmt.Errorf("getToken: %w", err)
	}
	return &token{text: g.AccessToken, until: asked.Add(life - tokenMargin)}, nil
}

// remainingLife uses Iamport's clock alone, because the local clock may be wrong (contract §1.3).
func (g grant) remainingLife() (time.Duration, error) {
	now, err := parseScaled(g.Now, 0)
	if err != nil {
		return 0, err
	}
	end, err := parseScaled(g.ExpiredAt, 0)
	if err != nil {
		return 0, err
	}
	if end <= now || end-now > int64(24*time.Hour/time.Second) {
		return 0, newUntrustworthy("a token that is over or never ends")
	}
	return time.Duration(end-now) * time.Second, nil
}
