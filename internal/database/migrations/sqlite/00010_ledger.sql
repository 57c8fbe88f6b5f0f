-- The ledger grows up. ../postgres/00010_ledger.sql says the same.
-- +goose Up

-- SQLite cannot change a table's constraints: the table is written anew. Dropping it leaves the rows that refer to it
-- without their line until the lines are back, which is allowed until the transaction ends.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE point_transactions_before AS SELECT * FROM point_transactions;
DROP TABLE point_transactions;
CREATE TABLE point_transactions (
    id              text PRIMARY KEY,
    user_id         text   NOT NULL REFERENCES wallets (user_id),
    seq             integer NOT NULL CHECK (seq > 0),
    kind            text   NOT NULL,
    amount          integer NOT NULL,
    balance_after   integer NOT NULL,
    imp_uid         text REFERENCES payments (imp_uid),
    cancellation_id text,
    reference       text, -- what the line is for: the order's merchant_uid, or the caller's own word
    reverses_id     text REFERENCES point_transactions (id),
    description     text   NOT NULL,
    created_at      datetime NOT NULL,
    actor_id        text
        CONSTRAINT point_transactions_adjusted_by CHECK
            (kind NOT IN ('ADJUST', 'ADJUST_CANCEL', 'CLAWBACK', 'EXPIRE_CANCEL') OR actor_id IS NOT NULL),
    actor_kind      text,
    -- The calling service's sub, empty for every other actor: two services may use the same reference. Lines that are
    -- older than this rule have none and no actor_kind; their references count for every service.
    service         text NOT NULL DEFAULT '',
    UNIQUE (user_id, seq),
    -- EXPIRE_CANCEL and ADJUST_CANCEL undo a line as what it was; CLAWBACK is recorded by an operator.
    CONSTRAINT point_transactions_sign CHECK (
        (kind IN ('CHARGE', 'BONUS', 'SPEND_CANCEL', 'EXPIRE_CANCEL') AND amount > 0) OR
        (kind IN ('SPEND', 'CHARGE_CANCEL', 'CLAWBACK', 'EXPIRE') AND amount < 0) OR
        (kind IN ('ADJUST', 'ADJUST_CANCEL') AND amount <> 0)),
    -- Only what takes points back may leave a debt; a credit may still stand below zero while it repays one.
    CONSTRAINT point_transactions_no_overdraft CHECK
        (amount > 0 OR kind IN ('CHARGE_CANCEL', 'CLAWBACK', 'ADJUST_CANCEL') OR balance_after >= 0),
    CONSTRAINT point_transactions_charge_has_payment CHECK
        (kind NOT IN ('CHARGE', 'BONUS') OR (imp_uid IS NOT NULL AND reference IS NOT NULL)),
    CONSTRAINT point_transactions_undoes CHECK
        (kind NOT IN ('ADJUST_CANCEL', 'EXPIRE_CANCEL') OR reverses_id IS NOT NULL)
);
INSERT INTO point_transactions (id, user_id, seq, kind, amount, balance_after, imp_uid, cancellation_id, reference,
        reverses_id, description, created_at, actor_id, actor_kind)
    SELECT id, user_id, seq, kind, amount, balance_after, imp_uid, cancellation_id, reference,
        reverses_id, description, created_at, actor_id, actor_kind FROM point_transactions_before;
DROP TABLE point_transactions_before;

-- One line of a kind per order or caller's reference: a repeated request cannot book twice.
CREATE UNIQUE INDEX point_transactions_one_reference ON point_transactions (user_id, kind, reference, service);
-- The guarantee of this server: a payment is credited at most once, whatever the code does.
CREATE UNIQUE INDEX point_transactions_one_charge ON point_transactions (imp_uid) WHERE kind = 'CHARGE';
CREATE UNIQUE INDEX point_transactions_one_bonus ON point_transactions (imp_uid) WHERE kind = 'BONUS';
CREATE INDEX point_transactions_reversals ON point_transactions (reverses_id) WHERE reverses_id IS NOT NULL;
-- A charge's lines, and what was taken back of it.
CREATE INDEX point_transactions_by_payment ON point_transactions (imp_uid) WHERE imp_uid IS NOT NULL;
-- A cancellation takes points back once.
CREATE UNIQUE INDEX point_transactions_one_clawback ON point_transactions (imp_uid, cancellation_id)
    WHERE kind = 'CHARGE_CANCEL';
