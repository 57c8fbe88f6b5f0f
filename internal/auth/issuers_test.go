package auth_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pointcharge/internal/auth"
)

// TestTokensOfCommonIssuers has tokens of the shape that each issuer gives by default, or with the
// usual rule for roles.
func TestTokensOfCommonIssuers(t *testing.T) {
	t.Parallel()
	user, admin := auth.RoleUser, auth.RoleAdmin
	tests := map[string]struct {
		rolesClaim, claims, sub string
		roles                   []auth.Role
	}{
		"Keycloak": {"realm_access.roles",
			`"sub":"f:1f0a7c2e:minsu","aud":["points","account"],"azp":"shop","typ":"Bearer","realm_access":{"roles":["offline_access","admin","default-roles-shop"]}`,
			"f:1f0a7c2e:minsu", []auth.Role{admin}},
		"Keycloak, roles of a client": {"resource_access.points.shop.roles",
			`"sub":"minsu","aud":"points","resource_access":{"points.shop":{"roles":["user","admin"]}}`, "minsu", []auth.Role{user, admin}},
		"Auth0": {"https://shop.example/roles",
			`"sub":"auth0|5f7c8ec7c33c6c004bbafe82","aud":["points","https://shop.eu.auth0.com/userinfo"],"https://shop.example/roles":["admin"],"scope":"openid"`,
			"auth0|5f7c8ec7c33c6c004bbafe82", []auth.Role{admin}},
		"Cognito": {"cognito:groups",
			`"sub":"aaaa-bbbb","aud":"points","token_use":"id","cognito:groups":["admin","ap-northeast-2_Google"]`, "aaaa-bbbb", []auth.Role{admin}},
		"Supabase": {"app_metadata.roles",
			`"sub":"5b2f","aud":"points","role":"authenticated","app_metadata":{"provider":"kakao","roles":["admin"]}`, "5b2f", []auth.Role{admin}},
		"Supabase, no roles given": {"app_metadata.roles", `"sub":"5b2f","aud":"points","role":"authenticated","app_metadata":{}`, "5b2f", []auth.Role{user}},
		"Firebase":                 {"", `"sub":"Xb1","user_id":"Xb1","aud":"points","roles":["admin"],"firebase":{"sign_in_provider":"custom"}`, "Xb1", []auth.Role{admin}},
		"NextAuth":                 {"role", `"sub":"42","aud":"points","name":"민수","jti":"x","role":"admin"`, "42", []auth.Role{admin}},
		"a number as sub":          {"", `"sub":9007199254740993,"aud":"points"`, "9007199254740993", []auth.Role{user}},
		"a scope-like string":      {"scope", `"sub":"minsu","aud":"points","scope":"openid admin user"`, "minsu", []auth.Role{admin, user}},
		"another shape on the way": {"realm_access.roles", `"sub":"minsu","aud":"points","realm_access":"admin"`, "minsu", []auth.Role{user}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims := jwt.MapClaims{}
			decoder := json.NewDecoder(strings.NewReader("{" + test.claims + `,"iss":"issuer"}`))
			decoder.UseNumber()
			if err := decoder.Decode(&claims); err != nil {
				t.Fatal(err)
			}
			claims["exp"] = in(time.Hour)
			v := verifier()
			v.RolesClaim = test.rolesClaim
			got, err := v.Verify(hs256(t, claims))
			if err != nil || got.UserID != test.sub || !slices.Equal(got.Roles, test.roles) {
				t.Errorf("user %q, roles %q, %v", got.UserID, got.Roles, err)
			}
		})
	}
}

func TestNumbersThatAreNoUserID(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"-1", "1.5", "1e3", "0.0"} {
		if _, err := verifier().Verify(hs256(t, changed("sub", json.RawMessage(number)))); err == nil {
			t.Errorf("sub %s was believed", number)
		}
	}
}

