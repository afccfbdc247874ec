-- Runs with the store's own schema as the only one searched. Times are whole milliseconds since
-- 1970-01-01T00:00:00Z. Texts that are searched compare byte by byte, so that no new version of the
-- system's collations can damage an index.

CREATE TABLE owner (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    registry text NOT NULL,
    source text NOT NULL,
    keys text NOT NULL
);

CREATE TABLE participant (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name bytea NOT NULL UNIQUE,
    version bigint NOT NULL,
    wake bigint,
    -- Sealed: whom to hand awards to.
    handle bytea
);

CREATE INDEX participant_wake ON participant (wake, id) WHERE wake IS NOT NULL;

-- rank: the revision, big-endian in 8 bytes, then the content's digest. Of two entries with one
-- key the greater rank holds.
CREATE TABLE entry (
    participant bigint NOT NULL REFERENCES participant (id) ON DELETE CASCADE,
    key bytea NOT NULL,
    rank bytea NOT NULL,
    stream bytea NOT NULL,
    device text NOT NULL,
    recording text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (participant, key)
);

-- unit: text in UTF-8 that may hold a NUL, which the type text does not.
CREATE TABLE account (
    participant bigint NOT NULL REFERENCES participant (id) ON DELETE CASCADE,
    line text COLLATE "C" NOT NULL,
    unit bytea NOT NULL,
    settled bigint NOT NULL,
    awarded bigint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (participant, line, unit)
);

CREATE TABLE award (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key bytea NOT NULL UNIQUE,
    version bigint NOT NULL,
    participant bytea,
    content text NOT NULL,
    accepted bigint NOT NULL,
    state text NOT NULL,
    reason text,
    sealed bytea,
    tries bigint NOT NULL,
    unclear boolean NOT NULL,
    due bigint NOT NULL,
    open boolean NOT NULL
);

-- Exactly the order in which due awards are asked for: no sorting, whatever the backlog. Of those
-- that are due at the same time the one accepted first comes first.
CREATE INDEX award_due ON award (due, id) WHERE open;

-- What somebody still has to collect, or to look after.
CREATE INDEX award_unacknowledged ON award (key) WHERE state <> 'acknowledged';

CREATE INDEX award_participant ON award (participant, key) WHERE participant IS NOT NULL;

CREATE TABLE delivery (
    id bytea PRIMARY KEY,
    version bigint NOT NULL,
    source text NOT NULL,
    state text NOT NULL,
    reason text,
    sealed bytea,
    received bigint NOT NULL,
    tries bigint NOT NULL,
    due bigint NOT NULL
);

CREATE INDEX delivery_due ON delivery (due, id) WHERE state = 'waiting';

CREATE INDEX delivery_done ON delivery (received) WHERE state = 'done';

CREATE TABLE cursor (
    source text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    sealed bytea,
    due bigint NOT NULL,
    failed text
);

-- Requests that were drawn: the instant by which they will have been earned again, in microseconds.
CREATE TABLE budget (
    name text COLLATE "C" PRIMARY KEY,
    spent bigint NOT NULL
);

CREATE TABLE checkout (
    id bytea PRIMARY KEY,
    version bigint NOT NULL,
    charge text NOT NULL,
    state text NOT NULL,
    sealed bytea,
    tries bigint NOT NULL,
    unclear boolean NOT NULL,
    since bigint NOT NULL,
    due bigint
);

CREATE INDEX checkout_due ON checkout (due, id) WHERE due IS NOT NULL;

-- A queue leaves a dead row behind with every step. They are cleared away while they are few, and
-- what was erased is gone soon.
ALTER TABLE award SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
ALTER TABLE entry SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
ALTER TABLE participant SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
