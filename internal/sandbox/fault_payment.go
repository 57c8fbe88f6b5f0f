package sandbox

import (
	"slices"
	"strings"
	"time"

	"pointcharge/internal/sandbox/fault"
)

// unknownCurrencyMark before a currency makes a currency that does not exist.
const unknownCurrencyMark = "?"

// injectPaymentFault applies at most one fault to a payment that becomes paid, and returns the
// fault for scheduleFollowUp. The caller holds the store's lock.
func (s *Sandbox) injectPaymentFault(r *record) fault.Fault {
	if skew := int64(s.faults.Skew(r.stableIdentity()) / time.Second); skew != 0 {
		r.StartedAt, r.PaidAt = r.StartedAt+skew, r.PaidAt+skew
	}
	f := s.faults.Draw(fault.OnPayment, r.stableIdentity(), func(rule fault.Rule) bool {
		return rule.Name != fault.SecondDeposit || r.PayMethod == "vbank"
	})
	switch f.Name {
	case fault.WrongAmount:
		amount, _ := parseMoney(string(r.Amount))
		if amount -= moneyUnit; amount <= 0 {
			amount += 2 * moneyUnit
		}
		r.Amount = amount.toNumber()
	case fault.WrongCurrency:
		if r.Currency == "KRW" {
			r.Currency = "USD"
		} else {
			r.Currency = "KRW"
		}
	case fault.Unreadable:
		r.Currency = unknownCurrencyMark + r.Currency
	case fault.FailedThenPaid:
		r.Status, r.FailedAt, r.PaidAt, r.FailReason = Failed, r.PaidAt, 0, Text(errDeclined.message)
	}
	return f
}

// scheduleFollowUp schedules the fault's later effect on the payment. When the scheduler is full,
// the payment stays unchanged.
func (s *Sandbox) scheduleFollowUp(r *record, f fault.Fault) {
	id := r.ImpUID
	switch f.Name {
	case fault.FailedThenPaid:
		notify := f.Random.IntN(2) == 0
		s.scheduler.scheduleTask(approvalDelay, func() { s.approveLate(id, notify) })
	case fault.ConsoleCancel:
		amount, err := parseMoney(string(r.Amount))
		if half := amount / moneyUnit / 2 * moneyUnit; err == nil && half > 0 {
			s.scheduler.scheduleTask(firstCancelDelay, func() { s.cancelAtConsole(id, half) })
		}
		s.scheduler.scheduleTask(secondCancelDelay, func() { s.cancelAtConsole(id, 0) })
	case fault.SecondDeposit:
		s.scheduler.scheduleTask(secondDepositDelay, func() { s.repeatDeposit(id) })
	case fault.Unreadable:
		s.scheduler.scheduleTask(unreadableFor, func() { s.restoreCurrency(id) })
	}
}

// restoreCurrency makes an unreadable payment readable again, without a webhook.
func (s *Sandbox) restoreCurrency(impUID string) {
	_, _ = s.store.updatePayment(impUID, s.now().Unix(), func(r *record) error {
		r.Currency = strings.TrimPrefix(r.Currency, unknownCurrencyMark)
		return nil
	})
}

// approveLate pays a failed payment. If the buyer has paid in another window since, the order is
// paid twice, as at Iamport.
func (s *Sandbox) approveLate(impUID string, notify bool) {
	noFault := func(*record) fault.Fault { return fault.Fault{} }
	if r, _, err := s.markPaid(impUID, noFault); err == nil && notify {
		s.notifyMerchant(r)
	}
}

func (s *Sandbox) cancelAtConsole(impUID string, amount money) {
	if err := s.Cancel(impUID, amount.toNumber()); err != nil {
		s.log.Info("sandbox: cannot cancel at the console", "imp_uid", impUID, "err", err)
	}
}

// repeatDeposit puts the payment's amount into the virtual account once more. Only deposit_history
// shows the deposit: the payment's amount stays (contract §1.4).
func (s *Sandbox) repeatDeposit(impUID string) {
	now := s.now().Unix()
	r, err := s.store.updatePayment(impUID, now, func(r *record) error {
		if len(r.DepositHistory) == 0 {
			r.DepositHistory = []Deposit{r.newDeposit(r.PaidAt)}
		}
		// A copy: readers hold the shorter history.
		r.DepositHistory = append(slices.Clip(r.DepositHistory), r.newDeposit(now))
		return nil
	})
	if err == nil {
		s.notifyMerchant(r)
	}
}

func (r *record) newDeposit(at int64) Deposit {
	return Deposit{
		PGTID: "D" + randomDigits(20), Amount: r.Amount,
		DepositorName: strings.TrimSpace(string(r.BuyerName)), DepositedAt: at,
	}
}
