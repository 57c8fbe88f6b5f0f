-- Refunds that always end, and give back the share of each kind of points. ../postgres/00012_refunds.sql says the same.
-- +goose Up

-- What the gateway said when it refused, for operators; empty otherwise.
ALTER TABLE refunds ADD COLUMN refusal text NOT NULL DEFAULT '';
-- The request surely never reached the gateway: the same reference may begin again.
ALTER TABLE refunds ADD COLUMN never_sent boolean NOT NULL DEFAULT false
    CONSTRAINT refunds_never_sent CHECK (NOT never_sent OR status = 'RELEASED');

-- What operators decided about refunds that did not end by themselves, and why.
CREATE TABLE refund_decisions (
    id         text PRIMARY KEY,
    refund_id  text   NOT NULL REFERENCES refunds (id),
    outcome    text   NOT NULL CHECK (outcome IN ('RELEASE', 'BOOK')),
    amount     integer NOT NULL, -- booked as cancelled, in the payment's currency and unit
    reason     text   NOT NULL CHECK (reason <> ''),
    actor_kind text   NOT NULL CHECK (actor_kind <> ''),
    actor_id   text   NOT NULL CHECK (actor_id <> ''),
    created_at datetime NOT NULL,
    CONSTRAINT refund_decisions_amount CHECK ((outcome = 'BOOK') = (amount > 0) AND amount >= 0)
);
CREATE INDEX refund_decisions_by_refund ON refund_decisions (refund_id);
-- +goose StatementBegin
CREATE TRIGGER refund_decisions_no_update BEFORE UPDATE ON refund_decisions
BEGIN
    SELECT RAISE(ABORT, 'refund_decisions is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER refund_decisions_no_delete BEFORE DELETE ON refund_decisions
BEGIN
    SELECT RAISE(ABORT, 'refund_decisions is append-only');
END;
-- +goose StatementEnd

-- The decision that booked it, before the gateway said so; null for what the gateway said.
ALTER TABLE payment_cancellations ADD COLUMN decision_id text REFERENCES refund_decisions (id);
-- How much of that the gateway has said since, in cancellations of its own.
ALTER TABLE payment_cancellations ADD COLUMN confirmed_amount integer NOT NULL DEFAULT 0
    CONSTRAINT payment_cancellations_confirmed
    CHECK (confirmed_amount BETWEEN 0 AND amount AND (confirmed_amount = 0 OR decision_id IS NOT NULL));
-- The points of each kind that it takes back, and how many of those had expired before: these are not taken again.
ALTER TABLE payment_cancellations ADD COLUMN points integer NOT NULL DEFAULT 0;
ALTER TABLE payment_cancellations ADD COLUMN bonus_points integer NOT NULL DEFAULT 0;
ALTER TABLE payment_cancellations ADD COLUMN expired_points integer NOT NULL DEFAULT 0 CHECK (expired_points >= 0);
ALTER TABLE payment_cancellations ADD COLUMN expired_bonus_points integer NOT NULL DEFAULT 0
    CONSTRAINT payment_cancellations_expired CHECK (expired_bonus_points >= 0
        AND expired_points + expired_bonus_points <= points + bonus_points);
-- Booked when parts of a point were rounded down. The next cancellation of the payment makes up for it.
ALTER TABLE payment_cancellations ADD COLUMN rounded_down boolean NOT NULL DEFAULT false;
UPDATE payment_cancellations SET rounded_down = true,
    points = COALESCE((SELECT o.points * s.upto / o.price - o.points * (s.upto - s.amount) / o.price
        FROM charge_orders o JOIN (SELECT imp_uid, cancellation_id, amount, CAST(SUM(amount) OVER
            (PARTITION BY imp_uid ORDER BY cancelled_at, cancellation_id) AS integer) AS upto
            FROM payment_cancellations) s ON s.imp_uid = o.imp_uid
        WHERE s.imp_uid = payment_cancellations.imp_uid AND s.cancellation_id = payment_cancellations.cancellation_id), 0),
    bonus_points = COALESCE((SELECT o.bonus_points * s.upto / o.price - o.bonus_points * (s.upto - s.amount) / o.price
        FROM charge_orders o JOIN (SELECT imp_uid, cancellation_id, amount, CAST(SUM(amount) OVER
            (PARTITION BY imp_uid ORDER BY cancelled_at, cancellation_id) AS integer) AS upto
            FROM payment_cancellations) s ON s.imp_uid = o.imp_uid
        WHERE s.imp_uid = payment_cancellations.imp_uid AND s.cancellation_id = payment_cancellations.cancellation_id), 0);
