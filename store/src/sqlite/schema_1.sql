-- Times are whole milliseconds since 1970-01-01T00:00:00Z. Flags are 0 or 1.

CREATE TABLE owner (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    registry TEXT NOT NULL,
    source TEXT NOT NULL,
    keys TEXT NOT NULL
) STRICT;

CREATE TABLE participant (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    wake INTEGER
) STRICT;

CREATE INDEX participant_wake ON participant (wake, id) WHERE wake IS NOT NULL;

-- rank: the revision, big-endian in 8 bytes, then the content's digest. Of two entries with one
-- key the greater rank holds.
CREATE TABLE entry (
    participant INTEGER NOT NULL REFERENCES participant (id) ON DELETE CASCADE,
    key BLOB NOT NULL,
    rank BLOB NOT NULL,
    stream BLOB NOT NULL,
    device TEXT NOT NULL,
    recording TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (participant, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    participant INTEGER NOT NULL REFERENCES participant (id) ON DELETE CASCADE,
    line TEXT NOT NULL,
    unit TEXT NOT NULL,
    awarded INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (participant, line, unit)
) STRICT, WITHOUT ROWID;

-- The rows of one time lie together, so that the steps of awards that are under way at the same
-- time share pages.
CREATE TABLE award (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    content TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    sealed BLOB,
    tries INTEGER NOT NULL,
    unclear INTEGER NOT NULL,
    due INTEGER NOT NULL,
    open INTEGER NOT NULL
) STRICT;

-- Exactly the order in which due awards are asked for: no sorting, whatever the backlog. Of those
-- that are due at the same time the one accepted first comes first, which also lets a burst of new
-- awards share pages here.
CREATE INDEX award_due ON award (due, id) WHERE open;

-- What somebody still has to collect, or to look after.
CREATE INDEX award_unacknowledged ON award (key) WHERE state <> 'acknowledged';

CREATE TABLE inbox (
    delivery BLOB PRIMARY KEY,
    closed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE checkout (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    charge TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed BLOB,
    tries INTEGER NOT NULL,
    unclear INTEGER NOT NULL,
    since INTEGER NOT NULL,
    due INTEGER
) STRICT;

CREATE INDEX checkout_due ON checkout (due, id) WHERE due IS NOT NULL;
