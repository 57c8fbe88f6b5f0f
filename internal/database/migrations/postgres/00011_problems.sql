-- What operators look at stands on the payment's own row, orders can be closed, failures say why.
-- +goose Up

-- What is to be done about a payment's problem. OPEN: an operator has to look at it. DECIDED: an operator did, as it is now.
-- FOREIGN: it is no business of this server (another shop's order, the other mode), so it is counted and waits for nobody.
ALTER TABLE payments ADD COLUMN problem_state text NOT NULL DEFAULT ''
    CONSTRAINT payments_problem_state CHECK (problem_state IN ('', 'OPEN', 'DECIDED', 'FOREIGN'));
-- The payment's deposits when an operator gave points for it by hand; null if none did.
ALTER TABLE payments ADD COLUMN accepted_deposit_count integer;
-- When the gateway's answer differed from the row for the last time. synced_at is when it was asked, to the minute.
ALTER TABLE payments ADD COLUMN changed_at timestamptz;
-- Why the attempt failed, in the provider's words.
ALTER TABLE payments ADD COLUMN fail_reason text NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN failed_at timestamptz;

UPDATE payments AS p SET accepted_deposit_count = r.deposit_count, problem = CASE WHEN p.cancelled_amount > 0 THEN 'ACCEPTED_CANCELLED'
        WHEN p.deposit_count > r.deposit_count THEN 'DEPOSIT' ELSE 'ACCEPTED' END
    FROM resolutions r WHERE r.imp_uid = p.imp_uid AND r.transaction_id IS NOT NULL;
UPDATE payments AS p SET problem_state = CASE
        WHEN problem = 'ACCEPTED' OR EXISTS (SELECT 1 FROM resolutions r WHERE r.imp_uid = p.imp_uid AND r.action <> 'REFUND'
            AND r.problem = p.problem AND r.cancelled_amount = p.cancelled_amount AND r.deposit_count = p.deposit_count) THEN 'DECIDED'
        WHEN problem = 'UNKNOWN_ORDER' OR (problem = 'SANDBOX' AND NOT EXISTS
            (SELECT 1 FROM charge_orders o WHERE o.imp_uid = p.imp_uid)) THEN 'FOREIGN'
        ELSE 'OPEN' END
    WHERE problem <> '';
DROP INDEX payments_problems;
CREATE INDEX payments_open ON payments (imp_uid) WHERE problem_state = 'OPEN';
CREATE INDEX payments_by_problem ON payments (problem_state, problem, imp_uid) WHERE problem_state <> '';

-- How many payments have which problem, in parts, so that two payments seldom wait for each other. Every scrape reads it.
CREATE TABLE payment_problem_counts (
    problem_state text    NOT NULL,
    problem       text    NOT NULL,
    shard         integer NOT NULL,
    payments      bigint  NOT NULL,
    PRIMARY KEY (problem_state, problem, shard)
);
INSERT INTO payment_problem_counts SELECT problem_state, problem, ascii(right(imp_uid, 1)) % 16, COUNT(*)
    FROM payments WHERE problem_state <> '' GROUP BY 1, 2, 3;
-- +goose StatementBegin
CREATE FUNCTION count_payment_problems() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE payment_problem_counts SET payments = payments - 1 WHERE problem_state = OLD.problem_state
            AND problem = OLD.problem AND shard = ascii(right(OLD.imp_uid, 1)) % 16;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.problem_state <> '' THEN
        INSERT INTO payment_problem_counts AS c VALUES (NEW.problem_state, NEW.problem, ascii(right(NEW.imp_uid, 1)) % 16, 1)
            ON CONFLICT (problem_state, problem, shard) DO UPDATE SET payments = c.payments + 1;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_count_inserted AFTER INSERT ON payments
    FOR EACH ROW WHEN (NEW.problem_state <> '') EXECUTE FUNCTION count_payment_problems();
CREATE TRIGGER payments_count_updated AFTER UPDATE ON payments
    FOR EACH ROW WHEN (OLD.problem_state <> NEW.problem_state OR OLD.problem <> NEW.problem) EXECUTE FUNCTION count_payment_problems();
CREATE TRIGGER payments_count_deleted AFTER DELETE ON payments
    FOR EACH ROW WHEN (OLD.problem_state <> '') EXECUTE FUNCTION count_payment_problems();

-- Why a decision was made without the gateway's word; empty when it was asked first.
ALTER TABLE resolutions ADD COLUMN note text NOT NULL DEFAULT '';

-- An operator closed the open orders of a product, because they should never have been offered.
CREATE TABLE order_closings (
    id         text PRIMARY KEY,
    product_id text NOT NULL REFERENCES charge_products (id),
    reason     text NOT NULL CHECK (reason <> ''),
    actor_kind text NOT NULL CHECK (actor_kind <> ''),
    actor_id   text NOT NULL CHECK (actor_id <> ''),
    created_at timestamptz NOT NULL
);
CREATE TRIGGER order_closings_append_only BEFORE UPDATE OR DELETE ON order_closings
    FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE charge_orders ADD COLUMN closing_id text REFERENCES order_closings (id);
CREATE INDEX charge_orders_open_by_product ON charge_orders (product_id, merchant_uid) WHERE imp_uid IS NULL AND closing_id IS NULL;
-- The latest failed attempt to pay it, in the provider's words.
ALTER TABLE charge_orders ADD COLUMN fail_reason text NOT NULL DEFAULT '';
ALTER TABLE charge_orders ADD COLUMN failed_at timestamptz;
-- A user's orders that wait for their payment.
CREATE INDEX charge_orders_open_by_user ON charge_orders (user_id) WHERE status IN ('PENDING', 'WAITING_DEPOSIT');
