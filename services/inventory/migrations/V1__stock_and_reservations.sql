-- Pieces of each product. received = available + reserved + sold, always.
CREATE TABLE stock (
    product_id TEXT PRIMARY KEY,
    received BIGINT NOT NULL,
    available BIGINT NOT NULL CHECK (available >= 0),
    reserved BIGINT NOT NULL CHECK (reserved >= 0),
    sold BIGINT NOT NULL CHECK (sold >= 0),
    version BIGINT NOT NULL,
    CHECK (received = available + reserved + sold)
);

-- One row for each order that was ever reserved, refused or released. It lives as long as the order.
CREATE TABLE reservations (
    order_id BYTEA PRIMARY KEY,
    state TEXT NOT NULL CHECK (state = 'RESERVED' OR state = 'SOLD' OR state = 'RELEASED' OR state = 'REFUSED'),
    -- What was asked for: [["product", pieces], ...]; NULL for a tombstone.
    lines TEXT,
    -- The products that were short, of a refused one: ["product", ...].
    short TEXT,
    -- Microseconds since 1970; NULL for an order's own.
    expires_at BIGINT,
    version BIGINT NOT NULL
);

CREATE INDEX reservations_expiring ON reservations (expires_at) WHERE state = 'RESERVED' AND expires_at IS NOT NULL;
