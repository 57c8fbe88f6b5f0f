package graph_test

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
)

// privateOperations returns every operation that needs a token.
func privateOperations() []string {
	return []string{
		`{ viewer { id } }`, `{ chargeOrder(merchantUid: "m") { status } }`, `{ pointTransaction(id: "x") { kind } }`,
		`{ chargeProducts(includeInactive: true) { id } }`,
		`mutation { createChargeOrder(productId: "p1") { status } }`, `mutation { createPointTransaction(impUid: "imp_1") { id } }`,
		`mutation { upsertChargeProduct(input: {id: "p", name: "n", price: 1, points: 1}) { id } }`,
		`{ viewer { spendable debt expiringPoints { id } balanceExplained { edges { cursor } } } }`,
		`{ user(id: "minji") { balance } }`, `{ refundQuote(transactionId: "x") { amount } }`,
		`mutation { cancelPointTransaction(input: {transactionId: "x", amount: 1, reference: "r", reason: "x"}) { id } }`,
		`mutation { spendPoints(input: {userId: "minji", amount: 1, reference: "r"}) { id } }`,
		`mutation { cancelSpend(input: {userId: "minji", amount: 1, reference: "r", cancellation: "c"}) { id } }`,
		`mutation { adjustPoints(input: {userId: "minji", amount: 1, reference: "r", reason: "x"}) { id } }`,
		`mutation { issueVirtualAccount(input: {merchantUid: "m", bank: "088", holder: "h"}) { status } }`,
		`mutation { revokeVirtualAccount(merchantUid: "m") { status } }`,
	}
}

func forgedTokens(t *testing.T) map[string]string {
	t.Helper()
	good := jwt.MapClaims{"sub": "minji", "iss": issuer, "aud": audience, "exp": time.Now().Add(time.Hour).Unix(), "roles": "admin"}
	with := func(name string, value any) jwt.MapClaims {
		claims := jwt.MapClaims{name: value}
		for key, v := range good {
			if key != name {
				claims[key] = v
			}
		}
		return claims
	}
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	secret := []byte(authSecret)
	return map[string]string{
		"missing":          "",
		"garbage":          "a.b.c",
		"expired":          sign(jwt.SigningMethodHS256, secret, with("exp", time.Now().Add(-time.Hour).Unix())),
		"wrong key":        sign(jwt.SigningMethodHS256, []byte("another-secret-of-thirty-two-bytes"), good),
		"alg none":         sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good),
		"another alg":      sign(jwt.SigningMethodHS512, secret, good),
		"another audience": sign(jwt.SigningMethodHS256, secret, with("aud", "elsewhere")),
		"another issuer":   sign(jwt.SigningMethodHS256, secret, with("iss", "https://elsewhere.example")),
	}
}

func TestWithoutAGoodTokenNothingPrivateAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, token := range forgedTokens(t) {
		for _, query := range privateOperations() {
			r := w.askAs(token, query)
			if w.wantCode(r, apierror.Unauthenticated); t.Failed() {
				t.Fatalf("%s: %s", name, query)
			}
		}
	}
	if asked := w.gateway.Requests(); len(asked) != 0 {
		t.Errorf("the gateway was asked %v", asked)
	}
}

func TestEveryBadTokenGetsTheSameWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	missing := w.askAs("", `{ viewer { id } }`).text
	for name, token := range forgedTokens(t) {
		reason := `"reason":"INVALID"`
		switch name {
		case "expired":
			reason = `"reason":"EXPIRED"`
		case "missing":
			reason = `"reason":"MISSING"`
		}
		want := strings.Replace(missing, `"reason":"MISSING"`, reason, 1)
		if got := w.askAs(token, `{ viewer { id } }`).text; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestProductsOnOfferNeedNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.product("gone", 1, false)
	r := w.askAs("", `{ chargeProducts { id price } }`)
	if products, _ := r.at("chargeProducts").([]any); len(products) != 1 || len(r.Errors) > 0 {
		t.Errorf("got %s", r.text)
	}
}

const upsert = `mutation { upsertChargeProduct(input: {id: "p2", name: "새 상품", price: 1, points: 2, bonusPoints: 3, position: -4}) {
	id name price points bonusPoints active position } }`

func TestOnlyAdminsChangeTheShopOrSeeWhatIsOffIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, query := range []string{upsert, `{ chargeProducts(includeInactive: true) { id } }`} {
		for _, role := range []auth.Role{auth.RoleUser, auth.RoleService} {
			w.wantCode(w.askAs(w.token("minji", role), query), apierror.Forbidden)
		}
		w.wantCode(w.askAs(w.token("boss", auth.RoleAdmin), query), "")
	}
	if _, err := w.points.Product(t.Context(), "p2"); err != nil {
		t.Errorf("the admin's product: %v", err)
	}
}

func TestAnAdminReplacesAProduct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.token("boss", auth.RoleAdmin)
	r := w.askAs(boss, upsert)
	w.want(r, "새 상품", "upsertChargeProduct", "name")
	w.want(r, true, "upsertChargeProduct", "active")
	r = w.askAs(boss, `mutation { upsertChargeProduct(input: {id: "p2", name: "n", price: 9, points: 9, active: false}) { price bonusPoints active } }`)
	w.want(r, 9.0, "upsertChargeProduct", "price")
	w.want(r, 0.0, "upsertChargeProduct", "bonusPoints")
	w.want(r, false, "upsertChargeProduct", "active")
}

func TestOthersOrdersAndLinesAreNull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	merchantUID := w.order("minji")
	line := w.charge("minji", w.pay(merchantUID)).at("createPointTransaction", "id")
	const order, read = `query($m: ID!) { chargeOrder(merchantUid: $m) { status } }`, `query($id: ID!) { pointTransaction(id: $id) { kind } }`
	w.want(w.ask("minji", order, "m", merchantUID), "PAID", "chargeOrder", "status")
	w.want(w.ask("minji", read, "id", line), "CHARGE", "pointTransaction", "kind")
	for _, role := range []auth.Role{auth.RoleUser, auth.RoleService, auth.RoleAdmin} {
		stranger := w.token("junho", role)
		w.want(w.askAs(stranger, order, "m", merchantUID), nil, "chargeOrder")
		w.want(w.askAs(stranger, read, "id", line), nil, "pointTransaction")
	}
	w.want(w.ask("minji", order, "m", "unknown"), nil, "chargeOrder")
}

func TestF9SomebodyElsesPaymentLooksLikeNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	impUID := w.pay(w.order("minji"))
	before := w.charge("junho", impUID)
	w.want(w.charge("minji", impUID), "CHARGE", "createPointTransaction", "kind")
	after, unknown := w.charge("junho", impUID), w.charge("junho", "imp_unknown")
	w.wantCode(unknown, apierror.PaymentNotFound)
	if before.text != unknown.text || after.text != unknown.text {
		t.Errorf("a stranger can tell:\n%s\n%s\n%s", before.text, after.text, unknown.text)
	}
}
