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

// offer is a charge product of sandbox mode, as its customers know it.
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

// shopper is one person with one thing to buy. Everything they do is drawn from the seed and the order's number.
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

func (r *run) shopper(ctx context.Context, number int) *shopper {
	random := rand.New(rand.NewPCG(r.seed, uint64(number)))
	return &shopper{run: r, ctx: ctx, random: random, number: number, user: fmt.Sprintf("u-%04d", random.IntN(r.users)),
		offer: offers()[random.IntN(len(offers()))]}
}

// likely is true in so many of a hundred cases.
func (s *shopper) likely(percent int) bool { return s.random.IntN(100) < percent }

// anywhere is some server, dead or alive.
func (s *shopper) anywhere() string { return s.servers[s.random.IntN(len(s.servers))].url() }

func (s *shopper) rest(most time.Duration) { pause(s.ctx, time.Duration(s.random.Int64N(int64(most)))) }

// live is the whole story of an order.
func (s *shopper) live() {
	ways := []struct {
		percent   int
		payMethod string
		pay       func() []string // and returns the payments that the browser knows of
	}{
		{36, "CARD", s.payInWindow}, {8, "CARD", s.payInSecondWindow}, {4, "KAKAOPAY", s.payInWindow},
		{22, "CARD", s.payByHand}, {6, "CARD", s.payTwice}, {9, "VIRTUAL_ACCOUNT", s.payIntoAccount},
		{6, "VIRTUAL_ACCOUNT", s.payIntoIssuedAccount}, {3, "CARD", s.payWithBrokenHistory}, {3, "CARD", s.payForNothing},
		{3, "CARD", func() []string { return nil }},
	}
	drawn := s.random.IntN(100)
	for _, way := range ways {
		if drawn -= way.percent; drawn >= 0 {
			continue
		}
		if s.open(way.payMethod) {
			for _, impUID := range way.pay() {
				s.report(impUID, way.payMethod)
			}
		}
		return
	}
}

// open opens an order, and another one if nobody says that it did.
func (s *shopper) open(payMethod string) bool {
	for range 4 {
		a, code := s.client.ask(s.ctx, s.anywhere(), s.token(s.user), openOrder, map[string]any{"p": s.offer.id, "m": payMethod})
		if code == "" {
			s.merchantUID, s.checkout = a.Data.CreateChargeOrder.MerchantUID, a.Data.CreateChargeOrder.Checkout
			s.journal.opened(s.merchantUID, purchase{s.user, s.offer.id})
			return true
		}
		s.rest(time.Second)
	}
	return false
}

// report tells the servers of a payment, as browsers do or do not, and does what people do with their points.
func (s *shopper) report(impUID, payMethod string) {
	if s.likely(10) {
		s.steal(impUID)
	}
	if s.likely(5) {
		s.forge(impUID)
	}
	line := s.charge(impUID, s.random.IntN(4))
	if s.likely(12) {
		s.cancelAtConsole(impUID)
	}
	switch {
	case line == "":
	case s.likely(30):
		s.spend()
	case s.likely(25):
		s.refund(impUID, line, payMethod)
	}
}

// charge claims the payment on several servers at once, and returns the line if somebody was given it.
func (s *shopper) charge(impUID string, times int) (line string) {
	var mu sync.Mutex
	var claims sync.WaitGroup
	for range times {
		url, wait := s.anywhere(), time.Duration(s.random.Int64N(int64(time.Second)))
		claims.Go(func() {
			for range 3 {
				a, code := s.client.ask(s.ctx, url, s.token(s.user), credit, map[string]any{"id": impUID})
				if code == "" {
					s.journal.charged(impUID, a.Data.CreatePointTransaction.ID)
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

// steal claims somebody else's payment.
func (s *shopper) steal(impUID string) {
	thief := fmt.Sprintf("thief-%d", s.random.IntN(5))
	if _, code := s.client.ask(s.ctx, s.anywhere(), s.token(thief), credit, map[string]any{"id": impUID}); code == "" {
		s.Errorf("%s was given the payment %s of %s", thief, impUID, s.user)
	}
}

// forge sends a webhook that Iamport did not send.
func (s *shopper) forge(impUID string) {
	lie := map[string]string{"imp_uid": impUID, "merchant_uid": fmt.Sprintf("forged-%d", s.number), "status": "paid"}
	_ = s.client.post(s.ctx, s.anywhere()+"/webhooks/iamport", "", lie, nil)
}

func (s *shopper) cancelAtConsole(impUID string) {
	parts := []json.Number{sandbox.Won(1 + s.random.Int64N(s.offer.price/2)), ""}
	for _, part := range parts[s.random.IntN(2):] {
		if err := s.gateway.Cancel(impUID, part); err != nil {
			return // not paid, or nothing left
		}
		if s.likely(50) {
			return
		}
	}
}

// spend uses points once, however often and wherever it is asked for.
func (s *shopper) spend() {
	reference := fmt.Sprintf("spend-%d", s.number)
	amount := 1 + s.random.Int64N(s.offer.price)
	s.journal.asked(reference, &spend{user: s.user, amount: amount})
	s.twice(func(url string) string {
		_, code := s.client.ask(s.ctx, url, s.service, spendPoints, map[string]any{"i": map[string]any{
			"userId": s.user, "amount": amount, "reference": reference, "description": "torture"}})
		if code == "" {
			s.journal.spent(reference)
		}
		return code
	})
}

// refund gives money back once, however often and wherever it is asked for. The reason names the request, so that it is
// found again among Iamport's cancellations.
func (s *shopper) refund(impUID, line, payMethod string) {
	reference := fmt.Sprintf("refund-%d", s.number)
	amount := s.offer.price
	if s.likely(50) {
		amount = 1 + s.random.Int64N(s.offer.price)
	}
	s.journal.refunded(reference, &refund{impUID, amount})
	input := map[string]any{"transactionId": line, "amount": amount, "reference": reference, "reason": reference}
	if payMethod == "VIRTUAL_ACCOUNT" {
		input["account"] = map[string]string{"holder": "김민지", "bank": "004", "number": "12345678901234", "phone": "01012345678"}
	}
	s.twice(func(url string) string {
		_, code := s.client.ask(s.ctx, url, s.token(s.user), refundCharge, map[string]any{"i": input})
		return code
	})
}

// twice asks two servers at once, and again while nobody knows what happened.
func (s *shopper) twice(ask func(url string) (code string)) {
	var both sync.WaitGroup
	for _, url := range []string{s.anywhere(), s.anywhere()} {
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

func isUp(ctx context.Context, c *client, url string) bool {
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
