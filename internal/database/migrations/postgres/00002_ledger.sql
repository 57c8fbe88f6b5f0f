-- The ledger's whole life: spending, refunds, clawbacks, expiry.
-- +goose Up

-- Which line took from which lot, so that every point can be followed from the charge to its end.
-- initial - SUM(amount) = remaining, for every lot.
CREATE TABLE lot_uses (
    transaction_id text   NOT NULL REFERENCES point_transactions (id),
    lot_id         text   NOT NULL REFERENCES point_lots (id),
    -- USE: the line took points. RETURN: a cancelled spend gave them back. DEBT: a credit repaid a debt from
    -- the lot it made or gave back to.
    reason         text   NOT NULL CHECK (reason IN ('USE', 'RETURN', 'DEBT')),
    amount         bigint NOT NULL,
    PRIMARY KEY (transaction_id, lot_id, reason),
    CONSTRAINT lot_uses_sign CHECK ((reason = 'RETURN' AND amount < 0) OR (reason <> 'RETURN' AND amount > 0))
);
CREATE INDEX lot_uses_by_lot ON lot_uses (lot_id);
-- +goose StatementBegin
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
-- +goose StatementEnd
CREATE TRIGGER lot_uses_append_only BEFORE UPDATE OR DELETE ON lot_uses
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER lot_uses_no_truncate BEFORE TRUNCATE ON lot_uses
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- Points of a refund under way are still the user's, but cannot be spent.
ALTER TABLE point_lots ADD COLUMN held bigint NOT NULL DEFAULT 0 CHECK (held BETWEEN 0 AND remaining);
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
    amount          bigint NOT NULL CHECK (amount > 0), -- won
    reason          text   NOT NULL,
    cancelled_at    timestamptz NOT NULL,
    PRIMARY KEY (imp_uid, cancellation_id)
);

CREATE TABLE refunds (
    id               text PRIMARY KEY,
    imp_uid          text   NOT NULL REFERENCES payments (imp_uid),
    user_id          text   NOT NULL,
    reference        text   NOT NULL, -- the caller's own id of it
    amount           bigint NOT NULL CHECK (amount > 0), -- won
    cancelled_before bigint NOT NULL CHECK (cancelled_before >= 0), -- won; with the price it makes the checksum
    reason           text   NOT NULL,
    requested_by     text   NOT NULL,
    status           text   NOT NULL CHECK (status IN ('HELD', 'ACCEPTED', 'DONE', 'RELEASED')),
    created_at       timestamptz NOT NULL,
    settled_at       timestamptz,
    UNIQUE (imp_uid, reference),
    CONSTRAINT refunds_settled CHECK ((status IN ('DONE', 'RELEASED')) = (settled_at IS NOT NULL))
);
-- One at a time: the checksum of a second one would be a guess.
CREATE UNIQUE INDEX refunds_one_open ON refunds (imp_uid) WHERE status IN ('HELD', 'ACCEPTED');
