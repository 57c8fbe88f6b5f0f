//go:build unix

package torture_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"pointcharge/internal/sandbox"
)

// offer is a charge product of sandbox mode.
type offer struct {
	id                   string
	price, points, bonus int64
}

func offers() []offer {
	return []offer{
		{"points-5000", 5_000, 5_000, 0}, {"points-10000", 10_000, 10_000, 100}, {"points-30000", 30_000, 30_000, 900},
		{"points-50000", 50_000, 50_000, 2_500}, {"points-100000", 100_000, 100_000, 7_000},
	}
}

func offerOf(product string) (o offer, ok bool) {
	for _, o := range offers() {
		if o.id == product {
			return o, true
		}
	}
	return offer{}, false
}

// shopper is one person buying once. The seed and the order's number decide every step.
type shopper struct {
	*run

	ctx         context.Context
	random      *rand.Rand
	number      int
	user        string
	offer       offer
	merchantUID string
	checkout    map[string]any
}

func (r *run) newShopper(ctx context.Context, number int) *shopper {
	random := rand.New(rand.NewPCG(r.seed, uint64(number)))
	return &shopper{run: r, ctx: ctx, random: random, number: number, user: fmt.Sprintf("u-%04d", random.IntN(r.users)),
		offer: offers()[random.IntN(len(offers()))]}
}

// chance is true with the given probability in percent.
func (s *shopper) chance(percent int) bool { return s.random.IntN(100) < percent }

// randomServer returns the address of a server, dead or alive.
func (s *shopper) randomServer() string { return s.servers[s.random.IntN(len(s.servers))].url() }

func (s *shopper) pauseRandomly(most time.Duration) {
	pause(s.ctx, time.Duration(s.random.Int64N(int64(most))))
}

// buyPoints is the whole life of an order.
func (s *shopper) buyPoints() {
	ways := []struct {
		percent   int
		payMethod string
		pay       func() []string // returns the payments that the browser knows
	}{
		{36, "CARD", s.payInWindow}, {8, "CARD", s.payInSecondWindow}, {4, "KAKAOPAY", s.payInWindow},
		{22, "CARD", s.payWithoutWindow}, {6, "CARD", s.payTwice}, {9, "VIRTUAL_ACCOUNT", s.payIntoAccount},
		{6, "VIRTUAL_ACCOUNT", s.payIntoIssuedAccount}, {3, "CARD", s.payWithBrokenHistory}, {3, "CARD", s.payUnknownOrder},
		{3, "CARD", func() []string { return nil }},
	}
	drawn := s.random.IntN(100)
	for _, way := range ways {
		if drawn -= way.percent; drawn >= 0 {
			continue
		}
		if s.openOrder(way.payMethod) {
			s.makeForeignPayments()
			for _, impUID := range way.pay() {
				s.reportPayment(impUID, way.payMethod)
			}
		}
		return
	}
}

// openOrder opens an order, and another one after a call without success.
func (s *shopper) openOrder(payMethod string) bool {
	for range 4 {
		a, code := s.client.callAPI(s.ctx, s.randomServer(), s.userToken(s.user), openOrder, map[string]any{"p": s.offer.id, "m": payMethod})
		if code == "" {
			s.merchantUID, s.checkout = a.Data.CreateChargeOrder.MerchantUID, a.Data.CreateChargeOrder.Checkout
			s.journal.recordOrder(s.merchantUID, purchase{s.user, s.offer.id})
			return true
		}
		s.pauseRandomly(time.Second)
	}
	return false
}

// reportPayment tells the servers of a payment, as browsers do or fail to do. Then the person may
// spend or refund the points.
func (s *shopper) reportPayment(impUID, payMethod string) {
	if s.chance(10) {
		s.chargeAsThief(impUID)
	}
	if s.chance(5) {
		s.sendForgedWebhook(impUID)
	}
	line := s.chargeConcurrently(impUID, s.random.IntN(4))
	if s.chance(12) {
		s.cancelAtConsole(impUID)
	}
	switch {
	case line == "":
	case s.chance(30):
		s.spendOnce()
	case s.chance(25):
		s.refundOnce(impUID, line, payMethod)
	}
}

