-- The ledger grows up: references belong to the caller, mistakes can be undone as what they were, and no statement
-- reads a whole wallet.
-- +goose Up

-- The calling service's sub, empty for every other actor: two services may use the same reference. Lines that are older
-- than this rule have none and no actor_kind; their references count for every service.
ALTER TABLE point_transactions ADD COLUMN service text NOT NULL DEFAULT '';
ALTER TABLE point_transactions DROP CONSTRAINT point_transactions_user_id_kind_reference_key;
-- One line of a kind per order or caller's reference: a repeated request cannot book twice.
CREATE UNIQUE INDEX point_transactions_one_reference ON point_transactions (user_id, kind, reference, service);

-- EXPIRE_CANCEL and ADJUST_CANCEL undo a line as what it was; CLAWBACK is recorded by an operator.
ALTER TABLE point_transactions DROP CONSTRAINT point_transactions_sign;
ALTER TABLE point_transactions ADD CONSTRAINT point_transactions_sign CHECK (
    (kind IN ('CHARGE', 'BONUS', 'SPEND_CANCEL', 'EXPIRE_CANCEL') AND amount > 0) OR
    (kind IN ('SPEND', 'CHARGE_CANCEL', 'CLAWBACK', 'EXPIRE') AND amount < 0) OR
    (kind IN ('ADJUST', 'ADJUST_CANCEL') AND amount <> 0));
-- Only what takes points back may leave a debt; a credit may still stand below zero while it repays one.
ALTER TABLE point_transactions DROP CONSTRAINT point_transactions_no_overdraft;
ALTER TABLE point_transactions ADD CONSTRAINT point_transactions_no_overdraft CHECK
    (amount > 0 OR kind IN ('CHARGE_CANCEL', 'CLAWBACK', 'ADJUST_CANCEL') OR balance_after >= 0);
ALTER TABLE point_transactions DROP CONSTRAINT point_transactions_adjusted_by;
ALTER TABLE point_transactions ADD CONSTRAINT point_transactions_adjusted_by CHECK
    (kind NOT IN ('ADJUST', 'ADJUST_CANCEL', 'CLAWBACK', 'EXPIRE_CANCEL') OR actor_id IS NOT NULL);
ALTER TABLE point_transactions ADD CONSTRAINT point_transactions_undoes CHECK
    (kind NOT IN ('ADJUST_CANCEL', 'EXPIRE_CANCEL') OR reverses_id IS NOT NULL);
-- A line is undone once.
CREATE UNIQUE INDEX point_transactions_one_undo ON point_transactions (reverses_id)
    WHERE kind IN ('ADJUST_CANCEL', 'EXPIRE_CANCEL');
-- A page of one kind, however rare it is in a long history.
CREATE INDEX point_transactions_by_kind ON point_transactions (user_id, kind, seq);
-- What expired in a period, for an operator who undoes it.
CREATE INDEX point_transactions_expired ON point_transactions (created_at, id) WHERE kind = 'EXPIRE';

-- When the lot would have expired, had an operator not undone its expiry; null if nobody has.
ALTER TABLE point_lots ADD COLUMN first_expires_at timestamptz;
-- What can be spent, in the order of spending.
CREATE INDEX point_lots_spendable ON point_lots (user_id, expires_at, kind, id) WHERE remaining > 0;
-- What may still expire; the job asks for it across all users. What is held waits, and questions about one user, which
-- do not say that nothing is held, must not walk this index.
DROP INDEX point_lots_due;
CREATE INDEX point_lots_due ON point_lots (expires_at) WHERE remaining > 0 AND held = 0;
-- What refunds hold; few lots at any time.
CREATE INDEX point_lots_held ON point_lots (user_id, expires_at) WHERE held > 0;
-- All lots of a user, the newest first.
CREATE INDEX point_lots_of_user ON point_lots (user_id, id);
DROP INDEX point_lots_by_user;

-- The uses of a lot, in the order of their lines.
CREATE INDEX lot_uses_of_lot ON lot_uses (lot_id, transaction_id, reason);
DROP INDEX lot_uses_by_lot;
