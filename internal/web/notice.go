package web

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"strings"
	"unicode"

	"pointcharge/internal/apierror"
	"pointcharge/internal/point"
	"pointcharge/internal/ratelimit"
)

// maxNoticeBytes bounds a webhook's body; Iamport's have some hundred bytes (contract §2.1).
const maxNoticeBytes = 64 << 10

// notice is the body of a webhook (contract §2.1), or the query of a payment return. A notice has
// no signature, so the server trusts no field and only uses the ids for a look-up.
type notice struct {
	Event          string `json:"event"` // only special notices have one
	ImpUID         string `json:"imp_uid"`
	MerchantUID    string `json:"merchant_uid"`
	Status         string `json:"status"`
	CancellationID string `json:"cancellation_id"`

	fromPayer bool       // a payment return, where the payer waits at a screen
	source    netip.Addr // the zero Addr for an unknown address, or for Iamport's
}

// readNotice reads a webhook's body: JSON or a form, as the merchant chose in Iamport's console
// (F37).
func readNotice(w http.ResponseWriter, r *http.Request) (n notice, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxNoticeBytes)
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return n, err
	case mediaType == "application/json":
		n, err = decodeNotice(r.Body)
	case mediaType == "application/x-www-form-urlencoded":
		if err = r.ParseForm(); err == nil {
			n = notice{Event: r.PostForm.Get("event"), ImpUID: r.PostForm.Get("imp_uid"),
				MerchantUID: r.PostForm.Get("merchant_uid"), Status: r.PostForm.Get("status"),
				CancellationID: r.PostForm.Get("cancellation_id")}
		}
	default:
		err = errors.New("neither JSON nor a form")
	}
	if err == nil && !n.isPlausible() {
		err = errors.New("ids are missing or malformed")
	}
	return n, err
}

// errVersion2 has a separate text because one setting in the console is the remedy.
var errVersion2 = errors.New("a webhook of the other version (V2): choose the version 2017-12-13 for this address in the PortOne console")

// decodeNotice reads JSON. It knows V2's two shapes: {"type":"Transaction.Paid",…} and
// {"tx_id":…,"payment_id":…,"status":…}.
func decodeNotice(body io.Reader) (notice, error) {
	var n struct {
		notice

		Type      string `json:"type"`
		PaymentID string `json:"payment_id"`
	}
	err := json.NewDecoder(body).Decode(&n)
	if err == nil && n.ImpUID == "" && n.Event == "" && (n.PaymentID != "" || strings.Contains(n.Type, ".")) {
		err = errVersion2
	}
	return n.notice, err
}

// isPlausible rejects notices that Iamport never sends, and text that does not belong into a log.
func (n notice) isPlausible() bool {
	text := n.MerchantUID + n.Status + n.Event + n.CancellationID
	if len(text) > 300 || strings.ContainsFunc(text, unicode.IsControl) {
		return false
	}
	// Another shop on the same account may number its orders in any format; such a notice is well
	// formed, but about no order of ours.
	return n.Event != "" || (apierror.ValidID(n.ImpUID) && n.MerchantUID != "")
}

// key is the same for identical notices.
func (n notice) key() string {
	return n.ImpUID + " " + n.MerchantUID + " " + n.Status + " " + n.CancellationID
}

// logTo returns log with the notice's content as attributes.
func (n notice) logTo(log *slog.Logger) *slog.Logger {
	return log.With("imp_uid", ratelimit.Clean(n.ImpUID), "merchant_uid", ratelimit.Clean(n.MerchantUID), "status", ratelimit.Clean(n.Status))
}

// actor returns the cause of the look-up: Iamport with a webhook, or the payer's browser with a
// payment return.
func (n notice) actor() point.Actor {
	if n.fromPayer {
		return point.Actor{Kind: point.ActorGateway, ID: "payment-return"}
	}
	return point.Actor{Kind: point.ActorGateway, ID: "webhook"}
}
