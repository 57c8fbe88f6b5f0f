package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// cancelRequest is the body of POST /payments/cancel.
type cancelRequest struct {
	ImpUID      string
	MerchantUID string      // used only without an ImpUID
	Amount      json.Number // empty or 0 is the whole rest
	Checksum    json.Number // the rest as the caller believes; empty is unchecked
	Reason      string
	Notify      bool // send the webhook
}

// postCancel answers POST /payments/cancel (contract §1.6). Only enable_webhook makes the
// cancellation send a webhook.
func (s *Sandbox) postCancel(w http.ResponseWriter, r *http.Request) {
	if c, ok := s.readCancellation(w, r); ok {
		cancelled, err := s.cancelPayment(c)
		s.answerCancel(w, cancelled, err)
	}
}

// postCancelPending imitates providers with slow cancellations: the cancellation is accepted
// without a trace in the answer, and happens later and with a webhook (contract §1.6), unless the
// cancellation has become impossible.
func (s *Sandbox) postCancelPending(w http.ResponseWriter, r *http.Request) {
	c, ok := s.readCancellation(w, r)
	if !ok {
		return
	}
	accepted, found := s.store.findRecord(s.impUIDToCancel(c))
	if !found {
		s.answerCancel(w, nil, errNothingToCancel)
		return
	}
	_, err := c.amountToCancel(accepted.Payment)
	if err == nil {
		c.Notify = true
		s.scheduler.scheduleTask(pendingCancelDelay, func() {
			if _, err := s.cancelPayment(c); err != nil {
				s.log.Info("sandbox: cannot make the pending cancellation", "imp_uid", c.ImpUID, "err", err)
			}
		})
	}
	s.answerCancel(w, accepted, err)
}

func (s *Sandbox) readCancellation(w http.ResponseWriter, r *http.Request) (cancelRequest, bool) {
	in, ok := s.readFields(w, r)
	if !ok {
		return cancelRequest{}, false
	}
	if in["imp_uid"] == "" && in["merchant_uid"] == "" {
		s.writeFailure(w, http.StatusBadRequest, -1, "imp_uid 또는 merchant_uid가 필요합니다.")
		return cancelRequest{}, false
	}
	notify, _ := strconv.ParseBool(in["enable_webhook"])
	return cancelRequest{
		ImpUID: in["imp_uid"], MerchantUID: in["merchant_uid"],
		Amount: json.Number(in["amount"]), Checksum: json.Number(in["checksum"]),
		Reason: in["reason"], Notify: notify,
	}, true
}

func (s *Sandbox) answerCancel(w http.ResponseWriter, r *record, err error) {
	switch {
	case errors.Is(err, errInvalidAmount):
		s.writeFailure(w, http.StatusBadRequest, -1, err.Error())
	case err != nil:
		s.writeFailure(w, http.StatusOK, 1, err.Error())
	default:
		s.writeResponse(w, http.StatusOK, &r.Payment)
	}
}

func (s *Sandbox) cancelPayment(c cancelRequest) (*record, error) {
	now := s.now().Unix()
	cancelled, err := s.store.updatePayment(s.impUIDToCancel(c), now, func(r *record) error {
		amount, err := c.amountToCancel(r.Payment)
		if err != nil {
			return err
		}
		return r.addCancellation(newCancellation(amount.toNumber(), c.Reason, now), amount)
	})
	if errors.Is(err, errPaymentNotFound) {
		return nil, errNothingToCancel
	}
	if err == nil && c.Notify {
		s.notifyMerchant(cancelled)
	}
	return cancelled, err
}

// impUIDToCancel returns the imp_uid of the request, even a wrong one, or of the order's paid
// attempt (contract §1.6).
func (s *Sandbox) impUIDToCancel(c cancelRequest) string {
	if c.ImpUID != "" {
		return c.ImpUID
	}
	attempts := s.store.listAttempts(c.MerchantUID)
	if i := slices.IndexFunc(attempts, func(r *record) bool { return r.PaidAt != 0 }); i >= 0 {
		return attempts[i].ImpUID
	}
	if len(attempts) > 0 {
		return attempts[0].ImpUID
	}
	return ""
}

// amountToCancel returns the amount to cancel of the payment, or the refusal.
func (c cancelRequest) amountToCancel(p Payment) (money, error) {
	amount, err := parseMoney(cmp.Or(string(c.Amount), "0"))
	if err != nil || amount < 0 {
		return 0, errInvalidAmount
	}
	left, err := p.cancellableAmount()
	if err != nil {
		return 0, err
	}
	if c.Checksum != "" {
		checksum, err := parseMoney(string(c.Checksum))
		if err != nil {
			return 0, err
		}
		if checksum != left {
			return 0, errChecksum
		}
	}
	amount = cmp.Or(amount, left)
	if amount > left {
		return 0, errTooMuch
	}
	if p.PayMethod == "naverpay" && c.Reason == "" {
		return 0, errReasonMissing
	}
	return amount, nil
}

// cancellableAmount returns the cancellable rest, more than 0, or a refusal.
func (p Payment) cancellableAmount() (money, error) {
	if p.Status != Paid && p.Status != Cancelled {
		return 0, errNotPaid
	}
	amount, err := parseMoney(string(p.Amount))
	if err != nil {
		return 0, fmt.Errorf("amount: %w", err)
	}
	cancelled, err := parseMoney(string(p.CancelAmount))
	if err != nil {
		return 0, fmt.Errorf("cancel_amount: %w", err)
	}
	if cancelled >= amount {
		return 0, errCancelledInFull
	}
	return amount - cancelled, nil
}

// addCancellation records the cancellation. The status is cancelled also for a part (contract
// §0.3).
func (r *record) addCancellation(c Cancellation, amount money) error {
	before, err := parseMoney(string(r.CancelAmount))
	if err != nil {
		return err
	}
	r.Status, r.CancelledAt, r.CancelReason = Cancelled, c.CancelledAt, Text(c.Reason)
	r.CancelAmount = (before + amount).toNumber()
	// A copy: readers hold the shorter history.
	r.CancelHistory = append(slices.Clip(r.CancelHistory), c)
	return nil
}
