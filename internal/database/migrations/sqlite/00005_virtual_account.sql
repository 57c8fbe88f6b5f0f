-- Virtual accounts that the server issues and revokes itself. ../postgres/00005_virtual_account.sql says the same.
-- +goose Up

-- Who is asking the gateway for the order's account, and until when nobody else may: each request makes another one.
-- A process that died in between leaves a time that passes.
ALTER TABLE charge_orders ADD COLUMN issuing_id text;
ALTER TABLE charge_orders ADD COLUMN issuing_until datetime
    CONSTRAINT charge_orders_issuing CHECK ((issuing_id IS NULL) = (issuing_until IS NULL));

-- When we revoked its account. What status Iamport gives such a payment is not documented, so its word is not enough.
ALTER TABLE payments ADD COLUMN revoked_at datetime;
-- How many deposits Iamport knows of. Of two answers that agree otherwise, the one with more of them is the newer one.
ALTER TABLE payments ADD COLUMN deposit_count integer NOT NULL DEFAULT 0 CHECK (deposit_count >= 0);
