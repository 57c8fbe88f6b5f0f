package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"

	"pointcharge/internal/edge"
	"pointcharge/internal/point"
)

const (
	// maxNotice bounds a webhook's body; Iamport's are some hundred bytes (contract §2.1).
	maxNotice = 64 << 10
	// patience is shorter than the 30 seconds that Iamport waits for an answer (contract §2.3).
	patience = 25 * time.Second
)

// notice is the body of a webhook (contract §2.1). It carries no signature and nothing in it is
// believed: it only says which payment to look up.
type notice struct {
	Event          string `json:"event"` // set by special notices only
	ImpUID         string `json:"imp_uid"`
	MerchantUID    string `json:"merchant_uid"`
	Status         string `json:"status"`
	CancellationID string `json:"cancellation_id"`

	landed bool // it is the address of a payer's browser, who waits
}

// webhook answers Iamport: 200 for everything that a resend cannot help, 400 or 413 for a body that is
// no notice, 503 where a resend helps. Others than Senders get 403.
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	if !s.allowed(r) {
		s.news.to(s.Log).Warn("webhook: not from an allowed address", "address", edge.Client(r.Context()).String())
		http.Error(w, "not from this address", http.StatusForbidden)
		return
	}
	n, err := readNotice(w, r)
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		s.news.to(s.Log).Warn("webhook: not a notice", "err", err)
		http.Error(w, "not a notice", status)
		return
	}
	log := s.Log.With("imp_uid", n.ImpUID, "merchant_uid", n.MerchantUID, "status", n.Status)
	if n.Event != "" { // for example Inicis.Escrow.Changed, which says "paid" but pays nothing (F36)
		s.news.to(log).Info("webhook: special event, nothing to do", "event", n.Event)
		return
	}
	_, err = s.sync(r.Context(), n)
	if r.Context().Err() != nil { // nobody is there to be answered
		return
	}
	switch point.CodeOf(err) {
	case "":
	case point.NotFound:
		s.news.to(log).Warn("webhook: no order of ours", "err", err)
	case point.RateLimited:
		s.news.to(log).Warn("webhook: too many notices, a resend would help", "err", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
	default: // also a payment that Iamport does not know (yet) of an order that we do
		s.faults.to(log).Error("webhook: not synced, a resend would help", "err", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
	}
}

// readNotice reads JSON or a form, whichever the merchant chose in Iamport's console (F37).
func readNotice(w http.ResponseWriter, r *http.Request) (n notice, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxNotice)
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
	if err == nil && !n.plausible() {
		err = errors.New("ids are missing or malformed")
	}
	return n, err
}

// errVersion2 is told apart from other bodies because one setting in the console cures it.
var errVersion2 = errors.New("a webhook of the other version (V2): choose the version 2017-12-13 for this address in the PortOne console")

// decodeNotice reads JSON, and knows V2's two shapes: {"type":"Transaction.Paid",…} and
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

// plausible keeps out what Iamport never sends, and what nobody wants to read in a log.
func (n notice) plausible() bool {
	text := n.MerchantUID + n.Status + n.Event + n.CancellationID
	if len(text) > 300 || strings.ContainsFunc(text, unicode.IsControl) {
		return false
	}
	// Another shop on the same account may number its orders as it likes; such a notice is none of ours.
	return n.Event != "" || (point.ValidID(n.ImpUID) && n.MerchantUID != "")
}

// sync looks the payment up and merges it into the books. A notice about an order that is not ours asks
// the gateway nothing, and a burst of the same notice asks once. Only the very same notice may share an
// answer: what another one reports may be younger than the look-up in flight. It ends within Patience, whatever the
// database and the gateway do.
func (s *Server) sync(ctx context.Context, n notice) (point.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	known, err := s.bounds.reading(n).do(ctx, func() (bool, error) { return s.Points.Known(ctx, n.MerchantUID) })
	if err != nil {
		return point.Payment{}, err
	}
	if !known {
		return point.Payment{}, &point.Error{Code: point.NotFound, Message: "There is no such order."}
	}
	// The shared work must not end because one of those waiting hangs up.
	shared := context.WithoutCancel(ctx)
	done := s.notices.DoChan(n.key(), func() (payment any, err error) {
		err = point.Contained(func() error {
			payment, err = s.syncShared(shared, n)
			return err
		})
		return payment, err
	})
	select {
	case <-ctx.Done():
		s.abandoned.Go(func() { <-done })
		return point.Payment{}, ctx.Err()
	case result := <-done:
		payment, _ := result.Val.(point.Payment)
		return payment, result.Err
	}
}

func (s *Server) syncShared(ctx context.Context, n notice) (point.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	release, err := s.admit(ctx, n)
	if err != nil {
		return point.Payment{}, err
	}
	defer release()
	payment, err := s.Points.Sync(ctx, n.ImpUID)
	if err == nil {
		s.Log.Info("notice: synced", "imp_uid", n.ImpUID, "merchant_uid", n.MerchantUID, "status", n.Status,
			"payment", payment.Status, "problem", payment.Problem)
	}
	return payment, err
}

func (n notice) key() string {
	return n.ImpUID + " " + n.MerchantUID + " " + n.Status + " " + n.CancellationID
}
