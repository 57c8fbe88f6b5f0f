package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
)

// serve sends the Authorization headers through v and returns the identity that the handler behind
// v sees.
func serve(v *auth.Verifier, authorization ...string) (auth.Identity, error) {
	var identity auth.Identity
	var err error
	handler := v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		identity, err = auth.From(r.Context())
	}))
	request := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	request.Header["Authorization"] = authorization
	handler.ServeHTTP(httptest.NewRecorder(), request)
	return identity, err
}

func wantCode(t *testing.T, err error, want apierror.Code) {
	t.Helper()
	if got := apierror.CodeOf(err); err == nil || got != want {
		t.Errorf("code %s, want %s (%v)", got, want, err)
	}
}

func TestMiddlewareFindsTheToken(t *testing.T) {
	t.Parallel()
	token := hs256(t, claims("minsu"))
	for _, header := range []string{"Bearer " + token, "bearer " + token, "BEARER   " + token + " "} {
		identity, err := serve(verifier(), header)
		if err != nil || identity.UserID != "minsu" {
			t.Errorf("%.10q…: user %q, %v", header, identity.UserID, err)
		}
	}
}

func TestMiddlewareRefusesNoRequest(t *testing.T) {
	t.Parallel()
	token := hs256(t, claims("minsu"))
	tests := map[string][]string{
		"no header":      nil,
		"empty":          {""},
		"scheme only":    {"Bearer"},
		"no token":       {"Bearer  "},
		"another scheme": {"Basic " + token},
		"no scheme":      {token},
		"two headers":    {"Bearer " + token, "Bearer " + token},
		"garbage":        {"Bearer \x00\xff.."},
		"100 KB":         {"Bearer " + strings.Repeat("a", 100<<10)},
		"100 KB of dots": {"Bearer " + strings.Repeat(".", 100<<10)},
	}
	for name, headers := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			identity, err := serve(verifier(), headers...)
			wantCode(t, err, apierror.Unauthenticated)
			if identity.UserID != "" {
				t.Errorf("refused, and yet it is %q", identity.UserID)
			}
		})
	}
}

func TestWithoutMiddlewareThereIsNoCaller(t *testing.T) {
	t.Parallel()
	_, err := auth.From(t.Context())
	wantCode(t, err, apierror.Unauthenticated)
}

func TestWithNeedsNoToken(t *testing.T) {
	t.Parallel()
	identity, err := auth.From(auth.With(t.Context(), auth.Identity{UserID: "operator"}))
	if err != nil || identity.UserID != "operator" {
		t.Errorf("user %q, %v", identity.UserID, err)
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	as := func(roles ...auth.Role) context.Context {
		return auth.With(context.Background(), auth.Identity{UserID: "u", Roles: roles})
	}
	tests := map[string]struct {
		ctx   context.Context
		roles []auth.Role
		want  apierror.Code
	}{
		"the role":             {as(auth.RoleAdmin), []auth.Role{auth.RoleAdmin}, ""},
		"one of two":           {as(auth.RoleService), []auth.Role{auth.RoleAdmin, auth.RoleService}, ""},
		"another role":         {as(auth.RoleUser), []auth.Role{auth.RoleAdmin}, apierror.Forbidden},
		"admin is not a user":  {as(auth.RoleAdmin), []auth.Role{auth.RoleUser}, apierror.Forbidden},
		"nothing asked for":    {as(auth.RoleAdmin), nil, apierror.Forbidden},
		"nobody":               {context.Background(), []auth.Role{auth.RoleUser}, apierror.Unauthenticated},
		"nobody, nothing else": {context.Background(), nil, apierror.Unauthenticated},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			identity, err := auth.Require(test.ctx, test.roles...)
			if test.want != "" {
				wantCode(t, err, test.want)
			} else if err != nil || identity.UserID != "u" {
				t.Errorf("user %q, %v", identity.UserID, err)
			}
		})
	}
}

func TestSignedTokenIsBelieved(t *testing.T) {
	t.Parallel()
	want := auth.Identity{UserID: "minsu", Roles: []auth.Role{auth.RoleAdmin, auth.RoleUser}, ExpiresAt: time.Now().Add(time.Hour)}
	token, err := auth.Sign(secret(), want, "issuer", "audience")
	if err != nil {
		t.Fatal(err)
	}
	got, err := auth.NewHS256(secret(), "issuer", "audience").Verify(token)
	if err != nil {
		t.Fatal(err)
	}
	if got.UserID != want.UserID || !slices.Equal(got.Roles, want.Roles) || got.ExpiresAt != want.ExpiresAt.UTC().Truncate(time.Second) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSignRefusesTokensThatNoVerifierAccepts(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour)
	tests := map[string]struct {
		secret   []byte
		identity auth.Identity
	}{
		"short secret": {secret()[1:], auth.Identity{UserID: "u", ExpiresAt: later}},
		"no user":      {secret(), auth.Identity{ExpiresAt: later}},
		"odd user":     {secret(), auth.Identity{UserID: "a b", ExpiresAt: later}},
		"no end":       {secret(), auth.Identity{UserID: "u"}},
		"expired":      {secret(), auth.Identity{UserID: "u", ExpiresAt: time.Now().Add(-time.Second)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if token, err := auth.Sign(test.secret, test.identity, "", ""); err == nil {
				t.Errorf("signed %s", token)
			}
		})
	}
}
