-- What somebody still has to collect, in the order of acceptance: a burst of new awards shares pages
-- here, where each key has a page of its own. Closed changes once, so that no other step of an award
-- touches this index.

ALTER TABLE award ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
UPDATE award SET closed = 1 WHERE state = 'acknowledged';

DROP INDEX award_unacknowledged;
CREATE INDEX award_unclosed ON award (id) WHERE NOT closed;
