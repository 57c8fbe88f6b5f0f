-- Nothing is lost: when the sweep looks at an order, when a job is due, and what operators decided.
-- +goose Up

-- When the sweep asks the gateway next about an order that nobody has paid yet; null: not any more. A server claims an
-- order by moving this on, on the condition that it still says what the server read.
ALTER TABLE charge_orders ADD COLUMN check_at timestamptz;
-- Orders older than that were given up long ago; what they may hold, a reconciliation finds.
UPDATE charge_orders SET check_at = created_at WHERE imp_uid IS NULL AND expires_at > now() - interval '90 days';
CREATE INDEX charge_orders_due ON charge_orders (check_at) WHERE imp_uid IS NULL AND check_at IS NOT NULL;
-- What stops waiting for its payment.
CREATE INDEX charge_orders_waiting ON charge_orders (expires_at) WHERE status IN ('PENDING', 'WAITING_DEPOSIT');
-- The payment that an operator gave points for by hand: it does not fit the order and must never be credited besides.
ALTER TABLE charge_orders ADD COLUMN accepted_imp_uid text;

-- What the operator has to look at. Rows without a problem are no part of the index.
CREATE INDEX payments_problems ON payments (imp_uid) WHERE problem <> '';

-- A job runs on one of many servers at a time: whoever moves due_at on runs it.
CREATE TABLE jobs (
    name         text PRIMARY KEY,
    created_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    started_at   timestamptz,
    succeeded_at timestamptz,
    failed_at    timestamptz,
    error        text NOT NULL -- of the last failure; empty before the first one
);

-- What operators decided about payments with a problem, and why.
CREATE TABLE resolutions (
    id               text PRIMARY KEY,
    imp_uid          text   NOT NULL REFERENCES payments (imp_uid),
    problem          text   NOT NULL,
    cancelled_amount bigint NOT NULL, -- of the payment at that moment: a later cancellation is a new question
    action           text   NOT NULL CHECK (action IN ('REFUND', 'ACCEPT', 'IGNORE')),
    reason           text   NOT NULL CHECK (reason <> ''),
    operator         text   NOT NULL CHECK (operator <> ''),
    transaction_id   text REFERENCES point_transactions (id), -- the ADJUST line of what was accepted
    created_at       timestamptz NOT NULL,
    CONSTRAINT resolutions_accepted_line CHECK (transaction_id IS NULL OR action = 'ACCEPT')
);
CREATE INDEX resolutions_by_payment ON resolutions (imp_uid);
CREATE TRIGGER resolutions_append_only BEFORE UPDATE OR DELETE ON resolutions
    FOR EACH ROW EXECUTE FUNCTION append_only();
-- A payment is credited by hand at most once.
CREATE UNIQUE INDEX point_transactions_one_acceptance ON point_transactions (imp_uid) WHERE kind = 'ADJUST';
