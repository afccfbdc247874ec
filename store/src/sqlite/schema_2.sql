-- Minutes are settled before they are gathered into awards; who gets an award is known until it is
-- acknowledged; deliveries carry what is to be read; pulls have cursors.

-- Sealed: whom to hand awards to.
ALTER TABLE participant ADD COLUMN handle BLOB;

ALTER TABLE account ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
UPDATE account SET settled = awarded;

ALTER TABLE award ADD COLUMN participant BLOB;
ALTER TABLE award ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;

CREATE INDEX award_participant ON award (participant, key) WHERE participant IS NOT NULL;

CREATE TABLE delivery (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    sealed BLOB,
    received INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    due INTEGER NOT NULL
) STRICT;

CREATE INDEX delivery_due ON delivery (due, id) WHERE state = 'waiting';

INSERT INTO delivery
    SELECT delivery, 1, '', iif(closed, 'done', 'waiting'), NULL, NULL, 0, 0, 9223372036854775807
    FROM inbox;
DROP TABLE inbox;

CREATE TABLE cursor (
    source TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    sealed BLOB,
    due INTEGER NOT NULL,
    failed TEXT
) STRICT, WITHOUT ROWID;
