-- What a person refuses is given back to the account: refused, of awarded; and returned, of these, once
-- other evidence counts them all the same. What was refused before stays in awarded alone, until it is
-- judged again.

ALTER TABLE account ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;