func TestARefusalHasAReasonAndIsLoggedOnceWithItsCheck(t *testing.T) {
	t.Parallel()
	_, stranger := edKey(t)
	for name, test := range map[string]struct {
		token  string
		reason auth.Reason
	}{
		"exp":       {hs256(t, changed("exp", in(-time.Hour))), auth.ReasonExpired},
		"aud":       {hs256(t, changed("aud", nil)), auth.ReasonInvalid},
		"iss":       {hs256(t, changed("iss", "elsewhere")), auth.ReasonInvalid},
		"nbf":       {hs256(t, changed("nbf", in(time.Hour))), auth.ReasonInvalid},
		"sub":       {hs256(t, changed("sub", nil)), auth.ReasonInvalid},
		"roles":     {hs256(t, changed("roles", 1)), auth.ReasonInvalid},
		"alg":       {signed(t, jwt.SigningMethodHS512, "", secret(), claims("minsu")), auth.ReasonInvalid},
		"signature": {signed(t, jwt.SigningMethodHS256, "", bytes.Repeat([]byte("x"), 32), claims("minsu")), auth.ReasonInvalid},
		"encrypted": {"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVy.dGFn", auth.ReasonInvalid},
		"form":      {"x.y.z", auth.ReasonInvalid},
		"size":      {strings.Repeat("s3cret", 2000), auth.ReasonInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			v := verifier()
			v.Log = slog.New(slog.NewTextHandler(&log, nil))
			for range 3 {
				_, err := v.Verify(test.token)
				if refusal, ok := errors.AsType[*auth.Refusal](err); !ok || refusal.Reason != test.reason {
					t.Errorf("%v, want reason %s", err, test.reason)
				}
			}
			if text := log.String(); strings.Count(text, "token refused") != 1 || !strings.Contains(text, "check="+name+" ") ||
				strings.Contains(text, "minsu") || strings.Contains(text, "s3cret") {
				t.Errorf("logged:\n%s", text)
			}
		})
	}
	expiredAndForeign := changed("exp", in(-time.Hour))
	expiredAndForeign["aud"] = "elsewhere"
	for name, token := range map[string]string{
		"expired, and for another audience": hs256(t, expiredAndForeign),
		"expired, and forged":               signed(t, jwt.SigningMethodHS256, "", []byte(stranger), changed("exp", in(-time.Hour))),
	} {
		_, err := verifier().Verify(token)
		if refusal, ok := errors.AsType[*auth.Refusal](err); !ok || refusal.Reason != auth.ReasonInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := serve(verifier())
	if refusal, ok := errors.AsType[*auth.Refusal](err); !ok || refusal.Reason != auth.ReasonMissing {
		t.Errorf("no token: %v", err)
	}
}

func TestABadKeyDoesNotSpoilTheSet(t *testing.T) {
	t.Parallel()
	public, private := edKey(t)
	good := `{"kty":"OKP","crv":"Ed25519","kid":"good","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`
	for name, bad := range map[string]string{
		"a malformed x5c":  strings.Replace(good, "good", "bad", 1)[:len(good)-2] + `,"x5c":["not base64"]}`,
		"no modulus":       `{"kty":"RSA","kid":"bad","e":"AQAB"}`,
		"an unknown kind":  `{"kty":"AKP","kid":"bad","alg":"ML-DSA-44"}`,
		"no key at all":    `"text"`,
		"a point off":      `{"kty":"EC","crv":"P-256","kid":"bad","x":"AA","y":"AA"}`,
		"a number as kid":  `{"kty":"OKP","kid":7}`,
		"another use, bad": `{"kty":"RSA","use":"enc","kid":"bad","n":"!","e":"AQAB"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{"keys":[` + bad + `,` + good + `]}`))
			}))
			t.Cleanup(server.Close)
			wantGoodKey(t, server.URL, private)
		})
	}
}

func wantGoodKey(t *testing.T, url string, private ed25519.PrivateKey) {
	t.Helper()
	v, err := auth.NewJWKS(t.Context(), url, "issuer", "points", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(signed(t, jwt.SigningMethodEdDSA, "good", private, claims("minsu"))); err != nil {
		t.Error(err)
	}
}
