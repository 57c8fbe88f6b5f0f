package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"pointcharge/internal/sandbox"
)

type listPage struct {
	Total, Previous, Next int
	List                  []sandbox.Payment
}

func TestStatusPages(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for i := range 45 {
		g.Put(sandbox.Payment{ImpUID: fmt.Sprint("imp_", i)})
	}
	for _, c := range []struct {
		query                              string
		previous, next, length, firstIndex int
	}{
		{"", 0, 2, 20, 44},
		{"?page=2", 1, 3, 20, 24},
		{"?page=3", 2, 0, 5, 4},
		{"?limit=1000", 0, 0, 45, 44},
		{"?limit=45&sorting=paid", 0, 0, 45, 0},
	} {
		got := decodeResponse[listPage](g, g.getWithToken("/payments/status/paid"+c.query))
		equal(t, []int{got.Total, got.Previous, got.Next, len(got.List)}, []int{45, c.previous, c.next, c.length})
		equal(t, got.List[0].ImpUID, fmt.Sprint("imp_", c.firstIndex))
	}
}

func TestStatusRefusesPagesOutOfRange(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{})
	for _, query := range []string{
		"?page=2", "?page=0", "?page=-1", "?page=x", "?limit=0", "?limit=1001", "?limit=x", "?sorting=x",
		"?page=9223372036854775807", "?page=99999999999999999999",
	} {
		g.expectCode(g.getWithToken("/payments/status/paid"+query), 400, 1)
	}
	g.expectCode(g.getWithToken("/payments/status/canceled"), 400, 1)
}

func TestStatusOfNothingIsAnEmptyPage(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	got := g.getWithToken("/payments/status/cancelled")
	g.expectCode(got, 200, 0)
	equal(t, string(got.Response), `{"list":[],"next":0,"previous":0,"total":0}`)
}

func TestStatusLooksAtTheTimeOfThatStatus(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	now := g.clock.Now().Unix()
	g.Put(sandbox.Payment{ImpUID: "imp_1", Status: sandbox.Ready, StartedAt: now - 50})
	g.Put(sandbox.Payment{ImpUID: "imp_2", Status: sandbox.Paid, StartedAt: now - 50, PaidAt: now - 40})
	g.Put(sandbox.Payment{ImpUID: "imp_3", Status: sandbox.Cancelled, StartedAt: now - 50, PaidAt: now - 40, CancelledAt: now - 30})
	g.Put(sandbox.Payment{ImpUID: "imp_4", Status: sandbox.Failed, StartedAt: now - 50, FailedAt: now - 20})
	for status, at := range map[string]int64{"ready": now - 50, "paid": now - 40, "cancelled": now - 30, "failed": now - 20} {
		path := "/payments/status/" + status + "?from=%d&to=%d"
		equal(t, decodeResponse[listPage](g, g.getWithToken(fmt.Sprintf(path, at, at))).Total, 1)
		equal(t, decodeResponse[listPage](g, g.getWithToken(fmt.Sprintf(path, at+1, at+1))).Total, 0)
	}
	equal(t, decodeResponse[listPage](g, g.getWithToken(fmt.Sprintf("/payments/status/all?from=%d&to=%d", now-50, now-50))).Total, 4)
}

func TestStatusLooksBackNinetyDays(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	const day = 24 * 60 * 60
	now := g.clock.Now().Unix()
	g.Put(sandbox.Payment{})
	g.clock.advance(90 * day * time.Second)
	equal(t, decodeResponse[listPage](g, g.getWithToken("/payments/status/paid")).Total, 1)
	g.clock.advance(time.Second)
	equal(t, decodeResponse[listPage](g, g.getWithToken("/payments/status/paid")).Total, 0)
	g.expectCode(g.getWithToken(fmt.Sprintf("/payments/status/paid?from=%d", now)), 400, 1)
	equal(t, decodeResponse[listPage](g, g.getWithToken(fmt.Sprintf("/payments/status/paid?to=%d", now))).Total, 1)
	g.expectCode(g.getWithToken(fmt.Sprintf("/payments/status/paid?from=%d&to=%d", now, now-1)), 400, 1)
	g.expectCode(g.getWithToken("/payments/status/paid?from=yesterday"), 400, 1)
	g.expectCode(g.getWithToken("/payments/status/paid?from=-9223372036854775808"), 400, 1)
}
