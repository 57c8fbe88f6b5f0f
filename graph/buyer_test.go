package graph_test

import (
	"strings"
	"testing"
	"time"

	"pointcharge/internal/auth"
)

func TestABuyersNameDoesNotGrowInTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const query = "{ chargeOrder(merchantUid: $m) { checkout { buyerName } } }"
	order := w.order("minji")
	for name, told := range map[string]bool{"김민지": true, strings.Repeat("가", 16): true, strings.Repeat("가", 80): false, strings.Repeat("<", 256): false, "a\x01": false} {
		who, err := auth.Sign([]byte(authSecret), auth.Identity{UserID: "minji", Name: name, ExpiresAt: time.Now().Add(time.Hour)}, issuer, audience)
		w.must(err)
		r := w.askAs(who, "query($m: ID!) "+query, "m", order)
		if got := r.at("chargeOrder", "checkout", "buyerName"); (got == name) != told {
			t.Errorf("%.20q is told as %.40v", name, got)
		}
	}
}
