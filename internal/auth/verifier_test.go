package auth_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
)

func secret() []byte { return []byte("0123456789abcdef0123456789abcdef") }

func verifier() *auth.Verifier { return auth.NewHS256(secret(), "issuer", "points") }

// claims are good ones for the user.
func claims(user string) jwt.MapClaims {
	return jwt.MapClaims{"sub": user, "iss": "issuer", "aud": "points", "exp": in(time.Hour)}
}

func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// changed are good claims with one replaced, or removed when value is nil.
func changed(name string, value any) jwt.MapClaims {
	out := maps.Clone(claims("minsu"))
	out[name] = value
	if value == nil {
		delete(out, name)
	}
	return out
}

func hs256(t testing.TB, c jwt.Claims) string {
	t.Helper()
	return signed(t, jwt.SigningMethodHS256, "", secret(), c)
}

func signed(t testing.TB, method jwt.SigningMethod, kid string, key any, c jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	out, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVerifyReadsTheIdentity(t *testing.T) {
	t.Parallel()
	exp := in(time.Hour)
	got, err := verifier().Verify(hs256(t, changed("exp", exp)))
	if err != nil {
		t.Fatal(err)
	}
	if got.UserID != "minsu" || !got.Has(auth.RoleUser) || !got.ExpiresAt.Equal(time.Unix(exp, 0)) || got.ExpiresAt.Location() != time.UTC {
		t.Errorf("%+v", got)
	}
}

func TestVerifyRefusesBadClaims(t *testing.T) {
	t.Parallel()
	tests := map[string]jwt.MapClaims{
		"expired":             changed("exp", in(-time.Minute)),
		"no exp":              changed("exp", nil),
		"exp as text":         changed("exp", "tomorrow"),
		"exp 0":               changed("exp", 0),
		"not yet valid":       changed("nbf", in(time.Minute)),
		"another audience":    changed("aud", "elsewhere"),
		"no audience":         changed("aud", nil),
		"another issuer":      changed("iss", "elsewhere"),
		"no issuer":           changed("iss", nil),
		"no sub":              changed("sub", nil),
		"empty sub":           changed("sub", ""),
		"sub with NUL":        changed("sub", "min\x00su"),
		"sub with space":      changed("sub", "min su"),
		"sub with newline":    changed("sub", "minsu\n"),
		"sub with DEL":        changed("sub", "minsu\x7f"),
		"sub in Hangul":       changed("sub", "민수"),
		"sub of 129 bytes":    changed("sub", strings.Repeat("u", 129)),
		"sub in capitals":     {"SUB": "minsu", "iss": "issuer", "aud": "points", "exp": in(time.Hour)},
		"roles as number":     changed("roles", 1),
		"roles as object":     changed("roles", map[string]any{"admin": true}),
		"roles with a number": changed("roles", []any{"user", 1}),
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier().Verify(hs256(t, c))
			wantCode(t, err, apierror.Unauthenticated)
		})
	}
}

