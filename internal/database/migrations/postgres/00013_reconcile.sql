-- Reconciliation keeps one current row for each payment that differs, instead of one for each run that met it.
-- +goose Up

-- Payments on the account that are for no order of ours, and payments of the other mode that name an order of ours: both
-- are counted, and nothing is kept of them.
ALTER TABLE reconciliations ADD COLUMN foreign_listed bigint NOT NULL DEFAULT 0 CHECK (foreign_listed >= 0);
ALTER TABLE reconciliations ADD COLUMN other_mode bigint NOT NULL DEFAULT 0 CHECK (other_mode >= 0);

CREATE TABLE discrepancies (
    id           text PRIMARY KEY,
    imp_uid      text   NOT NULL, -- no foreign key: it may be missing here; empty for all that are listed without a usable id
    merchant_uid text   NOT NULL,
    kind         text   NOT NULL CHECK (kind IN
        ('MISSING_HERE', 'MISSING_AT_GATEWAY', 'AMOUNT', 'CANCELLED_AMOUNT', 'OWNER', 'SANDBOX', 'UNREADABLE')),
    ours         text   NOT NULL, -- what our books say; empty if nothing
    theirs       text   NOT NULL, -- what Iamport says; empty if nothing
    state        text   NOT NULL CHECK (state IN ('OPEN', 'REPAIRED', 'IGNORED')),
    has_problem  boolean NOT NULL, -- the payment is on the list of problems, where operators decide
    last_run_id  text   NOT NULL, -- no foreign key: old runs are deleted
    first_seen   timestamptz NOT NULL,
    last_seen    timestamptz NOT NULL, -- when a run last wrote this row
    checks       bigint NOT NULL CHECK (checks > 0), -- look-ups since it differs in this way
    check_at     timestamptz, -- when it is looked up again; NULL if look-ups cannot help
    closed_at    timestamptz, -- when it was repaired or ignored
    CONSTRAINT discrepancies_closed CHECK ((state = 'OPEN') = (closed_at IS NULL))
);
-- A payment has one current discrepancy. Those that were repaired are history.
CREATE UNIQUE INDEX discrepancies_current ON discrepancies (imp_uid) WHERE state <> 'REPAIRED';
-- What is looked up again, and what a clock that was ahead has written.
CREATE INDEX discrepancies_due ON discrepancies (check_at) WHERE state = 'OPEN';
CREATE INDEX discrepancies_last_seen ON discrepancies (last_seen) WHERE state = 'OPEN';
-- The operator's list, its count and its oldest entry.
CREATE INDEX discrepancies_open ON discrepancies (id) WHERE state = 'OPEN' AND NOT has_problem;
CREATE INDEX discrepancies_by_run ON discrepancies (last_run_id, id);
CREATE INDEX discrepancies_repaired ON discrepancies (closed_at) WHERE state = 'REPAIRED';

-- What operators decided about discrepancies, and why.
CREATE TABLE discrepancy_decisions (
    id             text PRIMARY KEY,
    discrepancy_id text NOT NULL, -- no foreign key: it is deleted some time after it was repaired
    imp_uid        text NOT NULL,
    kind           text NOT NULL,
    ours           text NOT NULL,
    theirs         text NOT NULL,
    reason         text NOT NULL CHECK (reason <> ''),
    actor_kind     text NOT NULL CHECK (actor_kind <> ''),
    actor_id       text NOT NULL CHECK (actor_id <> ''),
    created_at     timestamptz NOT NULL
);
CREATE INDEX discrepancy_decisions_by_payment ON discrepancy_decisions (imp_uid, id);
CREATE TRIGGER discrepancy_decisions_append_only BEFORE UPDATE OR DELETE ON discrepancy_decisions
    FOR EACH ROW EXECUTE FUNCTION append_only();

-- The last word of the runs about each payment. What differed then is looked up by the next run.
INSERT INTO discrepancies (id, imp_uid, merchant_uid, kind, ours, theirs, state, has_problem, last_run_id, first_seen, last_seen,
        checks, check_at, closed_at)
    SELECT r.id || '-' || d.position, d.imp_uid, d.merchant_uid, d.kind, d.ours, d.theirs,
        CASE WHEN d.healed THEN 'REPAIRED' ELSE 'OPEN' END, false, r.id, r.started_at, r.started_at, 1,
        CASE WHEN d.healed OR d.kind = 'SANDBOX' THEN NULL ELSE r.started_at END,
        CASE WHEN d.healed THEN r.started_at END
    FROM reconciliation_differences d JOIN reconciliations r ON r.id = d.reconciliation_id
    WHERE NOT EXISTS (SELECT 1 FROM reconciliation_differences n
        WHERE n.imp_uid = d.imp_uid AND (n.reconciliation_id, n.position) > (d.reconciliation_id, d.position));
DROP TABLE reconciliation_differences;
-- Payments that Iamport did not know, of which no run speaks any more.
INSERT INTO discrepancies (id, imp_uid, merchant_uid, kind, ours, theirs, state, has_problem, last_run_id, first_seen, last_seen,
        checks, check_at, closed_at)
    SELECT 'missing-' || p.imp_uid, p.imp_uid, p.merchant_uid, 'MISSING_AT_GATEWAY', p.status, '', 'OPEN', true, '', p.synced_at,
        p.synced_at, 1, p.synced_at, NULL
    FROM payments p WHERE p.problem = 'MISSING_AT_GATEWAY'
        AND NOT EXISTS (SELECT 1 FROM discrepancies d WHERE d.imp_uid = p.imp_uid AND d.state = 'OPEN');

-- The Iamport account that this database serves: a hash of its key, never the secret. The newest row is in force.
CREATE TABLE gateway_accounts (
    number     bigint PRIMARY KEY CHECK (number > 0), -- 1, 2, 3, …
    account    text NOT NULL CHECK (account <> ''),
    reason     text NOT NULL CHECK (reason <> ''),
    actor_kind text NOT NULL CHECK (actor_kind <> ''),
    actor_id   text NOT NULL CHECK (actor_id <> ''),
    created_at timestamptz NOT NULL
);
CREATE TRIGGER gateway_accounts_append_only BEFORE UPDATE OR DELETE ON gateway_accounts
    FOR EACH ROW EXECUTE FUNCTION append_only();
