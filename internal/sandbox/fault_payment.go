package sandbox

import (
	"slices"
	"strings"
	"time"

	"pointcharge/internal/sandbox/fault"
)

// injectPaymentFault lets a payment that becomes paid go wrong. It is called under the store's lock.
func (s *Sandbox) injectPaymentFault(r *record) fault.Fault {
	if skew := int64(s.faults.Skew(r.identity()) / time.Second); skew != 0 {
		r.StartedAt, r.PaidAt = r.StartedAt+skew, r.PaidAt+skew
	}
	f := s.faults.Draw(fault.OnPayment, r.identity(), func(f fault.Rule) bool {
		return f.Name != fault.SecondDeposit || r.PayMethod == "vbank"
	})
	switch f.Name {
	case fault.WrongAmount:
		amount, _ := parseMoney(string(r.Amount))
		if amount -= moneyUnit; amount <= 0 {
			amount += 2 * moneyUnit
		}
		r.Amount = amount.number()
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

// scheduleFollowUp arranges what comes later of a payment that went wrong. An agenda that is full takes no more: the payment
// stays as it is.
func (s *Sandbox) scheduleFollowUp(r *record, f fault.Fault) {
	id := r.ImpUID
	switch f.Name {
	case fault.FailedThenPaid:
		told := f.Random.IntN(2) == 0
		s.scheduler.schedule(approvalDelay, func() { s.approveLate(id, told) })
	case fault.ConsoleCancel:
		amount, err := parseMoney(string(r.Amount))
		if half := amount / moneyUnit / 2 * moneyUnit; err == nil && half > 0 {
			s.scheduler.schedule(firstCancelDelay, func() { s.cancelAtConsole(id, half) })
		}
		s.scheduler.schedule(secondCancelDelay, func() { s.cancelAtConsole(id, 0) })
	case fault.SecondDeposit:
		s.scheduler.schedule(secondDepositDelay, func() { s.repeatDeposit(id) })
	case fault.Unreadable:
		s.scheduler.schedule(unreadableFor, func() { s.restoreCurrency(id) })
	}
}

// unknownCurrencyMark makes a currency one that nobody knows.
const unknownCurrencyMark = "?"

// restoreCurrency makes a payment readable again. Nobody is told.
func (s *Sandbox) restoreCurrency(impUID string) {
	_, _ = s.store.update(impUID, s.now().Unix(), func(r *record) error {
		r.Currency = strings.TrimPrefix(r.Currency, unknownCurrencyMark)
		return nil
	})
}

// approveLate is the late approval of a payment that failed. If the buyer has paid in another window since, the order is
// paid twice, as it happens.
func (s *Sandbox) approveLate(impUID string, told bool) {
	if r, _, err := s.pay(impUID, func(*record) fault.Fault { return fault.Fault{} }); err == nil && told {
		s.notify(r)
	}
}

func (s *Sandbox) cancelAtConsole(impUID string, amount money) {
	if err := s.Cancel(impUID, amount.number()); err != nil {
		s.log.Info("sandbox: nothing left to cancel at the console", "imp_uid", impUID, "err", err)
	}
}

// repeatDeposit puts the payment's amount into its virtual account once more. Its amount stays: only deposit_history
// tells (contract §1.4).
func (s *Sandbox) repeatDeposit(impUID string) {
	now := s.now().Unix()
	again := func(at int64, r *record) Deposit {
		return Deposit{PGTID: "D" + randomDigits(20), Amount: r.Amount, DepositorName: strings.TrimSpace(string(r.BuyerName)), DepositedAt: at}
	}
	r, err := s.store.update(impUID, now, func(r *record) error {
		if len(r.DepositHistory) == 0 {
			r.DepositHistory = []Deposit{again(r.PaidAt, r)}
		}
		r.DepositHistory = append(slices.Clip(r.DepositHistory), again(now, r)) // readers hold the shorter one
		return nil
	})
	if err == nil {
		s.notify(r)
	}
}
