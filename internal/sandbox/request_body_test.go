package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"pointcharge/internal/sandbox"
)

func TestBadBodiesAreAnsweredSanely(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, body := range []string{``, `{`, `[]`, `null x`, `"text"`, "\x00", `{"imp_uid":"\ud800`} {
		g.expectCode(g.callWithToken(http.MethodPost, "/payments/cancel", body), 400, -1)
	}
	g.expectCode(g.callWithToken(http.MethodPost, "/payments/cancel", "imp_uid=%zz", formType), 400, -1)
}

func TestTooLargeBodiesAreRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	large := `{"imp_uid":"` + strings.Repeat("x", 70_000) + `"}`
	for _, path := range []string{"/users/getToken", "/payments/cancel", "/payments/prepare", "/sandbox-payments", "/checkout"} {
		g.expectCode(g.callWithToken(http.MethodPost, path, large), 413, -1)
	}
}

func TestUnknownRoutesAnswerInTheEnvelope(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, route := range []string{"GET /", "GET /payments/", "DELETE /payments/imp_1", "GET /users/getToken", "PATCH /payments/prepare"} {
		method, path, _ := strings.Cut(route, " ")
		g.expectCode(g.callWithToken(method, path, ""), 404, -1)
	}
}

func TestAnAmountThatIsNoNumberIsAServerError(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", Amount: "much"})
	g.expectCode(g.getWithToken("/payments/imp_1"), 500, -1)
}
