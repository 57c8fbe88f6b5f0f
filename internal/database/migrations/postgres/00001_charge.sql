-- What a charge needs. Amounts are whole points or won (bigint), times are UTC.
-- No sequences, no savepoints, user_id in every ledger key: so it runs on distributed engines, too.
-- +goose Up

-- Sandbox money must never meet real customers: a database serves one mode for life.
CREATE TABLE database_mode (
    id   integer PRIMARY KEY CHECK (id = 1),
    mode text NOT NULL CHECK (mode IN ('sandbox', 'live'))
);

CREATE TABLE charge_products (
    id           text PRIMARY KEY,
    name         text    NOT NULL CHECK (length(name) BETWEEN 1 AND 40), -- Iamport's limit for an order's name
    price        bigint  NOT NULL CHECK (price > 0),
    points       bigint  NOT NULL CHECK (points > 0),
    bonus_points bigint  NOT NULL CHECK (bonus_points >= 0),
    active       boolean NOT NULL,
    position     integer NOT NULL
);

CREATE TABLE charge_orders (
    merchant_uid text PRIMARY KEY CHECK (length(merchant_uid) BETWEEN 1 AND 40), -- Iamport's limit
    user_id      text   NOT NULL CHECK (user_id <> ''),
    product_id   text   NOT NULL REFERENCES charge_products (id),
    -- What was offered when the order was opened. A later change of the product does not reach it.
    name         text   NOT NULL,
    price        bigint NOT NULL CHECK (price > 0),
    points       bigint NOT NULL CHECK (points > 0),
    bonus_points bigint NOT NULL CHECK (bonus_points >= 0),
    currency     text   NOT NULL CHECK (currency = 'KRW'), -- 1 point = 1 won
    pay_method   text   NOT NULL,
    status       text   NOT NULL CHECK (status IN
        ('PENDING', 'WAITING_DEPOSIT', 'PAID', 'PARTIALLY_CANCELLED', 'CANCELLED', 'EXPIRED')),
    imp_uid      text UNIQUE, -- one payment pays one order
    -- Which createPointTransaction took the line home. The id tells a repeated COMMIT from a second claim.
    claim_id     text,
    claimed_at   timestamptz,
    expires_at   timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    -- An order is paid by a payment, and only a paid order names one.
    CONSTRAINT charge_orders_paid_by CHECK
        ((imp_uid IS NOT NULL) = (status IN ('PAID', 'PARTIALLY_CANCELLED', 'CANCELLED'))),
    CONSTRAINT charge_orders_claim CHECK ((claim_id IS NULL) = (claimed_at IS NULL))
);
CREATE INDEX charge_orders_by_user ON charge_orders (user_id, created_at DESC, merchant_uid DESC);

CREATE TABLE payments (
    imp_uid          text PRIMARY KEY,
    merchant_uid     text   NOT NULL, -- no foreign key: payments for unknown orders are kept, too
    user_id          text   NOT NULL,
    status           text   NOT NULL CHECK (status IN ('ready', 'paid', 'cancelled', 'failed')),
    amount           bigint NOT NULL CHECK (amount >= 0), -- minor unit of the currency
    cancelled_amount bigint NOT NULL,
    currency         text   NOT NULL,
    pay_method       text   NOT NULL,
    pg_provider      text   NOT NULL,
    pg_tid           text   NOT NULL,
    vbank_name       text   NOT NULL,
    vbank_num        text   NOT NULL,
    vbank_holder     text   NOT NULL,
    vbank_date       timestamptz,
    sandbox          boolean NOT NULL,
    receipt_url      text   NOT NULL,
    paid_at          timestamptz,
    problem          text   NOT NULL, -- why a paid payment gave no points; empty when there is none
    raw              text   NOT NULL,
    synced_at        timestamptz NOT NULL,
    CONSTRAINT payments_cancelled_amount CHECK (cancelled_amount BETWEEN 0 AND amount)
);
CREATE INDEX payments_by_order ON payments (merchant_uid);

CREATE TABLE wallets (
    user_id text PRIMARY KEY,
    balance bigint NOT NULL, -- the sum of the lines; negative is debt
    seq     bigint NOT NULL CHECK (seq >= 0) -- of the newest line
);

CREATE TABLE point_transactions (
    id              text PRIMARY KEY,
    user_id         text   NOT NULL REFERENCES wallets (user_id),
    seq             bigint NOT NULL CHECK (seq > 0),
    kind            text   NOT NULL,
    amount          bigint NOT NULL,
    balance_after   bigint NOT NULL,
    imp_uid         text REFERENCES payments (imp_uid),
    cancellation_id text,
    reference       text, -- what the line is for: the order's merchant_uid, or the caller's own word
    reverses_id     text REFERENCES point_transactions (id),
    description     text   NOT NULL,
    created_at      timestamptz NOT NULL,
    UNIQUE (user_id, seq),
    -- One line of a kind per order or caller's reference: a repeated request cannot book twice.
    UNIQUE (user_id, kind, reference),
    CONSTRAINT point_transactions_sign CHECK (
        (kind IN ('CHARGE', 'BONUS', 'SPEND_CANCEL') AND amount > 0) OR
        (kind IN ('SPEND', 'CHARGE_CANCEL', 'EXPIRE') AND amount < 0) OR
        (kind = 'ADJUST' AND amount <> 0)),
    -- Only a clawback may leave a debt; a credit may still stand below zero while it repays one.
    CONSTRAINT point_transactions_no_overdraft CHECK
        (amount > 0 OR kind = 'CHARGE_CANCEL' OR balance_after >= 0),
    CONSTRAINT point_transactions_charge_has_payment CHECK
        (kind NOT IN ('CHARGE', 'BONUS') OR (imp_uid IS NOT NULL AND reference IS NOT NULL))
);
-- The guarantee of this server: a payment is credited at most once, whatever the code does.
CREATE UNIQUE INDEX point_transactions_one_charge ON point_transactions (imp_uid) WHERE kind = 'CHARGE';
CREATE UNIQUE INDEX point_transactions_one_bonus ON point_transactions (imp_uid) WHERE kind = 'BONUS';

CREATE TABLE point_lots (
    id             text PRIMARY KEY,
    user_id        text   NOT NULL,
    transaction_id text   NOT NULL REFERENCES point_transactions (id),
    kind           text   NOT NULL CHECK (kind IN ('PAID', 'BONUS')),
    initial        bigint NOT NULL CHECK (initial > 0),
    remaining      bigint NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT point_lots_remaining CHECK (remaining BETWEEN 0 AND initial)
);
CREATE INDEX point_lots_by_user ON point_lots (user_id, expires_at);
CREATE INDEX point_lots_by_transaction ON point_lots (transaction_id);

-- The ledger is append-only: a mistake is mended by a new line, never by changing an old one.
-- +goose StatementBegin
CREATE FUNCTION point_transactions_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'point_transactions is append-only';
END $$;
-- +goose StatementEnd
CREATE TRIGGER point_transactions_append_only BEFORE UPDATE OR DELETE ON point_transactions
    FOR EACH ROW EXECUTE FUNCTION point_transactions_append_only();
CREATE TRIGGER point_transactions_no_truncate BEFORE TRUNCATE ON point_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION point_transactions_append_only();
