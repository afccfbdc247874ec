-- Sales and posters stand whole in content; the other columns are what they are found by. turn: 0 over,
-- 1 goes on by itself, 2 waits for a person. No worker has one to itself: what one that died was at in
-- a shop may still come about there, so its time is waited for.

CREATE TABLE sale (
    id bytea PRIMARY KEY,
    version bigint NOT NULL,
    turn bigint NOT NULL,
    order_key bytea,
    slot bytea,
    checkout bytea NOT NULL,
    due bigint,
    content text NOT NULL
);

CREATE INDEX sale_due ON sale (due, id) WHERE due IS NOT NULL;
CREATE INDEX sale_order ON sale (order_key, id) WHERE order_key IS NOT NULL;
CREATE INDEX sale_checkout ON sale (checkout, id) WHERE turn > 0;
CREATE INDEX sale_open ON sale (id) WHERE turn > 0;
CREATE INDEX sale_for_person ON sale (id) WHERE turn > 1;

-- A place among the discounts of an order: whoever is second does not get it.
CREATE UNIQUE INDEX sale_slot ON sale (slot) WHERE slot IS NOT NULL;

CREATE TABLE poster (
    id bytea PRIMARY KEY,
    version bigint NOT NULL,
    shop bytea NOT NULL,
    due bigint,
    content text NOT NULL
);

CREATE INDEX poster_due ON poster (due, id) WHERE due IS NOT NULL;
CREATE INDEX poster_shop ON poster (shop, id);
