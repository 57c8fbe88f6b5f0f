package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"pointcharge/internal/apierror"
)

const (
	racingPayments = 50
	racesAtOnce    = 3 // payments that are fought over at the same time, each by 28 callers
)

// race is one payment that 28 callers report at once.
type race struct {
	*visitor
	impUID, merchantUID string
	stranger            string
	won                 atomic.Int64
}

// TestF2EveryEntranceAtOnce lets ten mutations of the owner, ten webhooks, four landings and four
// mutations of a stranger race for each of fifty payments.
func TestF2EveryEntranceAtOnce(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		stranger := s.tokenFor("junho")
		turns := make(chan struct{}, racesAtOnce)
		var contests sync.WaitGroup
		for range racingPayments {
			turns <- struct{}{}
			contests.Go(func() {
				defer func() { <-turns }()
				merchantUID := s.buy(s.token, "points-5000").MerchantUID
				c := &race{visitor: s, impUID: s.pay(merchantUID, 5_000), merchantUID: merchantUID, stranger: stranger}
				c.run()
			})
		}
		contests.Wait()
		s.wantBalance(stranger, 0)
		s.wantBalance(s.token, racingPayments*5_000)
		s.wantOneChargeEach()
	})
}

func (c *race) run() {
	start := make(chan struct{})
	var callers sync.WaitGroup
	caller := func(times int, call func(i int)) {
		for i := range times {
			callers.Go(func() { <-start; call(i) })
		}
	}
	caller(10, func(int) { c.mutate() })
	caller(10, c.notify)
	caller(4, func(int) { c.land() })
	caller(4, func(int) { c.steal() })
	close(start)
	callers.Wait()
	if n := c.won.Load(); n != 1 {
		c.Errorf("%d mutations for %s succeeded, want 1", n, c.impUID)
	}
}

func (c *race) mutate() {
	switch r := c.charge(c.token, c.impUID); r.code() {
	case "":
		c.won.Add(1)
	case apierror.PaymentAlreadyCharged:
	default:
		c.Errorf("the owner was told %s", r.text)
	}
}

func (c *race) notify(i int) {
	contentType, body := "application/json", fmt.Sprintf(`{"imp_uid":%q,"merchant_uid":%q,"status":"paid"}`, c.impUID, c.merchantUID)
	if i%2 == 1 {
		contentType = "application/x-www-form-urlencoded"
		body = url.Values{"imp_uid": {c.impUID}, "merchant_uid": {c.merchantUID}, "status": {"paid"}}.Encode()
	}
	a, err := c.trySend(http.MethodPost, c.url+"/webhooks/iamport", body, "Content-Type", contentType)
	if err != nil || a.status != http.StatusOK {
		c.Errorf("webhook: %d %s, %v", a.status, a.text, err)
	}
}

func (c *race) land() {
	query := url.Values{"imp_uid": {c.impUID}, "merchant_uid": {c.merchantUID}}
	a, err := c.trySend(http.MethodGet, c.url+"/payments/return?"+query.Encode(), "")
	landed := url.Values{"merchantUid": {c.merchantUID}, "status": {"paid"}}
	if err != nil || a.header.Get("Location") != c.url+"?"+landed.Encode() {
		c.Errorf("landing: %d, to %s, %v", a.status, a.header.Get("Location"), err)
	}
}

func (c *race) steal() {
	c.wantCode(c.charge(c.stranger, c.impUID), apierror.PaymentNotFound)
}

// wantOneChargeEach reads the ledger: as many lines as payments, each of another one, each after
// the one below.
func (s *visitor) wantOneChargeEach() {
	s.Helper()
	edges := s.ask(s.token, readWallet).Data.Viewer.PointTransactions.Edges
	seen := map[string]bool{}
	for i, edge := range edges {
		l := edge.Node
		if want := int64(len(edges)-i) * 5_000; l.Kind != "CHARGE" || l.Amount != 5_000 || l.BalanceAfter != want || seen[l.ImpUID] {
			s.Errorf("line %d is %+v, want a balance of %d", i, l, want)
		}
		seen[l.ImpUID] = true
	}
	if len(edges) != racingPayments {
		s.Errorf("%d lines, want %d", len(edges), racingPayments)
	}
}
