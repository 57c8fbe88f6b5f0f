package charge_test

import (
	"net/http"
	"testing"
	"time"

	"pointcharge/internal/domaintest"
)

func TestAPanicAboutOneOrderIsThatOrdersError(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		clock := w.StopClock()
		trapped := w.OpenOrder("junho")
		w.Pay(w.OpenOrder("minji"))
		w.SetTrap("/payments/findAll/" + trapped.MerchantUID)
		for _, due := range []int{2, 1} { // it is due again soon
			clock.Pass(15 * time.Minute)
			n, err := w.Sweep(w.Context(), 100)
			w.WantTrapped(err)
			if n != due {
				w.Errorf("%d orders were due, want %d", n, due)
			}
		}
		w.WantBalance("minji", domaintest.Full)
	})
}

func TestAPanicAboutOneRefundIsThatRefundsError(t *testing.T) {
	t.Parallel()
	eachBehindFront(t, func(w *world, f *domaintest.Front) {
		trapped, good := w.Charged(), w.Charged()
		f.OnCancel(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
		w.MustRefund(domaintest.RefundOf(trapped, 5000, "r-1"))
		w.MustRefund(domaintest.RefundOf(good, 5000, "r-2"))
		w.Must(w.Sandbox.Cancel(*good.ImpUID, ""))
		w.SetTrap("/payments/" + *trapped.ImpUID)
		report, err := w.SyncRefunds(w.Context())
		w.Must(err)
		w.WantTrapped(report.Err)
		open, err := w.OpenRefunds(w.Context())
		w.Must(err)
		if len(open) != 1 || open[0].ImpUID != *trapped.ImpUID {
			w.Errorf("unexpected open refunds %+v", open)
		}
	})
}
