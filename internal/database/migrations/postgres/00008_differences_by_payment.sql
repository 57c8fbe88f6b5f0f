-- What runs said about one payment, the last one of them.
-- +goose Up
CREATE INDEX reconciliation_differences_by_payment ON reconciliation_differences (imp_uid, reconciliation_id);
