-- What runs said about one payment. ../postgres/00008_differences_by_payment.sql says the same.
-- +goose Up
CREATE INDEX reconciliation_differences_by_payment ON reconciliation_differences (imp_uid, reconciliation_id);