func TestVerifyAcceptsUnusualClaims(t *testing.T) {
	t.Parallel()
	tests := map[string]jwt.MapClaims{
		"a clock that runs late":  changed("exp", in(-10*time.Second)),
		"a clock that runs early": changed("nbf", in(10*time.Second)),
		"one of several audience": changed("aud", []string{"elsewhere", "points"}),
		"sub of 128 bytes":        changed("sub", strings.Repeat("u", 128)),
		"sub of an identity pool": changed("sub", "auth0|5f7c8ec7c33c6c004bbafe82"),
		"a fraction of a second":  changed("exp", float64(in(time.Hour))+0.5),
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := verifier().Verify(hs256(t, c)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIssuerAndAudienceAreFreeWhenNotConfigured(t *testing.T) {
	t.Parallel()
	v := auth.NewHS256(secret(), "", "")
	for _, c := range []jwt.MapClaims{claims("minsu"), {"sub": "minsu", "exp": in(time.Hour)}} {
		if _, err := v.Verify(hs256(t, c)); err != nil {
			t.Error(err)
		}
	}
}

func TestVerifyReadsRoles(t *testing.T) {
	t.Parallel()
	user, service, admin := auth.RoleUser, auth.RoleService, auth.RoleAdmin
	tests := map[string]struct {
		claim any
		want  []auth.Role
	}{
		"none":               {nil, []auth.Role{user}},
		"an empty array":     {[]string{}, []auth.Role{user}},
		"one string":         {"admin", []auth.Role{admin}},
		"an array":           {[]string{"service", "admin"}, []auth.Role{service, admin}},
		"unknown and known":  {[]string{"offline_access", "admin"}, []auth.Role{admin}},
		"unknown only":       {[]string{"offline_access"}, []auth.Role{user}},
		"in capitals":        {"ADMIN", []auth.Role{user}},
		"several in one":     {"user admin", []auth.Role{user, admin}},
		"the same one twice": {[]string{"admin", "admin"}, []auth.Role{admin}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := verifier().Verify(hs256(t, changed("roles", test.claim)))
			if err != nil || !slices.Equal(got.Roles, test.want) {
				t.Errorf("roles %q, want %q, %v", got.Roles, test.want, err)
			}
		})
	}
}

func TestRolesOfAnotherSpellingGiveNothing(t *testing.T) {
	t.Parallel()
	got, err := verifier().Verify(hs256(t, changed("Roles", "admin")))
	if err != nil || got.Has(auth.RoleAdmin) {
		t.Errorf("roles %q, %v", got.Roles, err)
	}
}

func TestVerifyRefusesForgeries(t *testing.T) {
	t.Parallel()
	good := hs256(t, claims("minsu"))
	critical := jwt.NewWithClaims(jwt.SigningMethodHS256, claims("minsu"))
	critical.Header["crit"] = []string{"exp"}
	withCrit, err := critical.SignedString(secret())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"another key":          signed(t, jwt.SigningMethodHS256, "", []byte(strings.Repeat("x", 32)), claims("minsu")),
		"alg none":             signed(t, jwt.SigningMethodNone, "", jwt.UnsafeAllowNoneSignatureType, claims("minsu")),
		"alg HS512":            signed(t, jwt.SigningMethodHS512, "", secret(), claims("minsu")),
		"no signature":         good[:strings.LastIndex(good, ".")+1],
		"another payload":      strings.Replace(good, ".", ".e30", 1),
		"critical extension":   withCrit,
		"something behind it":  good + ".x",
		"not a token":          "not-a-token",
		"empty":                "",
		"just dots":            "..",
		"header that is null":  "bnVsbA.e30.",
		"more than 8 KB":       hs256(t, changed("padding", strings.Repeat("x", 8<<10))),
		"line break in base64": good[:10] + "\n" + good[10:],
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier().Verify(token)
			wantCode(t, err, apierror.Unauthenticated)
		})
	}
}

func TestEveryRefusalReadsTheSame(t *testing.T) {
	t.Parallel()
	_, missing := serve(verifier())
	_, expired := verifier().Verify(hs256(t, changed("exp", in(-time.Hour))))
	_, forged := verifier().Verify("x.y.z")
	_, subject := verifier().Verify(hs256(t, changed("sub", "")))
	for _, err := range []error{missing, expired, forged, subject} {
		e, ok := errors.AsType[*apierror.Error](err)
		if !ok || e.Message != "A valid bearer token is required." || e.Err == nil {
			t.Errorf("%#v", err)
		}
	}
}

func TestShortSecretPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("an empty secret was accepted")
		}
	}()
	auth.NewHS256(nil, "", "")
}

func BenchmarkVerify(b *testing.B) {
	v, token := verifier(), hs256(b, claims("minsu"))
	for b.Loop() {
		if _, err := v.Verify(token); err != nil {
			b.Fatal(err)
		}
	}
}
