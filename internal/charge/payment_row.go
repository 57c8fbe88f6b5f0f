package charge

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

const (
	// lookInterval is the shortest time between two writes about an unchanged payment.
	lookInterval = time.Minute
	// maxKeptAttempts is how many attempts to pay one order are kept, besides attempts with money.
	maxKeptAttempts = 100
)

// isNewerThan tells whether the answer is no older than the row: cancellations only ever grow, at
// the same cancelled amount a status only ever rises, and at the same status there are only ever
// more deposits.
func (p Payment) isNewerThan(stored Payment) bool {
	return cmp.Or(cmp.Compare(p.CancelledAmount, stored.CancelledAmount), cmp.Compare(p.progress(), stored.progress()),
		cmp.Compare(p.DepositCount, stored.DepositCount)) >= 0
}

// progress ranks the statuses. failed is not the end: the payment may still become paid (F29), and
// so may an account cancelled before the deposit.
func (p Payment) progress() int {
	switch {
	case p.Status == Ready:
		return 0
	case p.Status == Paid:
		return 2
	case p.Status == Failed || p.CancelledAmount == 0:
		return 1
	}
	return 3
}

// mergePayment writes the gateway's answer into the payment's row, unless the row is newer or says
// the same, and returns the row. The caller holds the lock of the order, if there is one; the
// payment's own row is locked here.
func (r applyRules) mergePayment(tx *gorm.DB, order Order, answer Payment) (Payment, error) {
	answer.UserID, answer.SyncedAt, answer.ChangedAt, answer.DepositCount = order.UserID, r.now, &r.now, len(answer.Deposits)
	answer.Problem = r.validate(order, answer)
	answer.ProblemState = order.stateOf(answer)
	if full, err := hasTooManyAttempts(tx, answer); full || err != nil {
		return answer, err
	}
	inserted := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&answer)
	if inserted.Error != nil {
		return Payment{}, fmt.Errorf("write payment: %w", inserted.Error)
	}
	if inserted.RowsAffected == 1 {
		return answer, nil
	}
	var stored Payment
	lock := clause.Locking{Strength: clause.LockingStrengthUpdate}
	if err := tx.Clauses(lock).Where("imp_uid = ?", answer.ImpUID).Take(&stored).Error; err != nil {
		return Payment{}, fmt.Errorf("read payment: %w", err)
	}
	switch {
	case stored.MerchantUID == "": // an operator's word, before the gateway could be asked
	case stored.MerchantUID != answer.MerchantUID: // a payment is of one order for life
		return Payment{}, &apierror.Error{Code: apierror.GatewayUnavailable, Message: "The payment gateway gave a wrong answer.",
			Err: fmt.Errorf("%w: payment %s was of order %s and is of %s now", ErrUntrustworthy, answer.ImpUID,
				stored.MerchantUID, answer.MerchantUID)}
	}
	if !answer.isNewerThan(stored) {
		return stored, nil
	}
	return r.replacePayment(tx, order, stored, answer)
}

// replacePayment writes the answer over the locked row, and keeps this server's own columns.
func (r applyRules) replacePayment(tx *gorm.DB, order Order, stored, answer Payment) (Payment, error) {
	answer.RevokedAt, answer.AcceptedDepositCount = stored.RevokedAt, stored.AcceptedDepositCount
	answer.Problem = r.validate(order, answer)
	answer.ProblemState = stored.ProblemState
	if !answer.isSameQuestion(stored) {
		state, err := order.findState(tx, answer)
		if err != nil {
			return Payment{}, err
		}
		answer.ProblemState = state
	}
	if answer.isSameRow(stored) {
		answer.SyncedAt, answer.ChangedAt = stored.SyncedAt, stored.ChangedAt
		return answer, answer.recordLook(tx, r.now)
	}
	err := tx.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "imp_uid"}},
		DoUpdates: clause.AssignmentColumns([]string{"merchant_uid", "user_id", "status", "amount", "cancelled_amount", "currency",
			"pay_method", "pg_provider", "pg_tid", "vbank_name", "vbank_num", "vbank_holder", "vbank_date",
			"sandbox", "receipt_url", "paid_at", "deposit_count", "problem", "problem_state", "fail_reason", "failed_at",
			"raw", "synced_at", "changed_at"}),
	}).Create(&answer).Error
	if err != nil {
		return Payment{}, fmt.Errorf("write payment: %w", err)
	}
	return answer, nil
}

