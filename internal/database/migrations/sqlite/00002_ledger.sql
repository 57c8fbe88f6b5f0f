-- The ledger's whole life: spending, refunds, clawbacks, expiry. ../postgres/00002_ledger.sql says the same.
-- +goose Up

-- Which line took from which lot, so that every point can be followed from the charge to its end.
-- initial - SUM(amount) = remaining, for every lot.
CREATE TABLE lot_uses (
    transaction_id text   NOT NULL REFERENCES point_transactions (id),
    lot_id         text   NOT NULL REFERENCES point_lots (id),
    -- USE: the line took points. RETURN: a cancelled spend gave them back. DEBT: a credit repaid a debt from
    -- the lot it made or gave back to.
    reason         text   NOT NULL CHECK (reason IN ('USE', 'RETURN', 'DEBT')),
    amount         integer NOT NULL,
    PRIMARY KEY (transaction_id, lot_id, reason),
    CONSTRAINT lot_uses_sign CHECK ((reason = 'RETURN' AND amount < 0) OR (reason <> 'RETURN' AND amount > 0))
);
CREATE INDEX lot_uses_by_lot ON lot_uses (lot_id);
-- +goose StatementBegin
CREATE TRIGGER lot_uses_no_update BEFORE UPDATE ON lot_uses
BEGIN
    SELECT RAISE(ABORT, 'lot_uses is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER lot_uses_no_delete BEFORE DELETE ON lot_uses
BEGIN
    SELECT RAISE(ABORT, 'lot_uses is append-only');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE deletes the row in its way without asking the triggers above, unless the connection has
-- switched recursive_triggers on. So what is there already is refused before.
-- +goose StatementBegin
CREATE TRIGGER lot_uses_no_replace BEFORE INSERT ON lot_uses
WHEN EXISTS (SELECT 1 FROM lot_uses u
    WHERE u.transaction_id = NEW.transaction_id AND u.lot_id = NEW.lot_id AND u.reason = NEW.reason)
BEGIN
    SELECT RAISE(ABORT, 'lot_uses is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER point_transactions_no_replace BEFORE INSERT ON point_transactions
WHEN EXISTS (SELECT 1 FROM point_transactions t WHERE t.id = NEW.id)
    OR EXISTS (SELECT 1 FROM point_transactions t WHERE t.user_id = NEW.user_id AND t.seq = NEW.seq)
    OR EXISTS (SELECT 1 FROM point_transactions t
        WHERE t.user_id = NEW.user_id AND t.kind = NEW.kind AND t.reference = NEW.reference)
    OR EXISTS (SELECT 1 FROM point_transactions t
        WHERE t.imp_uid = NEW.imp_uid AND t.kind = 'CHARGE' AND NEW.kind = 'CHARGE')
    OR EXISTS (SELECT 1 FROM point_transactions t
        WHERE t.imp_uid = NEW.imp_uid AND t.kind = 'BONUS' AND NEW.kind = 'BONUS')
    OR EXISTS (SELECT 1 FROM point_transactions t WHERE t.kind = 'CHARGE_CANCEL' AND NEW.kind = 'CHARGE_CANCEL'
        AND t.imp_uid = NEW.imp_uid AND t.cancellation_id = NEW.cancellation_id)
BEGIN
    SELECT RAISE(ABORT, 'point_transactions is append-only');
END;
-- +goose StatementEnd

-- Points of a refund under way are still the user's, but cannot be spent.
ALTER TABLE point_lots ADD COLUMN held integer NOT NULL DEFAULT 0 CHECK (held BETWEEN 0 AND remaining);
-- The expired lot in whose place this one stands: a cancelled spend must not give back dead points.
ALTER TABLE point_lots ADD COLUMN replaces_id text REFERENCES point_lots (id);
-- What may still expire; the job asks for it across all users.
CREATE INDEX point_lots_due ON point_lots (expires_at) WHERE remaining > 0;

-- Who wrote an adjustment.
ALTER TABLE point_transactions ADD COLUMN operator text
    CONSTRAINT point_transactions_adjusted_by CHECK (kind <> 'ADJUST' OR operator IS NOT NULL);
CREATE INDEX point_transactions_reversals ON point_transactions (reverses_id) WHERE reverses_id IS NOT NULL;
-- A charge's lines, and what was taken back of it.
CREATE INDEX point_transactions_by_payment ON point_transactions (imp_uid) WHERE imp_uid IS NOT NULL;
-- A cancellation takes points back once.
CREATE UNIQUE INDEX point_transactions_one_clawback ON point_transactions (imp_uid, cancellation_id)
    WHERE kind = 'CHARGE_CANCEL';

-- The cancellations of credited payments that are in the books. Small ones may be worth no whole point.
CREATE TABLE payment_cancellations (
    imp_uid         text   NOT NULL REFERENCES payments (imp_uid),
    cancellation_id text   NOT NULL,
    amount          integer NOT NULL CHECK (amount > 0), -- won
    reason          text   NOT NULL,
    cancelled_at    datetime NOT NULL,
    PRIMARY KEY (imp_uid, cancellation_id)
);

CREATE TABLE refunds (
    id               text PRIMARY KEY,
    imp_uid          text   NOT NULL REFERENCES payments (imp_uid),
    user_id          text   NOT NULL,
    reference        text   NOT NULL, -- the caller's own id of it
    amount           integer NOT NULL CHECK (amount > 0), -- won
    cancelled_before integer NOT NULL CHECK (cancelled_before >= 0), -- won; with the price it makes the checksum
    reason           text   NOT NULL,
    requested_by     text   NOT NULL,
    status           text   NOT NULL CHECK (status IN ('HELD', 'ACCEPTED', 'DONE', 'RELEASED')),
    created_at       datetime NOT NULL,
    settled_at       datetime,
    UNIQUE (imp_uid, reference),
    CONSTRAINT refunds_settled CHECK ((status IN ('DONE', 'RELEASED')) = (settled_at IS NOT NULL))
);
-- One at a time: the checksum of a second one would be a guess.
CREATE UNIQUE INDEX refunds_one_open ON refunds (imp_uid) WHERE status IN ('HELD', 'ACCEPTED');