// chargeConcurrently claims the payment on several servers at once, and returns the line if a call
// returned it.
func (s *shopper) chargeConcurrently(impUID string, times int) (line string) {
	var mu sync.Mutex
	var claims sync.WaitGroup
	for range times {
		url, wait := s.randomServer(), time.Duration(s.random.Int64N(int64(time.Second)))
		claims.Go(func() {
			for range 3 {
				a, code := s.client.callAPI(s.ctx, url, s.userToken(s.user), chargePayment, map[string]any{"id": impUID})
				if code == "" {
					s.journal.recordCharge(impUID, a.Data.CreatePointTransaction.ID)
					mu.Lock()
					line = a.Data.CreatePointTransaction.ID
					mu.Unlock()
				}
				if code != noAnswer && code != "GATEWAY_UNAVAILABLE" && code != "PAYMENT_NOT_PAID" && code != "INTERNAL" {
					return
				}
				pause(s.ctx, wait)
			}
		})
	}
	claims.Wait()
	return line
}

// chargeAsThief claims another person's payment.
func (s *shopper) chargeAsThief(impUID string) {
	thief := fmt.Sprintf("thief-%d", s.random.IntN(5))
	if _, code := s.client.callAPI(s.ctx, s.randomServer(), s.userToken(thief), chargePayment, map[string]any{"id": impUID}); code == "" {
		s.Errorf("%s was given the payment %s of %s", thief, impUID, s.user)
	}
}

// sendForgedWebhook sends a webhook that does not come from Iamport.
func (s *shopper) sendForgedWebhook(impUID string) {
	lie := map[string]string{"imp_uid": impUID, "merchant_uid": fmt.Sprintf("forged-%d", s.number), "status": "paid"}
	_ = s.client.post(s.ctx, s.randomServer()+"/webhooks/iamport", "", lie, nil)
}

func (s *shopper) cancelAtConsole(impUID string) {
	parts := []json.Number{sandbox.Won(1 + s.random.Int64N(s.offer.price/2)), ""}
	for _, part := range parts[s.random.IntN(2):] {
		if err := s.gateway.Cancel(impUID, part); err != nil {
			return // not paid, or nothing left
		}
		if s.chance(50) {
			return
		}
	}
}

// spendOnce requests the same spend from two servers.
func (s *shopper) spendOnce() {
	reference := fmt.Sprintf("spend-%d", s.number)
	amount := 1 + s.random.Int64N(s.offer.price)
	s.journal.recordSpendRequest(reference, &spend{user: s.user, amount: amount})
	s.callTwoServers(func(url string) string {
		_, code := s.client.callAPI(s.ctx, url, s.serviceToken, spendPoints, map[string]any{"i": map[string]any{
			"userId": s.user, "amount": amount, "reference": reference, "description": "torture"}})
		if code == "" {
			s.journal.recordSpendSuccess(reference)
		}
		return code
	})
}

// refundOnce requests the same refund from two servers. The reason names the request, to find the
// refund among Iamport's cancellations.
func (s *shopper) refundOnce(impUID, line, payMethod string) {
	reference := fmt.Sprintf("refund-%d", s.number)
	amount := s.offer.price
	if s.chance(50) {
		amount = 1 + s.random.Int64N(s.offer.price)
	}
	s.journal.recordRefundRequest(reference, &refund{impUID, amount})
	input := map[string]any{"transactionId": line, "amount": amount, "reference": reference, "reason": reference}
	if payMethod == "VIRTUAL_ACCOUNT" {
		input["account"] = map[string]string{"holder": "김민지", "bank": "004", "number": "12345678901234", "phone": "01012345678"}
	}
	s.callTwoServers(func(url string) string {
		_, code := s.client.callAPI(s.ctx, url, s.userToken(s.user), refundCharge, map[string]any{"i": input})
		return code
	})
}

// callTwoServers calls two servers at once, and repeats a call while its outcome is unknown.
func (s *shopper) callTwoServers(ask func(url string) (code string)) {
	var both sync.WaitGroup
	for _, url := range []string{s.randomServer(), s.randomServer()} {
		both.Go(func() {
			for range 3 {
				if code := ask(url); code != noAnswer && code != "INTERNAL" && code != "GATEWAY_UNAVAILABLE" {
					return
				}
				pause(s.ctx, 300*time.Millisecond)
			}
		})
	}
	both.Wait()
}

func isReady(ctx context.Context, c *client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := c.http.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
