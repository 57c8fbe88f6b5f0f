-- How the sweep gives orders up. ../postgres/00007_sweep_end.sql says the same.
-- +goose Up

-- When the sweep looked at an unpaid order for the last time; check_at is null then. A time that has not come yet is by a
-- clock that was ahead: the order is due again.
ALTER TABLE charge_orders ADD COLUMN given_up_at datetime;
CREATE INDEX charge_orders_given_up ON charge_orders (given_up_at) WHERE imp_uid IS NULL AND given_up_at IS NOT NULL;
