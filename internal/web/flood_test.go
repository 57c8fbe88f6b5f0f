package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"pointcharge/internal/database/databasetest"
)

// TestAFloodFromOneUserDelaysNobody: somebody opens orders for nothing and invents payments of
// them, and Iamport answers no look-up of these. Genuine notices and payers are answered all the
// same.
func TestAFloodFromOneUserDelaysNobody(t *testing.T) {
	t.Parallel()
	w := newTestServerOn(t, databasetest.New(t, databasetest.Postgres))
	end, held := make(chan struct{}), make(chan struct{}, 1000)
	w.gateway.answerWith(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/payments/imp_invented") {
			held <- struct{}{}
			<-end
		}
		w.gateway.Sandbox.ServeHTTP(rw, r)
	})
	const free = 60
	w.points.MaxOpenOrders = free + 2
	var flood sync.WaitGroup
	defer flood.Wait()
	var over sync.Once
	stop := func() { over.Do(func() { close(end) }) }
	defer stop()
	for i := range free {
		merchantUID := w.order("mallory")
		flood.Go(func() {
			w.webhook(jsonType, notice(fmt.Sprint("imp_invented", i), merchantUID, "paid"))
		})
		flood.Go(func() {
			w.followReturn(returnQuery(fmt.Sprint("imp_invented_return", i), merchantUID))
		})
	}
	for range 6 { // as many look-ups as one user may have
		<-held
	}
	for _, user := range []string{"minji", "junho"} {
		merchantUID := w.order(user)
		impUID := w.pay(merchantUID)
		w.wantStatus(w.webhook(jsonType, notice(impUID, merchantUID, "paid")), http.StatusOK)
		w.wantBalance(user, 5000)
		w.wantReturn(returnQuery(impUID, merchantUID), "https://shop.example/wallet?merchantUid="+merchantUID+"&status=paid")
	}
}
