package auth_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
)

// issuer is a pretend identity provider with published keys.
type issuer struct {
	*httptest.Server

	mu      sync.Mutex
	keys    map[string]crypto.PublicKey // nil: the issuer is down
	fetches int
}

func newIssuer(t *testing.T, keys map[string]crypto.PublicKey) *issuer {
	t.Helper()
	i := &issuer{keys: keys}
	i.Server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) publish(keys map[string]crypto.PublicKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

func (i *issuer) fetched() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

func (i *issuer) serve(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches++
	if i.keys == nil {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	set := []map[string]string{}
	for kid, key := range i.keys {
		jwk := jwkOf(key)
		jwk["kid"] = kid
		set = append(set, jwk)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": set})
}

func jwkOf(key crypto.PublicKey) map[string]string {
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, _ := k.Bytes() // 4, x, y
		return map[string]string{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
	case ed25519.PublicKey:
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64(k)}
	default: // a shared secret, which no issuer should publish
		return map[string]string{"kty": "oct", "k": b64(secret())}
	}
}

func (i *issuer) verifier(t *testing.T) *auth.Verifier {
	t.Helper()
	v, err := auth.NewJWKS(t.Context(), i.URL, "issuer", "points", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func edKey(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestJWKSBelievesItsAlgorithms(t *testing.T) {
	t.Parallel()
	rsaKey := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	edPublic, edPrivate := edKey(t)
	v := newIssuer(t, map[string]crypto.PublicKey{"rsa": &rsaKey.PublicKey, "ec": &ecKey.PublicKey, "ed": edPublic}).verifier(t)
	tests := []struct {
		method jwt.SigningMethod
		kid    string
		key    any
	}{
		{jwt.SigningMethodRS256, "rsa", rsaKey},
		{jwt.SigningMethodPS256, "rsa", rsaKey},
		{jwt.SigningMethodES256, "ec", ecKey},
		{jwt.SigningMethodEdDSA, "ed", edPrivate},
		{jwt.SigningMethodEdDSA, "", edPrivate},
	}
	for _, test := range tests {
		identity, err := v.Verify(signed(t, test.method, test.kid, test.key, claims("minsu")))
		if err != nil || identity.UserID != "minsu" {
			t.Errorf("%s: user %q, %v", test.method.Alg(), identity.UserID, err)
		}
	}
}

func TestJWKSRefusesForgeries(t *testing.T) {
	t.Parallel()
	rsaKey := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	der := must[[]byte](t)(x509.MarshalPKIXPublicKey(&rsaKey.PublicKey))
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	_, strangers := edKey(t)
	v := newIssuer(t, map[string]crypto.PublicKey{"rsa": &rsaKey.PublicKey, "oct": nil}).verifier(t)
	elsewhere := changed("aud", "elsewhere")
	tests := map[string]string{
		"key confusion, PEM":       signed(t, jwt.SigningMethodHS256, "rsa", publicPEM, claims("minsu")),
		"key confusion, DER":       signed(t, jwt.SigningMethodHS256, "rsa", der, claims("minsu")),
		"a published HS256 secret": signed(t, jwt.SigningMethodHS256, "oct", secret(), claims("minsu")),
		"alg none":                 signed(t, jwt.SigningMethodNone, "rsa", jwt.UnsafeAllowNoneSignatureType, claims("minsu")),
		"alg not on the list":      signed(t, jwt.SigningMethodRS512, "rsa", rsaKey, claims("minsu")),
		"a key of another kind":    signed(t, jwt.SigningMethodEdDSA, "rsa", strangers, claims("minsu")),
		"a stranger's key, no kid": signed(t, jwt.SigningMethodEdDSA, "", strangers, claims("minsu")),
		"another audience":         signed(t, jwt.SigningMethodRS256, "rsa", rsaKey, elsewhere),
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := v.Verify(token)
			wantCode(t, err, apierror.Unauthenticated)
		})
	}
}

func TestRotatedKeyWorksAtOnceAndTheOldOneEnds(t *testing.T) {
	t.Parallel()
	oldPublic, oldPrivate := edKey(t)
	newPublic, newPrivate := edKey(t)
	i := newIssuer(t, map[string]crypto.PublicKey{"old": oldPublic})
	v := i.verifier(t)
	i.publish(map[string]crypto.PublicKey{"new": newPublic})
	if _, err := v.Verify(signed(t, jwt.SigningMethodEdDSA, "new", newPrivate, claims("minsu"))); err != nil {
		t.Errorf("the new key: %v", err)
	}
	_, err := v.Verify(signed(t, jwt.SigningMethodEdDSA, "old", oldPrivate, claims("minsu")))
	wantCode(t, err, apierror.Unauthenticated)
}

func TestUnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	t.Parallel()
	public, private := edKey(t)
	i := newIssuer(t, map[string]crypto.PublicKey{"known": public})
	v := i.verifier(t)
	for n := range 50 {
		_, err := v.Verify(signed(t, jwt.SigningMethodEdDSA, strings.Repeat("k", n+1), private, claims("minsu")))
		wantCode(t, err, apierror.Unauthenticated)
	}
	if got := i.fetched(); got != 2 {
		t.Errorf("%d fetches, want one at the start and one for all unknown keys", got)
	}
}

func TestKnownKeysOutliveTheIssuer(t *testing.T) {
	t.Parallel()
	public, private := edKey(t)
	i := newIssuer(t, map[string]crypto.PublicKey{"k": public})
	v := i.verifier(t)
	i.Close()
	if _, err := v.Verify(signed(t, jwt.SigningMethodEdDSA, "k", private, claims("minsu"))); err != nil {
		t.Error(err)
	}
	_, err := v.Verify(signed(t, jwt.SigningMethodEdDSA, "unknown", private, claims("minsu")))
	wantCode(t, err, apierror.Unauthenticated)
}

func TestIssuerThatIsDownAtStartIsAskedAgain(t *testing.T) {
	t.Parallel()
	public, private := edKey(t)
	i := newIssuer(t, nil)
	var log bytes.Buffer
	v, err := auth.NewJWKS(t.Context(), i.URL, "issuer", "points", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil || !strings.Contains(log.String(), i.URL) {
		t.Fatalf("%v; log %q", err, log.String())
	}
	_, err = v.Verify(signed(t, jwt.SigningMethodEdDSA, "", private, claims("minsu")))
	wantCode(t, err, apierror.Unauthenticated)
	i.publish(map[string]crypto.PublicKey{"k": public})
	if _, err := v.Verify(signed(t, jwt.SigningMethodEdDSA, "k", private, claims("minsu"))); err != nil {
		t.Error(err)
	}
}

func TestJWKSNeedsAnAddress(t *testing.T) {
	t.Parallel()
	if _, err := auth.NewJWKS(t.Context(), "not an address", "", "", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no error")
	}
}
