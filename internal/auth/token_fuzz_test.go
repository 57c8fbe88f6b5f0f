package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
)

// FuzzToken sends arbitrary text as an Authorization header. The verifier may only believe a token
// that the test, with a separate reading of RFC 7515, finds signed with the secret, of the issuer,
// and not expired.
func FuzzToken(f *testing.F) {
	good := hs256(f, claims("minsu"))
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	for _, header := range []string{
		"Bearer " + good, "bearer " + good + " ", "Basic " + good, "Bearer", "", "Bearer " + none + "." + parts[1] + ".",
		"Bearer " + parts[0] + "." + parts[1] + "." + parts[2] + "=", "Bearer " + parts[0] + ".." + parts[2], "Bearer " + strings.Repeat(".", 9000),
		"Bearer " + hs256(f, changed("exp", in(-time.Hour))), "Bearer " + hs256(f, changed("roles", []string{"admin"})),
		"Bearer " + hs256(f, changed("sub", "a b")), "Bearer " + hs256(f, jwt.MapClaims{"sub": "minsu"}),
	} {
		f.Add(header)
	}
	v := verifier()
	f.Fuzz(func(t *testing.T, header string) {
		var who auth.Identity
		var err error
		next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { who, err = auth.From(r.Context()) })
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = http.Header{"Authorization": {header}}
		v.Middleware(next).ServeHTTP(httptest.NewRecorder(), r)
		switch {
		case err != nil && apierror.CodeOf(err) != apierror.Unauthenticated:
			t.Fatalf("%q: %v", header, err)
		case err == nil && !believable(t, header, who):
			t.Fatalf("%q was believed to be %+v", header, who)
		}
	})
}

func believable(t *testing.T, header string, who auth.Identity) bool {
	t.Helper()
	fields := strings.Fields(header)
	parts := strings.Split(fields[len(fields)-1], ".")
	if len(parts) != 3 {
		return false
	}
	mac := hmac.New(sha256.New, secret())
	mac.Write([]byte(parts[0] + "." + parts[1]))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	var claimed struct {
		Sub, Iss string
		Exp      int64
	}
	if err != nil || err2 != nil || json.Unmarshal(payload, &claimed) != nil || !hmac.Equal(signature, mac.Sum(nil)) {
		return false
	}
	return claimed.Sub == who.UserID && claimed.Iss == "issuer" && time.Unix(claimed.Exp, 0).After(time.Now().Add(-time.Minute))
}
