-- What a person refuses is given back to the account: refused, of awarded; and returned, of these, once
-- other evidence counts them all the same. Workers of version 1 leave both as they are, and count
-- what is refused as awarded: they pay later, never twice.

ALTER TABLE account ADD COLUMN refused bigint NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN returned bigint NOT NULL DEFAULT 0;
