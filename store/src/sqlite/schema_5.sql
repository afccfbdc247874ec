-- Sales and posters stand whole in content; the other columns are what they are found by. turn: 0 over,
-- 1 goes on by itself, 2 waits for a person.

CREATE TABLE sale (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    order_key BLOB,
    slot BLOB,
    checkout BLOB NOT NULL,
    due INTEGER,
    content TEXT NOT NULL
) STRICT;

CREATE INDEX sale_due ON sale (due, id) WHERE due IS NOT NULL;
CREATE INDEX sale_order ON sale (order_key, id) WHERE order_key IS NOT NULL;
CREATE INDEX sale_checkout ON sale (checkout, id) WHERE turn > 0;
CREATE INDEX sale_open ON sale (id) WHERE turn > 0;
CREATE INDEX sale_for_person ON sale (id) WHERE turn > 1;

-- A place among the discounts of an order: whoever is second does not get it.
CREATE UNIQUE INDEX sale_slot ON sale (slot) WHERE slot IS NOT NULL;

CREATE TABLE poster (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    shop BLOB NOT NULL,
    due INTEGER,
    content TEXT NOT NULL
) STRICT;

CREATE INDEX poster_due ON poster (due, id) WHERE due IS NOT NULL;
CREATE INDEX poster_shop ON poster (shop, id);
