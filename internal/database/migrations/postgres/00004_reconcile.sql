-- Reconciliation: what was compared with Iamport, and what differed.
-- +goose Up

-- Every run, also one that failed or died. The newest scheduled one that succeeded is where the next begins.
CREATE TABLE reconciliations (
    id          text PRIMARY KEY,
    scheduled   boolean NOT NULL, -- an operator's own period may leave a gap before it, so it moves no watermark
    from_at     timestamptz NOT NULL,
    to_at       timestamptz NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz, -- NULL while it runs, and for ever if its process died
    listed      bigint NOT NULL CHECK (listed >= 0),      -- payments in Iamport's lists, each once
    compared    bigint NOT NULL CHECK (compared >= 0),    -- payments, theirs and ours
    healed      bigint NOT NULL CHECK (healed >= 0),      -- that differed and agree now
    differences bigint NOT NULL CHECK (differences >= 0), -- that differ still
    note        text   NOT NULL, -- what the operator should know of the run
    error       text   NOT NULL, -- why it failed; empty if it did not
    CONSTRAINT reconciliations_period CHECK (from_at < to_at),
    -- A run that failed has ended.
    CONSTRAINT reconciliations_failed CHECK (error = '' OR finished_at IS NOT NULL)
);
-- Where the next run begins.
CREATE INDEX reconciliations_watermark ON reconciliations (to_at) WHERE scheduled;

CREATE TABLE reconciliation_differences (
    reconciliation_id text   NOT NULL REFERENCES reconciliations (id),
    position          bigint NOT NULL CHECK (position > 0), -- in the order in which they were found
    imp_uid           text   NOT NULL, -- no foreign key: it may be missing here; empty if it was unreadable
    merchant_uid      text   NOT NULL,
    kind              text   NOT NULL CHECK (kind IN
        ('MISSING_HERE', 'MISSING_AT_GATEWAY', 'AMOUNT', 'CANCELLED_AMOUNT', 'OWNER', 'SANDBOX', 'UNREADABLE')),
    ours              text   NOT NULL, -- what our books said; empty if nothing
    theirs            text   NOT NULL, -- what Iamport said; empty if nothing
    healed            boolean NOT NULL,
    PRIMARY KEY (reconciliation_id, position)
);

-- Our side of the comparison: what was paid in a period.
CREATE INDEX payments_by_paid_at ON payments (paid_at, imp_uid);
