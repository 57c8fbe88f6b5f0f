package web

import (
	"errors"
	"log/slog"
	"net/http"

	"pointcharge/internal/apierror"
	"pointcharge/internal/middleware"
)

// handleWebhook answers Iamport: 503 when a resend helps, 200 when a resend cannot help, 400 or 413
// for a body that is not a notice. Callers outside of WebhookSenders get 403.
func (s *Server) handleWebhook(w http.ResponseWriter, r *http.Request) {
	if !s.isAllowedSender(r) {
		address := middleware.ClientAddress(r.Context()).String()
		s.outsiderLog.Sample(s.cfg.Log).Warn("webhook refused: its address is not allowed", "address", address)
		http.Error(w, "not from this address", http.StatusForbidden)
		return
	}
	n, err := readNotice(w, r)
	if err != nil {
		s.outsiderLog.Sample(s.cfg.Log).Warn("webhook refused: not a notice", "err", err)
		http.Error(w, "not a notice", bodyErrorStatus(err))
		return
	}
	log := n.logTo(s.cfg.Log)
	// For example Inicis.Escrow.Changed, with the status "paid" but without a payment (F36).
	if n.Event != "" {
		s.outsiderLog.Sample(log).Info("webhook ignored: special event", "event", n.Event)
		return
	}
	n.source = s.sourceOf(r)
	_, err = s.syncPayment(r.Context(), n)
	if r.Context().Err() != nil { // the caller hung up
		return
	}
	s.answerWebhook(w, log, err)
}

// bodyErrorStatus returns the status for a body that readNotice could not read.
func bodyErrorStatus(err error) int {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// answerWebhook maps the outcome of a sync to an answer: an empty 200, or 503 where a resend helps.
func (s *Server) answerWebhook(w http.ResponseWriter, log *slog.Logger, err error) {
	switch apierror.CodeOf(err) {
	case "":
	case apierror.NotFound:
		s.outsiderLog.Sample(log).Warn("webhook ignored: unknown order", "err", err)
	case apierror.RateLimited:
		s.outsiderLog.Sample(log).Warn("webhook refused: too many notices, a resend would help", "err", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
	default: // also when Iamport does not know the payment (yet), but the order is ours
		s.faultLog.Sample(log).Error("cannot sync the webhook's payment, a resend would help", "err", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
	}
}
