CREATE TABLE api_key (
    source     BLOB    NOT NULL REFERENCES source (id),
    selector   TEXT    NOT NULL,        -- the name that tells a source's keys apart
    digest     BLOB    NOT NULL UNIQUE, -- of the key, which is its holder's alone
    created_at INTEGER NOT NULL,
    PRIMARY KEY (source, selector)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
