package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

// paymentReturn is the m_redirect_url: Iamport sends the payer's browser here when the payment
// window was a page of its own (contract §4). The query's claims are looked up, never trusted, and
// never decide the browser's next page. The front end gets merchantUid and a status: paid, ready,
// failed, cancelled (Iamport's words), mismatch, unknown, unavailable. With failed comes a reason,
// if known. With ready, unknown and unavailable the payment may still turn out to be paid, so the
// front end gets impUid, to ask for the points again.
func (s *Server) paymentReturn(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	n := notice{ImpUID: query.Get("imp_uid"), MerchantUID: query.Get("merchant_uid"),
		Status: "return", fromPayer: true, source: s.sourceOf(r)}
	status := "unavailable"
	if s.takeRate(r) == 0 {
		status = s.returnStatus(r.Context(), n)
	}
	target := *s.cfg.FrontendURL
	answer := target.Query()
	if isHashRoute(target) {
		answer = url.Values{} // the page's own query stays before the fragment
	}
	for _, own := range []string{"merchantUid", "impUid", "reason"} {
		answer.Del(own)
	}
	answer.Set("status", status)
	if apierror.ValidID(n.MerchantUID) {
		answer.Set("merchantUid", n.MerchantUID)
	}
	switch {
	case status == "failed":
		if reason := s.readFailure(query, n); reason != reasonNone {
			answer.Set("reason", string(reason))
		}
	case mayBecomePaid(status) && apierror.ValidID(n.MerchantUID) && apierror.ValidID(n.ImpUID):
		answer.Set("impUid", n.ImpUID)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, withQuery(target, answer), http.StatusSeeOther)
}

// mayBecomePaid reports whether the status leaves open that the payer has paid.
func mayBecomePaid(status string) bool {
	return status == "ready" || status == "unknown" || status == "unavailable"
}

// readFailure returns why a payment failed, and logs what the provider says about it.
func (s *Server) readFailure(query url.Values, n notice) failReason {
	code, text := query.Get("error_code"), query.Get("error_msg")
	reason := failReasonOf(code, text)
	if reason != reasonNone {
		s.outsiderLog.Sample(s.cfg.Log).Info("a payer returned without a payment", "merchant_uid", failText(n.MerchantUID),
			"reason", reason, "error_code", failText(code), "error_msg", failText(text))
	}
	return reason
}

// isHashRoute tells whether the front end's router reads the fragment, as in
// https://shop.example/#/wallet.
func isHashRoute(frontend url.URL) bool { return strings.HasPrefix(frontend.Fragment, "/") }

// withQuery adds the answer for the front end's router: with a hash route, the query belongs to the
// fragment.
func withQuery(target url.URL, answer url.Values) string {
	if !isHashRoute(target) {
		target.RawQuery = answer.Encode()
		return target.String()
	}
	route := target.EscapedFragment()
	target.Fragment, target.RawFragment = "", ""
	separator := "?"
	if strings.Contains(route, "?") {
		separator = "&"
	}
	return target.String() + "#" + route + separator + answer.Encode()
}

// returnStatus syncs the payment and returns the status for the front end.
func (s *Server) returnStatus(ctx context.Context, n notice) string {
	if !apierror.ValidID(n.MerchantUID) {
		return "unknown"
	}
	// The payment was refused before the window opened, so no money was paid.
	if !apierror.ValidID(n.ImpUID) {
		return "failed"
	}
	payment, err := s.syncPayment(ctx, n)
	log := n.logTo(s.cfg.Log)
	switch code := apierror.CodeOf(err); {
	case code == apierror.NotFound || code == apierror.PaymentNotFound:
		return "unknown"
	case code == apierror.RateLimited:
		s.outsiderLog.Sample(log).Warn("payment return not synced: too many notices", "err", err)
		return "unavailable"
	case err != nil:
		s.faultLog.Sample(log).Error("cannot sync the payment return's payment", "err", err)
		return "unavailable"
	case payment.MerchantUID != n.MerchantUID: // the query mixes the ids of two payments
		return "unknown"
	case payment.Problem != charge.NoProblem:
		return "mismatch"
	}
	return string(payment.Status)
}