// lacksState tells whether the problem and its state contradict each other: an older server,
// running beside this one, writes problems and knows no states.
func (p Payment) lacksState() bool {
	return (p.Problem == NoProblem) != (p.ProblemState == NoState)
}

// isSameQuestion tells whether a decision about the stored row is one about p, too.
func (p Payment) isSameQuestion(stored Payment) bool {
	return !stored.lacksState() && p.Problem == stored.Problem && p.CancelledAmount == stored.CancelledAmount && p.DepositCount == stored.DepositCount
}

// isSameRow tells whether two answers about a payment are equal, except for their times.
func (p Payment) isSameRow(stored Payment) bool {
	return reflect.DeepEqual(p.comparable(), stored.comparable())
}

// comparable returns the payment's columns, as both databases would return them.
func (p Payment) comparable() Payment {
	p.SyncedAt, p.ChangedAt = time.Time{}, nil
	p.Cancellations, p.Deposits = nil, nil
	p.BillingKey, p.KeyUsage, p.Discount, p.Escrow = "", "", 0, false
	for _, at := range []**time.Time{&p.PaidAt, &p.FailedAt, &p.RevokedAt, &p.VirtualAccount.DepositBy} {
		if *at != nil {
			rounded := (*at).UTC().Truncate(time.Microsecond)
			*at = &rounded
		}
	}
	return p
}

// recordLook writes when the gateway was asked about an unchanged payment. The first write shows
// other processes that the gateway knows the payment (see FlagMissing). Later writes, at most once
// a minute, give SyncRefunds its order.
func (p *Payment) recordLook(tx *gorm.DB, now time.Time) error {
	if !p.isLookDue(now) {
		return nil
	}
	p.SyncedAt = now
	err := tx.Exec("UPDATE payments SET synced_at = ? WHERE imp_uid = ? AND synced_at < ?", now, p.ImpUID, now).Error
	if err != nil {
		return fmt.Errorf("write look: %w", err)
	}
	return nil
}

func (p Payment) isLookDue(now time.Time) bool {
	first := p.ChangedAt != nil && p.SyncedAt.Equal(*p.ChangedAt) && now.After(p.SyncedAt)
	return first || now.Sub(p.SyncedAt) >= lookInterval
}

// writtenPayment is a payment's row, with the other facts that decide whether an answer may change
// the books.
type writtenPayment struct {
	Payment `gorm:"embedded"`

	Credited  bool // the payment paid its order
	Refunding bool // a refund is under way, and time may end the refund
}

// readWritten reads the rows of payments, by imp_uid, in one statement, so all facts are of one
// moment.
func (s *Service) readWritten(ctx context.Context, payments []Payment) (map[string]writtenPayment, error) {
	written := make(map[string]writtenPayment, len(payments))
	if len(payments) == 0 {
		return written, nil
	}
	impUIDs := make([]string, len(payments))
	for i, p := range payments {
		impUIDs[i] = p.ImpUID
	}
	var rows []writtenPayment
	err := s.db.WithContext(ctx).Raw(`SELECT p.*, COALESCE(o.imp_uid = p.imp_uid, FALSE) AS credited,
			EXISTS (SELECT 1 FROM refunds r WHERE r.imp_uid = p.imp_uid AND r.status IN ('HELD', 'ACCEPTED')) AS refunding
		FROM payments p LEFT JOIN charge_orders o ON o.merchant_uid = p.merchant_uid WHERE p.imp_uid IN ?`, impUIDs).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	for _, row := range rows {
		written[row.ImpUID] = row
	}
	return written, nil
}

