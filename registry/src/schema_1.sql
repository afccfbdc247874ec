-- Ids are 12 random bytes, OTCs 16, digests 32; instants are milliseconds since 1970 in UTC.

CREATE TABLE registry (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    key_digest BLOB    NOT NULL, -- of the Registry's public key: this data base and no other key
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE source (
    id         BLOB    PRIMARY KEY,
    name       TEXT    NOT NULL,
    aims       TEXT    NOT NULL, -- codes with a blank between
    public_key TEXT    NOT NULL, -- PEM; the private half is the instrument's alone
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pos (
    id         BLOB    PRIMARY KEY,
    merchant   TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    public_key TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE request (
    otc           BLOB    PRIMARY KEY,
    source        BLOB    NOT NULL REFERENCES source (id),
    pin           TEXT    NOT NULL,
    attempts_left INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    verified_at   INTEGER,
    performed_at  INTEGER,
    session       BLOB             -- digest of the session key that redeemed
) STRICT, WITHOUT ROWID;
CREATE INDEX request_unverified ON request (source, created_at) WHERE verified_at IS NULL;

-- One row stands for `count` vouchers of one minute; the n-th has the id `<id>/<n>`.
CREATE TABLE voucher (
    id              BLOB    PRIMARY KEY,
    request         BLOB    NOT NULL REFERENCES request (otc) ON DELETE CASCADE,
    line            INTEGER NOT NULL, -- its place in the request
    aim             TEXT    NOT NULL,
    count           INTEGER NOT NULL CHECK (count > 0),
    at              INTEGER NOT NULL,
    latitude        REAL    NOT NULL,
    longitude       REAL    NOT NULL,
    place_on_redeem INTEGER NOT NULL,
    secret          BLOB    NOT NULL -- each voucher's own secret is made from it and n
) STRICT, WITHOUT ROWID;
CREATE INDEX voucher_request ON voucher (request, line);

-- A voucher is spent by writing it here: the primary key is what lets that happen once.
-- Nothing says on what it was spent: nobody needs to know.
CREATE TABLE spent (
    voucher BLOB    NOT NULL REFERENCES voucher (id),
    n       INTEGER NOT NULL,
    PRIMARY KEY (voucher, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE payment (
    otc           BLOB    PRIMARY KEY,
    pos           BLOB    NOT NULL REFERENCES pos (id),
    pin           TEXT    NOT NULL,
    attempts_left INTEGER NOT NULL,
    paused_at     INTEGER,          -- persistent ones only: when the attempts were used up
    amount        INTEGER NOT NULL CHECK (amount > 0),
    filter        TEXT,             -- JSON as on the wire
    pocket_ack    TEXT,
    pos_ack       TEXT,
    persistent    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    verified_at   INTEGER,
    confirmations INTEGER NOT NULL DEFAULT 0,
    CHECK (persistent OR confirmations <= 1)
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_unverified ON payment (pos, created_at) WHERE verified_at IS NULL;

CREATE TABLE confirmation (
    payment BLOB    NOT NULL REFERENCES payment (otc),
    digest  BLOB    NOT NULL, -- of session key and vouchers: the same call again is known by it
    at      INTEGER NOT NULL,
    PRIMARY KEY (payment, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE nonce (
    party   BLOB    NOT NULL, -- source or POS
    nonce   BLOB    NOT NULL, -- digest
    content BLOB    NOT NULL, -- digest of what was asked for
    otc     BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (party, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonce_age ON nonce (at);

PRAGMA user_version = 1;
