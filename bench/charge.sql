-- A charge as the server writes it: the same statements in the same order. statements.go compares them with those that
-- the server sends, and the benchmark fails when they differ.
--
--   :order_…, :wallet_…  what the database answered within this transaction, as the server uses it
--   :table_column        what the server wrote into that column when one of its charges was watched
--   NULL and ''          stand where the server sends them as parameters, which pgbench cannot
--
-- Ids are numbers because pgbench has no other variables to calculate with. They are of 16 and 19 digits where the
-- server's have 16, 26 and 36 characters, which is a little easier for pgbench.
\set number :turn * :clients + :client_id
\set turn :turn + 1
-- Orders are found in random places, because the server's merchant_uid is random.
\set merchant_uid :first_order + permute(:number, :orders, 1)
\set imp_uid :first_payment + :number
\set id :first_order + :number
\set one 1

begin;

SELECT * FROM "charge_orders" WHERE merchant_uid = :merchant_uid LIMIT :one FOR UPDATE
\gset order_

INSERT INTO "payments" ("imp_uid", "merchant_uid", "user_id", "status", "amount", "cancelled_amount", "currency",
	"pay_method", "pg_provider", "pg_tid", "vbank_name", "vbank_num", "vbank_holder", "vbank_date",
	"sandbox", "receipt_url", "paid_at", "problem", "raw", "synced_at", "revoked_at", "fail_reason", "failed_at",
	"problem_state", "accepted_deposit_count", "changed_at", "deposit_count")
VALUES (:imp_uid, :merchant_uid, :order_user_id, :payments_status, :payments_amount, :payments_cancelled_amount, :payments_currency,
	:payments_pay_method, :payments_pg_provider, :payments_pg_tid, '', '', '', NULL,
	:payments_sandbox, :payments_receipt_url, :payments_paid_at, '', :payments_raw, :payments_synced_at, NULL, '', NULL,
	'', NULL, :payments_changed_at, :payments_deposit_count)
ON CONFLICT DO NOTHING;

INSERT INTO wallets (user_id, balance, seq) VALUES (:order_user_id, :order_points, 1)
ON CONFLICT (user_id) DO UPDATE SET balance = wallets.balance + excluded.balance, seq = wallets.seq + 1
RETURNING user_id, balance, seq
\gset wallet_

INSERT INTO "point_transactions" ("id", "user_id", "seq", "kind", "amount", "balance_after", "imp_uid",
	"cancellation_id", "reference", "reverses_id", "service", "actor_kind", "actor_id", "description", "created_at")
VALUES (:id, :order_user_id, :wallet_seq, :point_transactions_kind, :order_points, :wallet_balance, :imp_uid,
	NULL, :merchant_uid, NULL, '', :point_transactions_actor_kind, :order_user_id, :order_name, :point_transactions_created_at);

INSERT INTO "point_lots" ("id", "user_id", "transaction_id", "kind", "initial", "remaining", "held", "expires_at",
	"first_expires_at", "replaces_id")
VALUES (:id, :order_user_id, :id, :point_lots_kind, :order_points, :order_points, :point_lots_held, :point_lots_expires_at,
	:point_lots_first_expires_at, NULL);

UPDATE charge_orders SET status = :charge_orders_status, imp_uid = :imp_uid WHERE merchant_uid = :merchant_uid;

UPDATE charge_orders SET claim_id = :id, claimed_at = :charge_orders_claimed_at
WHERE merchant_uid = :merchant_uid AND claim_id IS NULL;

commit;
