package sandbox_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/sandbox"
)

// timeOf returns a time of the payment by the name that a sorting or a status has.
func timeOf(p sandbox.Payment, name string) int64 {
	switch name {
	case "paid":
		return p.PaidAt
	case "cancelled":
		return p.CancelledAt
	case "failed":
		return p.FailedAt
	}
	return p.StartedAt
}

// expectedList filters and sorts all payments, which come in order of creation.
func expectedList(all []sandbox.Payment, status, sorting string, from, to int64) []string {
	found := slices.DeleteFunc(slices.Clone(all), func(p sandbox.Payment) bool {
		at := timeOf(p, status)
		return status != "all" && p.Status != status || at < from || at > to
	})
	by, descending := strings.CutPrefix(sorting, "-")
	if descending {
		slices.Reverse(found)
	}
	slices.SortStableFunc(found, func(a, b sandbox.Payment) int {
		order := cmp.Compare(timeOf(a, by), timeOf(b, by))
		if descending {
			order = -order
		}
		return order
	})
	return impUIDs(found)
}

// putRandomPayments puts payments with times in a narrow period, so that many times are equal. Some
// payments replace earlier payments.
func putRandomPayments(g *gateway, random *rand.Rand, count int) {
	now := g.clock.Now().Unix()
	at := func() int64 { return now - random.Int64N(300) }
	statuses := []string{sandbox.Ready, sandbox.Paid, sandbox.Cancelled, sandbox.Failed}
	for range count {
		g.Put(sandbox.Payment{
			ImpUID: fmt.Sprint("imp_", random.IntN(5000)), MerchantUID: "order", Amount: "1",
			Status: statuses[random.IntN(4)], StartedAt: at(), PaidAt: at(), CancelledAt: at(), FailedAt: at(),
		})
	}
}

// TestListsAgreeWithASort compares every list with a sort of all payments, while payments change
// status and the oldest are forgotten.
func TestListsAgreeWithASort(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(c *sandbox.Config) { c.MaxPayments = 1500 })
	random := rand.New(rand.NewPCG(1, 2))
	now := g.clock.Now().Unix()
	for round := range 3 {
		putRandomPayments(g, random, 1000)
		all := g.All()
		for _, status := range []string{"all", "ready", "paid", "cancelled", "failed"} {
			for _, sorting := range []string{"started", "-started", "paid", "-paid"} {
				for _, from := range []int64{now - 300, now - 200} {
					want := expectedList(all, status, sorting, from, now-50*int64(round))
					got := []string{}
					for page := 1; page != 0; {
						p := decodeResponse[listPage](g, g.getWithToken(fmt.Sprintf("/payments/status/%s?sorting=%s&from=%d&to=%d&limit=999&page=%d",
							status, sorting, from, now-50*int64(round), page)))
						equal(t, p.Total, len(want))
						got, page = append(got, impUIDs(p.List)...), p.Next
					}
					if !slices.Equal(got, want) {
						t.Fatalf("round %d, %s by %s from %d: %d ids in another order than the %d expected",
							round, status, sorting, from-now, len(got), len(want))
					}
				}
			}
		}
	}
}

func TestListUpToTheEndOfTime(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Put(sandbox.Payment{})
	path := "/payments/status/paid?from=9223372036854775000&to=9223372036854775807"
	equal(t, decodeResponse[listPage](g, g.getWithToken(path)).Total, 0)
}

// BenchmarkListAMillion lists pages of an account where other shops have a million payments. The
// first page of a list costs a sort and is reported by itself.
func BenchmarkListAMillion(b *testing.B) {
	g := newGateway(b, func(c *sandbox.Config) { c.MaxPayments = 2_000_000 })
	now, began := g.clock.Now().Unix(), time.Now()
	for i := range int64(1_000_000) {
		status := sandbox.Paid
		if i%10 == 0 {
			status = sandbox.Cancelled
		}
		g.Put(sandbox.Payment{MerchantUID: fmt.Sprint("foreign-", i), Amount: "1000", Status: status,
			StartedAt: now - i%5_000_000, PaidAt: now - i%4_999_000})
	}
	b.Logf("a million payments put in %v", time.Since(began))
	token := g.token()
	for _, query := range []string{
		"paid?sorting=paid&page=20000", "all?page=25000", "paid?page=9000&from=%d", "cancelled?sorting=paid&from=%d",
		"paid?sorting=paid&limit=1000&page=400",
	} {
		if strings.Contains(query, "%d") {
			query = fmt.Sprintf(query, now-500_000)
		}
		b.Run(query, func(b *testing.B) {
			list := func() {
				r := httptest.NewRequest(http.MethodGet, "/payments/status/"+query, nil)
				r.Header.Set("Authorization", token)
				w := httptest.NewRecorder()
				g.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
			began := time.Now()
			list()
			first := time.Since(began)
			for b.Loop() {
				list()
			}
			b.ReportMetric(float64(first.Milliseconds()), "ms/first")
		})
	}
}
