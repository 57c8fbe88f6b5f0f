package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/sandbox"
)

type token struct {
	AccessToken string `json:"access_token"`
	Now         int64  `json:"now"`
	ExpiredAt   int64  `json:"expired_at"`
}

func (g *gateway) getToken() token {
	g.t.Helper()
	return decodeResponse[token](g, g.call(http.MethodPost, "/users/getToken", `{"imp_key":"key","imp_secret":"s&=+%"}`))
}

func TestTokenLivesThirtyMinutes(t *testing.T) {
	t.Parallel()
	got := newGateway(t).getToken()
	equal(t, got.ExpiredAt-got.Now, 30*60)
	equal(t, got.Now, 1_763_795_000)
}

func TestTokenIsTheSameWhenAskedAgain(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	first := g.getToken()
	g.clock.advance(28 * time.Minute)
	again := g.getToken()
	equal(t, again, token{first.AccessToken, first.Now + 28*60, first.ExpiredAt})
}

func TestTokenIsExtendedInItsLastMinute(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	first := g.getToken()
	g.clock.advance(29 * time.Minute)
	again := g.getToken()
	equal(t, again.AccessToken, first.AccessToken)
	equal(t, again.ExpiredAt, first.ExpiredAt+5*60)
}

func TestTokenIsNewAfterExpiry(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	old := g.getToken()
	g.clock.advance(30 * time.Minute)
	g.expectCode(g.call(http.MethodGet, "/payments/imp_1", "", "Authorization: "+old.AccessToken), 401, -1)
	if g.getToken().AccessToken == old.AccessToken {
		t.Error("the expired token was issued again")
	}
}

func TestExpireTokenRefusesTheTokenInUse(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	old := g.getToken()
	g.ExpireToken()
	g.expectCode(g.call(http.MethodGet, "/payments/imp_1", "", "Authorization: "+old.AccessToken), 401, -1)
}

func TestTokenIsAcceptedAsBearerAndRaw(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	for _, scheme := range []string{"", "Bearer ", "bearer "} {
		g.expectCode(g.call(http.MethodGet, "/payments/imp_1", "", "Authorization: "+scheme+g.token()), 200, 0)
	}
}

func TestEveryRESTRouteWantsAToken(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.getToken()
	for _, route := range []struct{ method, path string }{
		{"GET", "/payments/imp_1"}, {"GET", "/payments?imp_uid[]=imp_1"},
		{"GET", "/payments/find/o"}, {"GET", "/payments/find/o/paid"},
		{"GET", "/payments/findAll/o"}, {"GET", "/payments/findAll/o/paid"},
		{"GET", "/payments/status/all"}, {"POST", "/payments/cancel"},
		{"POST", "/payments/prepare"}, {"PUT", "/payments/prepare"}, {"GET", "/payments/prepare/o"},
	} {
		for _, header := range []string{"X-None: 1", "Authorization: wrong", "Authorization: Bearer "} {
			got := g.call(route.method, route.path, "{}", header)
			g.expectCode(got, 401, -1)
			equal(t, got.text, `{"code":-1,"message":"Unauthorized","response":null}`)
		}
	}
}

func TestWrongKeyOrSecretIsRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, body := range []string{
		`{"imp_key":"key","imp_secret":"wrong"}`, `{"imp_key":"wrong","imp_secret":"s&=+%"}`, `{"imp_key":"key"}`, `{}`,
	} {
		g.expectCode(g.call(http.MethodPost, "/users/getToken", body), 401, -1)
	}
}

func TestSecretArrivesWholeInAForm(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.expectCode(g.call(http.MethodPost, "/users/getToken", encodeForm("imp_key", "key", "imp_secret", "s&=+%"), formType), 200, 0)
}

func TestAnyKeyIsAcceptedWhenNoneIsConfigured(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(c *sandbox.Config) { c.Key, c.Secret = "", "" })
	g.expectCode(g.call(http.MethodPost, "/users/getToken", `{"imp_key":"a","imp_secret":"b"}`), 200, 0)
	g.expectCode(g.call(http.MethodPost, "/users/getToken", `{"imp_key":"","imp_secret":"b"}`), 401, -1)
}