// isSettled tells whether the answer changes nothing: the answer equals the row, and neither time
// nor a setting nor another caller can lead to another result.
func (w writtenPayment) isSettled(answer Payment) bool {
	answer.UserID, answer.Problem, answer.ProblemState, answer.DepositCount = w.UserID, w.Problem, w.ProblemState, len(answer.Deposits)
	answer.RevokedAt, answer.AcceptedDepositCount = w.RevokedAt, w.AcceptedDepositCount
	if answer.Raw == "" || w.Refunding || w.lacksState() || !answer.isSameRow(w.Payment) {
		return false
	}
	switch w.Problem {
	case NotAtGateway, AnotherUser, Discounted, Late, UnreadableAnswer:
		return false
	case NoProblem:
		if answer.depositsAreWrong() { // a worse problem hid it, which an operator's booking ended
			return false
		}
		unpaid := !answer.HoldsMoney() && answer.Amount > 0 && answer.VirtualAccount.Number == ""
		return w.Credited || unpaid
	}
	return true
}

// stateOf returns the state of the payment's problem before any decision.
func (o Order) stateOf(p Payment) ProblemState {
	switch {
	case p.Problem == NoProblem:
		return NoState
	case p.Problem == Accepted:
		return Decided
	case p.Problem == UnknownOrder, p.Problem == WrongMode && !o.isPaidBy(p):
		return Foreign
	}
	return Open
}

// findState returns the state of the payment's problem, which may be one that was decided before.
func (o Order) findState(tx *gorm.DB, p Payment) (ProblemState, error) {
	decided, err := wasDecided(tx, p)
	if decided || err != nil {
		return Decided, err
	}
	return o.stateOf(p), nil
}

// setProblem writes the payment's problem and its state. The caller holds the lock of the
// payment's row or order.
func (p *Payment) setProblem(tx *gorm.DB, problem Problem, state ProblemState, now time.Time) error {
	p.Problem, p.ProblemState, p.ChangedAt = problem, state, &now
	return database.ExactlyOne(tx.Exec("UPDATE payments SET problem = ?, problem_state = ?, changed_at = ? WHERE imp_uid = ?",
		problem, state, now, p.ImpUID))
}

// wasDecided tells whether an operator accepted or ignored the payment's problem as it is now.
func wasDecided(tx *gorm.DB, p Payment) (bool, error) {
	if p.Problem == NoProblem {
		return false, nil
	}
	var n int64
	err := tx.Table("resolutions").Where("imp_uid = ? AND action <> ? AND problem = ? AND cancelled_amount = ? AND deposit_count = ?",
		p.ImpUID, RefundIt, p.Problem, p.CancelledAmount, p.DepositCount).Limit(1).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("read decisions: %w", err)
	}
	return n > 0, nil
}

// hasTooManyAttempts tells whether the payment is another attempt without money of an order with
// many: a stranger can make any number of attempts, and pays nothing.
func hasTooManyAttempts(tx *gorm.DB, p Payment) (bool, error) {
	if p.VirtualAccount.Number != "" || (p.wasPaid() && p.ProblemState != Foreign) {
		return false, nil
	}
	var kept struct {
		Attempts int
		Known    int
	}
	err := tx.Raw(`SELECT COUNT(*) AS attempts, COALESCE(SUM(CASE WHEN imp_uid = ? THEN 1 ELSE 0 END), 0) AS known
		FROM (SELECT imp_uid FROM payments WHERE merchant_uid = ? LIMIT ?) kept`, p.ImpUID, p.MerchantUID, 2*maxKeptAttempts).
		Scan(&kept).Error
	if err != nil {
		return false, fmt.Errorf("count attempts: %w", err)
	}
	return kept.Attempts >= maxKeptAttempts && kept.Known == 0, nil
}
