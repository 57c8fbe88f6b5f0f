package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/sandbox"
)

func impUIDs(list []sandbox.Payment) []string {
	got := []string{}
	for _, p := range list {
		got = append(got, p.ImpUID)
	}
	return got
}

func TestLookupShowsAbsentOptionalsAsNull(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", Amount: "12.50", Currency: "USD"})
	text := string(g.getWithToken("/payments/imp_1").Response)
	for _, want := range []string{
		`"amount":12.50`, `"cancel_amount":0`, `"buyer_name":null`, `"card_type":null`, `"fail_reason":null`,
		`"promotion":null`, `"cancel_history":[]`, `"failed_at":0`, `"paid_at":1763795000`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestLookupHidesTestPaymentsUnlessAsked(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order", Sandbox: true})
	g.expectCode(g.getWithToken("/payments/imp_1"), 404, 1)
	g.expectCode(g.getWithToken("/payments/imp_1?include_sandbox=false"), 404, 1)
	g.expectCode(g.getWithToken("/payments/imp_1?include_sandbox=true"), 200, 0)
	for _, other := range []string{"/payments?imp_uid[]=imp_1", "/payments/find/order", "/payments/findAll/order", "/payments/status/all"} {
		g.expectCode(g.getWithToken(other), 200, 0)
	}
}

func TestLookupTakesThePathLiterally(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order"})
	for _, id := range []string{
		"imp_1%3Fx=1", "imp_1%2F..", "find%2Forder", "%2e%2e%2Fimp_1", "imp_1%20", "imp_1%00", "%ED%95%9C", "prepare",
		strings.Repeat("9", 10_000),
	} {
		g.expectCode(g.getWithToken("/payments/"+id), 404, 1)
	}
}

func TestFindTakesAnOrderNumberWithASlash(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "a/b 한"})
	g.expectCode(g.getWithToken("/payments/find/a%2Fb%20%ED%95%9C"), 200, 0)
}

func TestListAnswers207WhenAPartIsMissing(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1", MerchantUID: "order-1"})
	g.Put(sandbox.Payment{ImpUID: "imp_2", MerchantUID: "order-2"})
	whole := g.getWithToken("/payments?imp_uid[]=imp_1&merchant_uid%5B%5D=order-2")
	g.expectCode(whole, 200, 0)
	equal(t, impUIDs(decodeResponse[[]sandbox.Payment](g, whole)), []string{"imp_1", "imp_2"})
	part := g.getWithToken("/payments?imp_uid[]=imp_1&merchant_uid[]=nobody")
	g.expectCode(part, 207, 0)
	equal(t, impUIDs(decodeResponse[[]sandbox.Payment](g, part)), []string{"imp_1"})
	g.expectCode(g.getWithToken("/payments?imp_uid[]=imp_9"), 404, 1)
}

func TestListTakesOneToAHundredIDs(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_1"})
	g.expectCode(g.getWithToken("/payments"), 400, 1)
	g.expectCode(g.getWithToken("/payments?"+strings.Repeat("imp_uid[]=imp_1&", 100)), 200, 0)
	g.expectCode(g.getWithToken("/payments?"+strings.Repeat("imp_uid[]=imp_1&", 101)), 400, 1)
}

// putAttempts puts a failed, a paid and an unpaid attempt to pay one order, a minute apart.
func putAttempts(g *gateway) {
	for i, status := range []string{sandbox.Failed, sandbox.Paid, sandbox.Ready} {
		g.Put(sandbox.Payment{ImpUID: fmt.Sprint("imp_", i), MerchantUID: "order", Status: status})
		g.clock.advance(time.Minute)
	}
}

func TestFindGivesTheNewestAttemptNotThePaidOne(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	putAttempts(g)
	for query, want := range map[string]string{
		"": "imp_2", "?sorting=started": "imp_0", "?sorting=-paid": "imp_1", "/paid": "imp_1", "/failed": "imp_0",
	} {
		equal(t, decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order"+query)).ImpUID, want)
	}
}

func TestFindSortsByTheLastChange(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	putAttempts(g)
	if err := g.Cancel("imp_1", "0"); err == nil {
		t.Fatal("cancelled a payment of nothing")
	}
	g.Put(sandbox.Payment{ImpUID: "imp_0", MerchantUID: "order"})
	equal(t, decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order?sorting=-updated")).ImpUID, "imp_0")
	equal(t, decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order?sorting=updated")).ImpUID, "imp_1")
}

func TestFindSettlesTiesByCreation(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{ImpUID: "imp_b", MerchantUID: "order"})
	g.Put(sandbox.Payment{ImpUID: "imp_a", MerchantUID: "order"})
	equal(t, decodeResponse[sandbox.Payment](g, g.getWithToken("/payments/find/order")).ImpUID, "imp_a")
}

func TestFindRefusesUnknownOrdersAndStatuses(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	putAttempts(g)
	g.expectCode(g.getWithToken("/payments/find/other"), 404, 1)
	g.expectCode(g.getWithToken("/payments/find/order/cancelled"), 404, 1)
	g.expectCode(g.getWithToken("/payments/find/order/canceled"), 404, 1)
	g.expectCode(g.getWithToken("/payments/find/order?sorting=price"), 400, 1)
}

func TestFindAllGivesEveryAttempt(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	putAttempts(g)
	all := decodeResponse[listPage](g, g.getWithToken("/payments/findAll/order"))
	equal(t, impUIDs(all.List), []string{"imp_2", "imp_1", "imp_0"})
	equal(t, impUIDs(decodeResponse[listPage](g, g.getWithToken("/payments/findAll/order/paid")).List), []string{"imp_1"})
	g.expectCode(g.getWithToken("/payments/findAll/other"), 404, 1)
	g.expectCode(g.getWithToken("/payments/findAll/order?page=2"), 400, 1)
}