-- A payment is credited by hand at most once.
CREATE UNIQUE INDEX point_transactions_one_acceptance ON point_transactions (imp_uid) WHERE kind = 'ADJUST';
-- A line is undone once.
CREATE UNIQUE INDEX point_transactions_one_undo ON point_transactions (reverses_id)
    WHERE kind IN ('ADJUST_CANCEL', 'EXPIRE_CANCEL');
-- A page of one kind, however rare it is in a long history.
CREATE INDEX point_transactions_by_kind ON point_transactions (user_id, kind, seq);
-- What expired in a period, for an operator who undoes it.
CREATE INDEX point_transactions_expired ON point_transactions (created_at, id) WHERE kind = 'EXPIRE';

-- The ledger is append-only: a mistake is mended by a new line, never by changing an old one.
-- +goose StatementBegin
CREATE TRIGGER point_transactions_no_update BEFORE UPDATE ON point_transactions
BEGIN
    SELECT RAISE(ABORT, 'point_transactions is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER point_transactions_no_delete BEFORE DELETE ON point_transactions
BEGIN
    SELECT RAISE(ABORT, 'point_transactions is append-only');
END;
-- +goose StatementEnd
-- INSERT OR REPLACE deletes the row in its way without asking the triggers above: what is there already is refused.
-- +goose StatementBegin
CREATE TRIGGER point_transactions_no_replace BEFORE INSERT ON point_transactions
WHEN EXISTS (SELECT 1 FROM point_transactions t WHERE t.id = NEW.id)
    OR EXISTS (SELECT 1 FROM point_transactions t WHERE t.user_id = NEW.user_id AND t.seq = NEW.seq)
    OR EXISTS (SELECT 1 FROM point_transactions t WHERE t.user_id = NEW.user_id AND t.kind = NEW.kind
        AND t.reference = NEW.reference AND t.service = NEW.service)
    OR EXISTS (SELECT 1 FROM point_transactions t
        WHERE t.imp_uid = NEW.imp_uid AND t.kind = 'CHARGE' AND NEW.kind = 'CHARGE')
    OR EXISTS (SELECT 1 FROM point_transactions t
        WHERE t.imp_uid = NEW.imp_uid AND t.kind = 'BONUS' AND NEW.kind = 'BONUS')
    OR EXISTS (SELECT 1 FROM point_transactions t
        WHERE t.imp_uid = NEW.imp_uid AND t.kind = 'ADJUST' AND NEW.kind = 'ADJUST')
    OR EXISTS (SELECT 1 FROM point_transactions t WHERE t.kind = 'CHARGE_CANCEL' AND NEW.kind = 'CHARGE_CANCEL'
        AND t.imp_uid = NEW.imp_uid AND t.cancellation_id = NEW.cancellation_id)
    OR EXISTS (SELECT 1 FROM point_transactions t WHERE t.reverses_id = NEW.reverses_id
        AND t.kind IN ('ADJUST_CANCEL', 'EXPIRE_CANCEL') AND NEW.kind IN ('ADJUST_CANCEL', 'EXPIRE_CANCEL'))
BEGIN
    SELECT RAISE(ABORT, 'point_transactions is append-only');
END;
-- +goose StatementEnd

-- When the lot would have expired, had an operator not undone its expiry; null if nobody has.
ALTER TABLE point_lots ADD COLUMN first_expires_at datetime;
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
