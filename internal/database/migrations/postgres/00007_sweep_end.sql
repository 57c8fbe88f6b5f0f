-- The sweep gives an order up after it has looked, and not for good if its clock was ahead.
-- +goose Up

-- When the sweep looked at an unpaid order for the last time; check_at is null then. A time that has not come yet is by a
-- clock that was ahead: the order is due again.
ALTER TABLE charge_orders ADD COLUMN given_up_at timestamptz;
CREATE INDEX charge_orders_given_up ON charge_orders (given_up_at) WHERE imp_uid IS NULL AND given_up_at IS NOT NULL;
