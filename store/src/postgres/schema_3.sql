-- Who has it to itself at the moment, by the number under which that process holds a lock of its
-- session. Once nobody holds it any more, others need not wait for the time that it was taken for.

ALTER TABLE award ADD COLUMN worker integer;
ALTER TABLE participant ADD COLUMN worker integer;
ALTER TABLE delivery ADD COLUMN worker integer;
ALTER TABLE checkout ADD COLUMN worker integer;

CREATE INDEX award_worker ON award (worker) WHERE worker IS NOT NULL;
CREATE INDEX participant_worker ON participant (worker) WHERE worker IS NOT NULL;
CREATE INDEX delivery_worker ON delivery (worker) WHERE worker IS NOT NULL;
CREATE INDEX checkout_worker ON checkout (worker) WHERE worker IS NOT NULL;
