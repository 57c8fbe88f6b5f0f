-- Operators give money back as everybody else does. ../postgres/00006_operator_refund.sql says the same.
-- +goose Up

-- amount and cancelled_before are of the payment's currency: a payment that was never credited may be of any.
ALTER TABLE refunds RENAME COLUMN settled_at TO ended_at;

-- Of the payment at that moment: a later deposit is a new question.
ALTER TABLE resolutions ADD COLUMN deposit_count integer NOT NULL DEFAULT 0 CHECK (deposit_count >= 0);
-- What was accepted by hand, each payment once; what is cancelled or deposited after that is listed.
CREATE UNIQUE INDEX resolutions_accepted ON resolutions (imp_uid) WHERE transaction_id IS NOT NULL;
