-- Who made each change. ../postgres/00009_actor.sql says the same.
-- +goose Up

-- operator was the name of an admin only; the id of any actor stands there now. Older lines have no kind.
ALTER TABLE point_transactions RENAME COLUMN operator TO actor_id;
ALTER TABLE point_transactions ADD COLUMN actor_kind text;
ALTER TABLE refunds RENAME COLUMN requested_by TO actor_id;
ALTER TABLE refunds ADD COLUMN actor_kind text;
ALTER TABLE resolutions RENAME COLUMN operator TO actor_id;
ALTER TABLE resolutions ADD COLUMN actor_kind text;
